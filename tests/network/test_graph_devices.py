"""A graph of layers as a compiled program, and what GeNN can do with it."""

import numpy as np
import pytest

from tests.helpers.messages import refused

torch = pytest.importorskip("torch")

import brian_siamsnn as bs  # noqa: E402
from brian_siamsnn.model.graph import turns  # noqa: E402
from brian_siamsnn.network import standalone_build  # noqa: E402
from brian_siamsnn.network.genn_installation import genn_problem  # noqa: E402
from brian_siamsnn.network.genn_translation import check_genn_graph, genn_equations  # noqa: E402
from brian_siamsnn.network.layer_equations import layer_equations  # noqa: E402
from brian_siamsnn.network.presentation import Presentation  # noqa: E402
from tests.helpers.compilation import UNOPTIMISED_PROGRAM  # noqa: E402
from tests.helpers.torch_networks import Branches  # noqa: E402


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(4)
    return bs.convert(Branches(2).eval(), torch.rand(6, 2, 12, 12), levels=3)


def test_layers_take_their_turns_after_all_of_their_sources(model):
    assert [layer.name for layer in model.layers] == ["stem", "pool", "one", "two", "out"]
    assert turns(model.layers) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("device", "options", "coding"),
    [
        pytest.param(
            "cpp_standalone",
            {"connectivity": "kernel", "record_states": {"one": ["v"]}},
            "wave:p=3",
            marks=pytest.mark.standalone,
        ),
        pytest.param("cpp_standalone", {"connectivity": "synapses"}, "rate", marks=pytest.mark.standalone),
        pytest.param("genn", {}, "wave:p=3", marks=[pytest.mark.genn, pytest.mark.slow]),
    ],
)
def test_a_compiled_graph_gives_the_same_spikes(model, device, options, coding, monkeypatch):
    # test_devices.py has a program with users' flags; this one compiles in half the time
    monkeypatch.setattr(standalone_build, "_FLAGS", UNOPTIMISED_PROGRAM)
    if device == "genn" and (problem := genn_problem()):
        pytest.skip(problem)
    pictures = np.random.default_rng(0).random((2, 12, 12, 2))
    names = [layer.name for layer in model.layers]
    steps = 6 if coding == "rate" else None
    states = options.get("record_states", {})
    expected = bs.SpikingBranch(model, 12, steps, coding, record=names, record_states=states)
    compiled = bs.build_branch(model, 12, steps, coding, device=device, record=names, **options)
    for picture in pictures:  # one program, run after run
        expected.run(picture)
        compiled.run(picture)
        for name in names:
            np.testing.assert_array_equal(compiled.trains(name).dense(), expected.trains(name).dense(), err_msg=name)
            assert expected.trains(name).counts().any()
        for name, operations in expected.operations.items():
            np.testing.assert_array_equal(compiled.operations[name], operations, err_msg=name)
        for layer in states:
            np.testing.assert_array_equal(compiled.states(layer, "v"), expected.states(layer, "v"))
            assert compiled.states(layer, "v").any()


def test_on_genn_a_graph_needs_a_wave(model):
    with refused("out", "GeNN", "coding='wave'"):
        check_genn_graph(model.layers, layer_equations(model, "rate"))
    equations = layer_equations(model, "wave:p=3")
    check_genn_graph(model.layers, equations)
    # T = 4 windows of 3 steps; the last layer works 4 steps later than the first
    presentation = Presentation(12, 5, 1)
    translated = genn_equations(equations["out"], presentation, turns(model.layers)[-1])
    assert "timestep(t, dt) % 16 >= 4" in translated.model
