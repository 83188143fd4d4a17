"""Neuron models from files: the shipped models, and one-line errors for invalid files."""

import pytest

from brian_siamsnn.files import find
from brian_siamsnn.neurons.equation_files import EquationFile, shipped_models
from brian_siamsnn.neurons.equations import load_equations
from tests.helpers.messages import refused
from tests.helpers.paths import ROOT


def test_the_base_file_of_these_tests_is_valid(own):
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
        # noise and refractoriness
        ("v += I", "v += xi", ["'update'", "xi", "dv/dt", "randn()"]),
        ("v : 1\n", "dv/dt = xi : 1\n", ["'model: v'", "'xi'"]),
        ("v : 1\n", "dv/dt = -v/(5*ms) : 1 (unless refractory)\n", ["'model'", "v", "(unless refractory)", "3*ms"]),
        ('reset = "v', 'refractory = "3"\nreset = "v', ["'refractory'", "'3'"]),
        ('reset = "v', 'refractory = "3*volt"\nreset = "v', ["'refractory'", "'3*volt'"]),
        ('reset = "v', 'refractory = "later*ms"\nreset = "v', ["'refractory'", "'later'"]),
        ('reset = "v', 'refractory = 3\nreset = "v', ["'refractory'", 3]),
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
def test_an_error_is_one_line_with_file_and_key(own, old, new, named):
    path = own(old, new)
    with refused(*named) as caught:
        load_equations(path)
    assert str(caught.value).startswith((str(path), "own:"))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"\xff\xfe", ["TOML"]),
        (b"a = " + b"[" * 5000 + b"]" * 5000, ["TOML"]),
        (b"#" * 200_000, [200000, 100000]),
        (b"", ["'name'"]),
    ],
    ids=["no text", "too deep", "too long", "empty"],
)
def test_an_unreadable_file_is_refused(tmp_path, content, named):
    path = tmp_path / "own.toml"
    path.write_bytes(content)
    with refused(path, *named):
        load_equations(path)


def test_a_folder_is_refused(tmp_path):
    with refused(tmp_path, "folder", "rate", "two_status", ".toml"):
        load_equations(tmp_path)


def test_a_deeply_nested_expression_is_refused(own):
    path = own('"v += I"', f'"v = {"(" * 3000}v{")" * 3000}"')
    with refused(path, "'update'", "Brian2"):
        load_equations(path)


GATES = ["max_pool", "max_pool_first", "max_pool_all"]
CODINGS = ["rate", "phase", "burst", "two_status", "real"]


def test_codings_and_gates_are_shipped():
    assert {*CODINGS, *GATES} <= set(shipped_models())


@pytest.mark.parametrize("name", shipped_models())
def test_a_shipped_model_has_its_file_name_and_cites_its_source(name):
    file = EquationFile.read(name)
    assert file.texts["name"] == name and file.texts["equation"]
    for entry in (*file.parameters.values(), *file.choices.values()):
        assert entry.source and entry.description


@pytest.mark.parametrize("name", shipped_models())
def test_a_shipped_model_loads_with_each_of_its_options(name):
    for key, choice in EquationFile.read(name).choices.items():
        for option in choice.options:
            load_equations(name, **{key: option})


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("phase:K=0", ["phase", "K", "'0'", 1]),
        ("phase:K=2.5", ["phase", "K", "'2.5'"]),
        ("burst:gamma=0", ["burst", "gamma", "'0'", 0]),
        ("burst:gamma=inf", ["burst", "gamma", "'inf'"]),
        ("two_status:p=0", ["two_status", "p", "'0'", 1]),
        ("rate:v_th=-1", ["rate", "v_th", "'-1'", 0]),
    ],
)
def test_a_value_out_of_range_is_named(name, named):
    with refused(*named):
        load_equations(name)


def test_an_integer_may_be_written_as_a_float():
    assert load_equations("phase", K=5.0).parameters["K"] == 5


def test_a_fraction_for_an_integer_parameter_is_named():
    with refused("phase", "K", 5.5):
        load_equations("phase", K=5.5)


@pytest.fixture(scope="module")
def guide():
    return (ROOT / "docs" / "codings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CODINGS)
def test_each_line_of_a_coding_is_in_the_guide(guide, name):
    texts = EquationFile.read(name).texts
    for key in ("model", "update", "threshold", "reset"):
        for line in texts.get(key, "").strip().splitlines():
            assert line in guide or line in ("v : 1", "v_th : 1", "v_th_next : 1", "I : 1 (constant)"), line


@pytest.mark.parametrize("name", CODINGS)
def test_each_option_of_a_coding_is_in_the_guide(guide, name):
    for choice in EquationFile.read(name).choices.values():
        assert all(f"`{option}`" in guide for option in choice.options)


@pytest.mark.parametrize("name", GATES)
def test_each_gate_is_in_the_guide(guide, name):
    assert f"`{name}`" in guide


def test_a_brian2_parsing_error_gives_its_reason(tmp_path):
    """Brian2's own first line is "Parsing failed:"; the reason comes from the exception behind it."""
    text = find("equations", "rate", ".toml").read_text(encoding="utf-8").replace("v : 1\n", "v : 1 (constant\n", 1)
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    with refused(tmp_path / "own.toml", "'model'", "Expected end of text, found '('"):
        load_equations(tmp_path / "own.toml")
