"""Neuron models from files: what is wrong is said in one line, and nothing in a file runs."""

import contextlib
import string
import tomllib

import brian2
import pytest
from brian2 import ms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brian_siamsnn.cli.main import main
from brian_siamsnn.errors import InputError
from brian_siamsnn.neurons.equation_files import EquationFile, shipped_models
from brian_siamsnn.neurons.equations import load_equations
from tests.helpers.paths import ROOT

GOOD = """
name = "own"
description = "for tests"
model = '''
v : 1
I : 1 (constant)
v_th : 1 (shared, constant)
step = timestep(t, dt) + 1 : integer (shared)
'''
update = "v += I"
threshold = "v >= v_th and {when}"
reset = "v -= v_th"
on_pre = "v_post += w * {amplitude}_pre"
amplitude = "v_th"
[initial]
v = "v_init"
[choices.when]
default = "always"
options = { always = "True", later = "step > p" }
[parameters.v_th]
default = 1.0
above = 0.0
[parameters.p]
default = 2
minimum = 1
[parameters.v_init]
default = 0.0
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.toml"

    def write(old="", new=""):
        assert old in GOOD
        path.write_text(GOOD.replace(old, new, 1) if old else GOOD)
        return path

    return write


def test_the_file_that_the_others_are_made_from_works(own):
    assert load_equations(own(), when="later").threshold == "v >= v_th and step > p"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        # texts and tables
        ('amplitude = "v_th"', "", "'amplitude': expected text, but the key is missing"),
        ('update = "v += I"', "update = 3", "'update': expected text, got 3"),
        ('[initial]\nv = "v_init"', "initial = 3", "'initial': expected a table, got 3"),
        ("[parameters.v_th]\ndefault = 1.0", "[parameters]\nv_th = 1.0", "parameters.v_th: expected a table, got 1.0"),
        ("default = 1.0\n", "", "parameters.v_th: expected a default, but the key is missing"),
        ("default = 1.0", 'default = "1.0"', "parameters.v_th: 'default': expected a finite number, got '1.0'"),
        ("default = 1.0", "default = true", "parameters.v_th: 'default': expected a finite number, got True"),
        ("default = 1.0", "default = nan", "parameters.v_th: 'default': expected a finite number, got nan"),
        ("default = 1.0", "default = -1.0", "parameters.v_th: 'default' = -1.0: expected more than 0"),
        ("above = 0.0", "below = 0.0", "'below' is not a key of parameters.v_th; known are"),
        ("above = 0.0", 'unit = "mV"', "'unit': expected '1', for all quantities are dimensionless, got 'mV'"),
        ("above = 0.0", "source = 7", "parameters.v_th: 'source': expected text, got 7"),
        ("default = 2\n", "default = 99999999999\n", "expected a whole number of 32 bits"),
        ('default = "always"', "default = 3", r"choices.when: 'default': expected one of \['always', 'later'\], got 3"),
        ('options = { always = "True", later = "step > p" }', "", "choices.when: 'options': expected a table, got N"),
        ('"step > p" }', "4 }", "choices.when: option 'later': expected text, got 4"),
        ("{when}", "{whn}", r"'threshold': \{whn\} is not one of the choices \['when'\]"),
        ("[choices.when]", "[choices.v_th]", "'v_th': expected a parameter or a choice, got both"),
        ("[parameters.p]", '[parameters."p q"]', "parameters: expected a name of letters and digits, got 'p q'"),
        ("[parameters.p]", "[parameters.exp]", "expected a name of its own, got 'exp', which has a meaning here"),
        ('v = "v_init"', 'v = "v_0"', r"initial v = 'v_0': expected a number or one of \['v_th', 'p', 'v_init'\]"),
        ('v = "v_init"', "v = [1]", r"initial v = \[1\]: expected a number or one of"),
        ('v = "v_init"', "u = 1", r"initial u: expected a variable of the model that changes, out of \['v'\]"),
        ('v = "v_init"', "step = 1", "initial step: expected a variable of the model that changes"),
        # dimensions
        ("v : 1\n", "v : volt\n", "'model': expected one variable a line, of unit 1, .*; got 'v : volt'"),
        ("v : 1\n", "v\n", "'model': expected one variable a line, .*; got 'v'"),
        ("v : 1\n", "v : 1\nv : 1\n", "'model': not equations of Brian2"),
        ("v : 1\n", "v : 1 (lazy)\n", "'model': not equations of Brian2|expected flags out of"),
        ("v : 1\n", "dv/dt = -v : 1\n", "'model: v': expected a quantity of dimension Hz|of dimension s|1/s"),
        ("v += I", "v += I*mV", "'update': expected a quantity of dimension 1, got 'I [*] mV'"),
        ("v += I", "v += t", "'update': expected a quantity of dimension 1, got 't'"),
        ("timestep(t, dt)", "t", "model: step"),
        # names
        ("v >= v_th", "v >= theta", "'threshold': 'theta' is neither a variable of the model nor one of its"),
        ("v += I", "v += J", "'update': 'J' is neither"),
        ("v += I", "u += I", "'update': 'u' is neither"),
        ("v += I", "I = 0", r"'update': I cannot be set; what changes is \['v'\]"),
        ("v += I", "step = 0", "'update': step cannot be set"),
        ("v += I", "t = 0", "'update': t cannot be set"),
        ("w *", "u *", "'on_pre': 'u' is neither"),
        ('amplitude = "v_th"', 'amplitude = "v_t"', "'amplitude': expected a variable of the model .*got 'v_t'"),
        ("[parameters.v_th]", "[parameters.u_th]", r"v_th is a constant without a value; add a table \[param"),
        # syntax
        ("v >= v_th", "v >=", "'threshold': not an expression of Brian2: invalid syntax"),
        ("v >= v_th and {when}", "v", "'threshold': expected a condition such as v >= v_th, got 'v'"),
        ("v >= v_th and {when}", "v >= v_th and v", "'threshold': .*"),
        ("v += I", "v += I; while", "'update': not an expression"),
        ("v += I", "if v: v = 0", "'update': expected statements such as v [+]= I, got 'if v:"),
        ("v += I", "v", "'update': expected statements such as v [+]= I, got 'v'"),
    ],
)
def test_one_line_names_file_and_key(own, old, new, message):
    path = own(old, new)
    with pytest.raises(InputError, match=message) as caught:
        load_equations(path)
    text = str(caught.value)
    assert text.startswith((str(path), "own:")) and "\n" not in text


@pytest.mark.parametrize(
    "code",
    [
        "__import__('os').system('touch {marker}')",
        "().__class__.__bases__[0].__subclasses__()",
        "exec('1')",
        "eval(1)",
        "open(1)",
        "(lambda: 1)()",
        "[v for v in (1, 2)]",
        "v.__class__",
        "v[0]",
        "f'{{v}}'",
        "exp(__import__('os').system('touch {marker}'))",
        "exp(v, out=1)",
        "(v := 1)",
        "__builtins__",
        "9**9**9**9",
        "v**(9**9999)",
        "_spikespace",
    ],
)
@pytest.mark.parametrize("key", ["model", "update", "threshold", "reset", "on_pre"])
def test_nothing_in_a_file_runs(own, tmp_path, key, code):
    """A file from elsewhere holds Brian2's expressions or is refused before Brian2 sees it."""
    marker = tmp_path / "ran"
    code = code.replace("{marker}", str(marker)).replace("{{", "{").replace("}}", "}")
    old, new = {
        "model": ("timestep(t, dt) + 1", code),
        "update": ('"v += I"', f'"v = {code}"'),
        "threshold": ('"v >= v_th and {when}"', f'"v >= {code}"'),
        "reset": ('"v -= v_th"', f'"v = {code}"'),
        "on_pre": ("w * {amplitude}_pre", code),
    }[key]
    with pytest.raises(InputError):
        load_equations(own(old, new))
    assert not marker.exists()


def test_files_that_are_none(tmp_path):
    path = tmp_path / "own.toml"
    for content, message in [
        (b"\xff\xfe", "not a TOML file"),
        (b"a = " + b"[" * 5000 + b"]" * 5000, "not a TOML file"),
        (b"#" * 200_000, "200000 bytes are too many"),
        (b"", "'name': expected text, but the key is missing"),
    ]:
        path.write_bytes(content)
        with pytest.raises(InputError, match=message):
            load_equations(path)
    with pytest.raises(InputError, match="no such file, and not one of the equations that ship"):
        load_equations(tmp_path)
    deep = "(" * 3000 + "v" + ")" * 3000
    path.write_text(GOOD.replace('"v += I"', f'"v = {deep}"'))
    with pytest.raises(InputError, match="'update': not an expression of Brian2"):
        load_equations(path)


def _leaves(table, before=()):
    for key, value in table.items():
        yield (*before, key)
        if isinstance(value, dict):
            yield from _leaves(value, (*before, key))


def _toml(table, before=""):
    """TOML text of nested tables; values that are no tables come first."""
    import json

    def plain(value):
        if isinstance(value, float):
            return {"inf": "inf", "-inf": "-inf", "nan": "nan"}.get(repr(value), repr(value))
        return json.dumps(value)

    lines = [f"{json.dumps(key)} = {plain(value)}" for key, value in table.items() if not isinstance(value, dict)]
    for key, value in table.items():
        if isinstance(value, dict):
            name = f"{before}{json.dumps(key)}"
            lines += [f"[{name}]", _toml(value, f"{name}.")]
    return "\n".join(lines)


WORDS = st.sampled_from(
    [
        "v",
        "I",
        "w",
        "v_th",
        "step",
        "p",
        "{when}",
        "{amplitude}",
        "_pre",
        "_post",
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "**",
        "(",
        ")",
        ",",
        ">=",
        "=",
        "+=",
        ":",
        "1",
        "0",
        "2.5",
        "1e400",
        "volt",
        "ms",
        "exp",
        "int",
        "clip",
        "rand()",
        "and",
        "not",
        "True",
        "integer",
        "(constant)",
        "(shared)",
        "dv/dt",
        "\n",
        "#",
        " ",
        "count",
        "t",
        "dt",
        "lambda",
        ".real",
    ]
)
VALUES = st.one_of(
    st.lists(WORDS, max_size=8).map(" ".join),
    st.text(string.printable, max_size=12),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.booleans(),
    st.lists(st.integers(0, 3), max_size=2),
    st.builds(dict),
    st.builds(dict, default=st.just(1)),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_content_is_a_model_or_an_input_error(tmp_path, data):
    """Keys removed or given other values, at any depth; what passes, Brian2 takes or InputError says why not."""
    table = tomllib.loads(GOOD)
    places = list(_leaves(table))
    for place in data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=3)):
        inner = table
        for key in place[:-1]:
            inner = inner.get(key) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            if data.draw(st.integers(0, 4)) == 0:
                inner.pop(place[-1], None)
            else:
                inner[place[-1]] = data.draw(VALUES)
    path = tmp_path / "own.toml"
    path.write_text(_toml(table), encoding="utf-8")
    with contextlib.suppress(InputError):
        equations = load_equations(path)
        equations.group(2, "fuzzed", brian2.Clock(dt=1 * ms))


def test_shipped_models_pass_and_say_where_they_are_from():
    names = shipped_models()
    assert {"rate", "phase", "burst", "two_status", "real", "max_pool", "max_pool_first", "max_pool_all"} <= set(names)
    for name in names:
        file = EquationFile.read(name)
        assert file.texts["name"] == name and file.texts["equation"]
        for entry in (*file.parameters.values(), *file.choices.values()):
            assert entry.source and entry.description
        for key, choice in file.choices.items():
            for option in choice.options:
                load_equations(name, **{key: option})


def test_parameters_have_types_and_ranges():
    for name, message in [
        ("phase:K=0", "phase: K = '0': expected 1 or more"),
        ("phase:K=2.5", "phase: K = '2.5': expected a whole number"),
        ("burst:gamma=0", "burst: gamma = '0': expected more than 0"),
        ("burst:gamma=inf", "burst: gamma = 'inf': expected a finite number"),
        ("two_status:p=0", "two_status: p = '0': expected 1 or more"),
        ("rate:v_th=-1", "rate: v_th = '-1': expected more than 0"),
    ]:
        with pytest.raises(InputError, match=message):
            load_equations(name)
    assert load_equations("phase", K=5.0).parameters["K"] == 5
    with pytest.raises(InputError, match=r"K = 5.5: expected a whole number"):
        load_equations("phase", K=5.5)


def command(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    return stop.value.code, *capsys.readouterr()


def test_equations_on_the_command_line(capsys, own):
    code, out, _ = command(capsys, "equations")
    lines = out.splitlines()
    assert code == 0 and [line.split()[0] for line in lines] == shipped_models()
    assert any(line.startswith("phase ") and "Eq. 10" in line and "Weighted spikes" in line for line in lines)

    code, out, _ = command(capsys, "equations", "two_status:reading=ceil,beta=0.7")
    assert code == 0
    # the reading is filled in, values are shown with default and range, all readings are listed
    assert "depressed = ((step + p - 1) // p) % 2 == 1 : boolean (shared)" in out
    assert "beta = 0.7   unit 1, above 0, default 0.65" in out
    assert "p = 10   unit 1, at least 1, a whole number" in out
    assert "reading = ceil   one of:" in out and "floor_from_zero" in out
    assert "v = v_init = 0" in out and "IV.A; threshold in depression" in out

    assert command(capsys, "equations", str(own()))[0] == 0
    for name in ("nonsense", "rate:gamma=1", str(own("v += I", "v += J"))):
        code, out, err = command(capsys, "equations", name)
        assert code == 2 and not out and err.startswith("error: ") and err.count("\n") == 1


def test_a_bad_file_on_the_command_line_is_one_line(capsys, own, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = str(own("v >= v_th", "v >= theta"))
    for option in ("--coding", "--hidden-coding", "--pooling"):
        code, _, err = command(capsys, "track", "synthetic", option, path, "--frames", "2")
        assert code == 2 and err.splitlines()[-1].startswith(f"error: {path}: 'threshold': 'theta'")
    assert [entry.name for entry in tmp_path.iterdir()] == ["own.toml"]


def test_the_documentation_shows_what_runs():
    """Each line of the shipped codings is in docs/codings.md."""
    text = (ROOT / "docs" / "codings.md").read_text(encoding="utf-8")
    for name in ("rate", "phase", "burst", "two_status", "real"):
        texts = EquationFile.read(name).texts
        for key in ("model", "update", "threshold", "reset"):
            for line in texts.get(key, "").strip().splitlines():
                assert line in text or line in ("v : 1", "v_th : 1", "v_th_next : 1", "I : 1 (constant)"), line
        for choice in EquationFile.read(name).choices.values():
            assert all(f"`{option}`" in text for option in choice.options)
    for name in ("max_pool", "max_pool_first", "max_pool_all"):
        assert f"`{name}`" in text
