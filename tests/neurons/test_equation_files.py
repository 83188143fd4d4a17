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
from tests.helpers.messages import assert_names, assert_shows, refused
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
    ("old", "new", "named"),
    [
        # texts and tables
        ('amplitude = "v_th"', "", ["'amplitude'"]),
        ('update = "v += I"', "update = 3", ["'update'", 3]),
        ('[initial]\nv = "v_init"', "initial = 3", ["'initial'", 3]),
        ("[parameters.v_th]\ndefault = 1.0", "[parameters]\nv_th = 1.0", ["parameters.v_th", 1.0]),
        ("default = 1.0\n", "", ["parameters.v_th", "default"]),
        ("default = 1.0", 'default = "1.0"', ["parameters.v_th", "'default'", "'1.0'"]),
        ("default = 1.0", "default = true", ["parameters.v_th", "'default'", True]),
        ("default = 1.0", "default = nan", ["parameters.v_th", "'default'", "nan"]),
        ("default = 1.0", "default = -1.0", ["parameters.v_th", "'default'", -1.0, 0]),
        ("above = 0.0", "below = 0.0", ["parameters.v_th", "'below'", "'above'"]),
        ("above = 0.0", 'unit = "mV"', ["parameters.v_th", "'unit'", "'1'", "'mV'"]),
        ("above = 0.0", "source = 7", ["parameters.v_th", "'source'", 7]),
        ("default = 2\n", "default = 99999999999\n", ["parameters.p", "'default'", 99999999999, 32]),
        ('default = "always"', "default = 3", ["choices.when", "'default'", ["always", "later"], 3]),
        ('options = { always = "True", later = "step > p" }', "", ["choices.when", "'options'", None]),
        ('"step > p" }', "4 }", ["choices.when", "option", "'later'", 4]),
        ("{when}", "{whn}", ["'threshold'", "{whn}", ["when"]]),
        ("[choices.when]", "[choices.v_th]", ["'v_th'", "parameter", "choice"]),
        ("[parameters.p]", '[parameters."p q"]', ["parameters", "'p q'"]),
        ("[parameters.p]", "[parameters.exp]", ["parameters", "'exp'"]),
        ('v = "v_init"', 'v = "v_0"', ["initial", "v", "'v_0'", ["v_th", "p", "v_init"]]),
        ('v = "v_init"', "v = [1]", ["initial", "v", [1], ["v_th", "p", "v_init"]]),
        ('v = "v_init"', "u = 1", ["initial", "u", ["v"]]),
        ('v = "v_init"', "step = 1", ["initial", "step", ["v"]]),
        # dimensions
        ("v : 1\n", "v : volt\n", ["'model'", 1, "'v : volt'"]),
        ("v : 1\n", "v\n", ["'model'", "'v'"]),
        ("v : 1\n", "v : 1\nv : 1\n", ["'model'", "'v'"]),
        ("v : 1\n", "v : 1 (lazy)\n", ["'model'", "lazy"]),
        ("v : 1\n", "dv/dt = -v : 1\n", ["'model: v'", "'-v'"]),
        ("v += I", "v += I*mV", ["'update'", 1, "'I * mV'"]),
        ("v += I", "v += t", ["'update'", 1, "'t'"]),
        ("timestep(t, dt)", "t", ["'model: step'"]),
        # names
        ("v >= v_th", "v >= theta", ["'threshold'", "'theta'", "[parameters.theta]"]),
        ("v += I", "v += J", ["'update'", "'J'", "[parameters.J]"]),
        ("v += I", "u += I", ["'update'", "'u'"]),
        ("v += I", "I = 0", ["'update'", "I", ["v"]]),
        ("v += I", "step = 0", ["'update'", "step", ["v"]]),
        ("v += I", "t = 0", ["'update'", "t", ["v"]]),
        ("w *", "u *", ["'on_pre'", "'u'"]),
        ('amplitude = "v_th"', 'amplitude = "v_t"', ["'amplitude'", ["I", "step", "v", "v_th"], "'v_t'"]),
        ("[parameters.v_th]", "[parameters.u_th]", ["'model'", "v_th", "[parameters.v_th]"]),
        # syntax
        ("v >= v_th", "v >=", ["'threshold'", "Brian2", "invalid syntax"]),
        ("v >= v_th and {when}", "v", ["'threshold'", "'v'"]),
        ("v >= v_th and {when}", "v >= v_th and v", ["'threshold'"]),
        ("v += I", "v += I; while", ["'update'", "'v += I; while'"]),
        ("v += I", "if v: v = 0", ["'update'", "'if v:"]),
        ("v += I", "v", ["'update'", "'v'"]),
    ],
)
def test_one_line_names_file_and_key(own, old, new, named):
    path = own(old, new)
    with refused(*named) as caught:
        load_equations(path)
    assert str(caught.value).startswith((str(path), "own:"))


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
    for content, named in [
        (b"\xff\xfe", ["TOML"]),
        (b"a = " + b"[" * 5000 + b"]" * 5000, ["TOML"]),
        (b"#" * 200_000, [200000, 100000]),
        (b"", ["'name'"]),
    ]:
        path.write_bytes(content)
        with refused(path, *named):
            load_equations(path)
    with refused(tmp_path, "folder", "rate", "two_status", ".toml"):
        load_equations(tmp_path)
    deep = "(" * 3000 + "v" + ")" * 3000
    path.write_text(GOOD.replace('"v += I"', f'"v = {deep}"'))
    with refused(path, "'update'", "Brian2"):
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
    for name, named in [
        ("phase:K=0", ["phase", "K", "'0'", 1]),
        ("phase:K=2.5", ["phase", "K", "'2.5'"]),
        ("burst:gamma=0", ["burst", "gamma", "'0'", 0]),
        ("burst:gamma=inf", ["burst", "gamma", "'inf'"]),
        ("two_status:p=0", ["two_status", "p", "'0'", 1]),
        ("rate:v_th=-1", ["rate", "v_th", "'-1'", 0]),
    ]:
        with refused(*named):
            load_equations(name)
    assert load_equations("phase", K=5.0).parameters["K"] == 5
    with refused("phase", "K", 5.5):
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
    lines = {line.strip().split("   ")[0]: line for line in out.splitlines()}
    assert_names(lines["beta = 0.7"], 0, 0.65)
    assert_names(lines["p = 10"], 1)
    assert "reading = ceil" in lines
    assert_shows(out, *EquationFile.read("two_status").choices["reading"].options)
    assert_shows(out, "v = v_init = 0", EquationFile.read("two_status").parameters["alpha"].source)

    assert command(capsys, "equations", str(own()))[0] == 0
    for name in ("nonsense", "rate:gamma=1", str(own("v += I", "v += J"))):
        code, out, err = command(capsys, "equations", name)
        assert code == 2 and not out and err.startswith("error: ") and err.count("\n") == 1


def test_a_bad_file_on_the_command_line_is_one_line(capsys, own, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = str(own("v >= v_th", "v >= theta"))
    for option in ("--coding", "--hidden-coding", "--pooling"):
        code, _, err = command(capsys, "track", "synthetic", option, path, "--frames", "2")
        assert code == 2 and err.splitlines()[-1].startswith("error: ")
        assert_names(err.splitlines()[-1], path, "'threshold'", "'theta'")
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
