"""Networks with any combination of codings and gates: both forms of connectivity, and PyTorch."""

import numpy as np
import pytest

from brian_siamsnn.connectivity.first_layer import FirstLayer
from brian_siamsnn.model.conversion import SpikingModel
from brian_siamsnn.model.files import load_model
from brian_siamsnn.network.runtime import SpikingBranch
from brian_siamsnn.neurons.equations import load_equations
from tests.helpers.codings import CODINGS, GATES
from tests.helpers.messages import refused
from tests.helpers.reference import NETWORKS, image, simulate, small_model

SIZE, STEPS = 26, 12


def run_branch(model, connectivity, **options):
    layers = tuple(layer.name for layer in model.layers)
    branch = SpikingBranch(model, SIZE, STEPS, connectivity=connectivity, record=layers, **options)
    branch.run(image(SIZE))
    return branch, {name: branch.trains(name).dense() for name in layers}


@pytest.mark.parametrize("coding", CODINGS)
def test_both_forms_of_connectivity_fire_the_same_spikes(coding):
    model = small_model(NETWORKS["pools"])
    (kernel, a), (synapses, b) = (
        run_branch(model, form, coding=coding, hidden_coding=coding) for form in ("kernel", "synapses")
    )
    for name in a:
        assert a[name].any(), name
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)
    for name, events in kernel.operations.items():
        np.testing.assert_array_equal(events, synapses.operations[name])


@pytest.mark.parametrize("gate", GATES)
def test_gates_give_the_same_spikes_in_both_forms_of_connectivity(gate):
    """With amplitudes that differ between neurons, and two images side by side."""
    model = small_model(NETWORKS["pools"])
    results = {}
    for form in ("kernel", "synapses"):
        branch = SpikingBranch(
            model,
            SIZE,
            STEPS,
            "burst",
            hidden_coding="burst:gamma=2,v_0=0.25",
            pooling=gate,
            connectivity=form,
            batch_size=2,
            dtype=np.float64,
            record=("conv1", "pool1", "pool2"),
        )
        pair = np.stack([image(SIZE, 1), image(SIZE, 2)])
        for _ in range(2):  # the second run shows that the gates have been reset
            branch.run_batch(pair)
        recorded = ("pool1", "pool2", "conv3")
        results[form] = [branch.trains(name, n).dense() for name in recorded for n in range(2)]
        inputs = branch.trains("conv1", 1)
    assert len(np.unique(inputs.amplitude)) > 2
    for one, other in zip(*results.values(), strict=True):
        assert one.any()
        np.testing.assert_array_equal(one, other)
    # 3x3 windows with stride 2, from their definitions
    sums, sent = np.cumsum(inputs.dense(), 0), results["kernel"][1]
    windows = [sums[:, y : y + 21 : 2, x : x + 21 : 2] for y in range(3) for x in range(3)]
    if gate == "max_pool":
        np.testing.assert_array_equal(np.cumsum(sent, 0), np.max(windows, 0))
    else:
        assert (np.cumsum(sent, 0)[-1] > np.max(windows, 0)[-1]).mean() > 0.1  # they send more than the maximum


def test_a_phase_coded_network_equals_pytorch():
    pytest.importorskip("torch", reason="the reference simulation is PyTorch's")
    model = small_model(NETWORKS["pools"])
    # K = 4: 4 * (1/2, 1/4, 1/8, 1/16); the reference uses the same thresholds in every layer
    thresholds = [2.0, 1.0, 0.5, 0.25] * 3
    expected = simulate(model, FirstLayer(model).current(image(SIZE)), STEPS, thresholds, thresholds)
    _, trains = run_branch(model, "kernel", coding="phase:K=4", hidden_coding="phase:K=4", dtype=np.float64)
    for name, train in trains.items():
        assert train.any()
        np.testing.assert_array_equal(train, expected[name], err_msg=name)


def test_each_layer_can_have_its_own_coding():
    model = small_model(NETWORKS["pools"])
    hidden = {"conv1": "phase:K=4", "conv2": load_equations("burst")}
    (branch, a), (_, b) = (
        run_branch(model, form, coding="two_status:p=3", hidden_coding=hidden) for form in ("kernel", "synapses")
    )
    names = [branch.equations[name].name for name in branch.groups]
    assert names == ["phase", "max_pool", "burst", "max_pool", "two_status"]
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


def test_an_unlisted_layer_is_rate_coded():
    branch = SpikingBranch(small_model(NETWORKS["pools"]), SIZE, coding="rate", hidden_coding={"conv1": "burst"})
    assert branch.equations["conv2"].name == "rate"


@pytest.mark.parametrize("layer", ["conv3", "pool1", "conv9"])
def test_a_coding_for_anything_but_a_hidden_convolution_is_refused(layer):
    with refused("hidden_coding", repr(layer), ["conv1", "conv2"]):
        SpikingBranch(small_model(NETWORKS["pools"]), SIZE, hidden_coding={layer: "rate"})


ODD = """
name = "odd"
description = "for what a kernel cannot do"
model = '''
v : 1
I : 1 (constant)
a = v + 1 : 1
'''
update = "v += I"
threshold = "v >= 1"
reset = "v = 0"
on_pre = "v_post += w * {amplitude}_pre"
amplitude = "v"
"""


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('"v"\n', '"a"\n', ["amplitude", "a", "connectivity='synapses'"]),
        ("v : 1", "v : integer", ["'v : float'", "'v : integer'"]),
        ("v : 1", "v : 1 (shared)", ["'v : float'", "'v : float (shared)'"]),
    ],
)
def test_the_kernel_refuses_variables_that_it_cannot_add_to(tmp_path, old, new, named):
    path = tmp_path / "odd.toml"
    path.write_text(ODD.replace(old, new))
    with refused("odd", *named):
        SpikingBranch(small_model(NETWORKS["plain"]), SIZE, coding="rate", hidden_coding=str(path))


def test_synapses_accept_an_amplitude_given_by_an_expression(tmp_path):
    path = tmp_path / "odd.toml"
    path.write_text(ODD.replace('"v"\n', '"a"\n'))
    model = small_model(NETWORKS["plain"])
    branch = SpikingBranch(model, SIZE, 3, hidden_coding=str(path), connectivity="synapses")
    branch.run(image(SIZE))
    assert branch.spikes["conv2"].sum() > 0


# initial potentials


@pytest.fixture(scope="module")
def cnn():
    return load_model("compact")


def test_an_initial_potential_overrides_the_models(cnn):
    model = SpikingModel.from_model(cnn, 0.25)
    assert model.initial_potential == 0.25
    assert SpikingBranch(model, 127).equations["conv5"].initial["v"] == 0.25


def test_a_coding_keeps_its_initial_potential_and_other_layers_use_the_models(cnn):
    equations = SpikingBranch(SpikingModel.from_model(cnn), 127, 20, "rate:v_init=0.25").equations
    assert equations["conv5"].initial["v"] == 0.25
    # the shipped network was trained for potentials that start at half the threshold
    assert equations["conv1"].initial["v"] == 0.5


def test_a_non_finite_initial_potential_is_refused(cnn):
    with refused("v_init", "nan"):
        SpikingModel.from_model(cnn, np.nan)
