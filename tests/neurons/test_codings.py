"""Spike times of every coding worked out by hand, what all of them conserve, and networks of any mix."""

import brian2
import numpy as np
import pytest
from brian2 import ms
from hypothesis import given, settings
from hypothesis import strategies as st

from brian_siamsnn.connectivity.first_layer import FirstLayer
from brian_siamsnn.network.runtime import SpikingBranch
from brian_siamsnn.neurons.equations import load_equations
from brian_siamsnn.neurons.single_neuron import probe
from tests.helpers.messages import refused
from tests.helpers.reference import NETWORKS, image, simulate, small_model

SIZE, STEPS = 26, 12

#: Every coding and reading of it, at the numbers where it differs from rate coding.
CODINGS = [
    "rate",
    "rate:v_th=0.75,v_init=0.5",
    "phase:K=4",
    "phase:K=4,charge=per_period",
    "burst",
    "burst:recursion=single",
    "burst:gamma=2,v_0=0.125",
    "burst:gamma=2,v_0=0.125,recursion=single",
    "two_status:beta=0.625,p=3",
    "two_status:beta=0.625,p=3,reading=ceil",
    "two_status:beta=0.625,p=3,reading=real",
    "two_status:beta=0.625,p=3,reading=floor_from_zero",
]
GATES = ["max_pool", "max_pool_first", "max_pool_all"]


def test_phase_sends_binary_digits():
    # K = 3, thresholds 3 * (1/2, 1/4, 1/8) = 1.5 .75 .375; each step adds .5:
    # .5 | 1->.25 | .75->.375 || .875 | 1.375->.625 | 1.125->.75
    run = probe("phase", [0.5] * 6, K=3)
    assert run.threshold.tolist() == [1.5, 0.75, 0.375, 1.5, 0.75, 0.375]
    assert run.spike_steps == [2, 3, 5, 6]
    assert run.amplitudes == [0.75, 0.375, 0.75, 0.375]
    assert run.v.tolist() == [0.5, 0.25, 0.375, 0.875, 0.625, 0.75]


def test_phase_to_the_letter_fires_the_same_spikes_a_period_s_worth_smaller():
    # Eq. 10 with K = 4: 1/2, 1/4, 1/8, 1/16
    current = [1.0, 0.25, 0.5, 0.75, -0.5, 0.875, 1.0, 0.125]
    per_step, per_period = (probe("phase", current, K=4, charge=charge) for charge in ("per_step", "per_period"))
    assert per_period.threshold.tolist() == [0.5, 0.25, 0.125, 0.0625] * 2
    assert per_period.spike_steps == per_step.spike_steps
    np.testing.assert_array_equal(4 * per_period.v, per_step.v)


def test_burst_halves_its_threshold_while_it_fires():
    # .75 | 1.5->.5 | 1.25 >= .5 ->.75 | -.25 < .25 | .5 < 1 | 1.25->.25 | 0 < .5
    run = probe("burst", [0.75, 0.75, 0.75, -1.0, 0.75, 0.75, -0.25])
    assert run.threshold.tolist() == [1, 1, 0.5, 0.25, 1, 1, 0.5]
    assert run.spike_steps == [2, 3, 6]
    assert run.amplitudes == [1, 0.5, 1]
    assert run.v.tolist() == [0.75, 0.5, 0.75, -0.25, 0.5, 0.25, 0]


def test_readings_of_the_burst_s_recursion():
    # a strong current never lets the burst end
    compound, single = (probe("burst", [2.0] * 4, recursion=name) for name in ("compound", "single"))
    assert compound.amplitudes == [1, 0.5, 0.25, 0.125]
    assert single.amplitudes == [1, 0.5, 0.5, 0.5]
    assert (compound.v[-1], single.v[-1]) == (8 - 1.875, 8 - 2.5)


def test_burst_that_grows():
    # Park 2019: from 1/8, doubled after each spike.
    # 0.5->.375 | .875 >= .25 ->.625 | 1.125 >= .5 ->.625 | 1.125 >= 1 ->.125 | .625 < 2 | 1.125 >= 1/8 -> 1
    run = probe("burst", [0.5] * 6, gamma=2, v_0=0.125)
    assert run.spike_steps == [1, 2, 3, 4, 6]
    assert run.amplitudes == [0.125, 0.25, 0.5, 1, 0.125]
    # ... to the single constant: 1/8 once, then 1/4 as long as it fires
    run = probe("burst", [0.5] * 4, gamma=2, v_0=0.125, recursion="single")
    assert run.amplitudes == [0.125, 0.25, 0.25, 0.25]


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(-64, 128), min_size=1, max_size=20))
def test_burst_with_a_constant_of_one_is_rate_coding(current):
    current = np.array(current) / 64
    burst, rate = probe("burst", current, gamma=1), probe("rate", current)
    assert burst.spike_steps == rate.spike_steps
    np.testing.assert_array_equal(burst.v, rate.v)


def test_real_neurons_send_their_value_at_every_step():
    # two pixels of 0.25 and 0.5 through weights 1 and -0.5, a third that is dark: nothing arrives in all
    run = probe("rate", arriving=[[0.25, 0.5, 0]] * 4, weights=[1, -0.5, 9])
    assert run.v.tolist() == [0] * 4
    # 0.75 through 1: .75 | 1.5->.5 | 1.25->.25 | 1->0
    assert probe("rate", arriving=[[0.75]] * 4).spike_steps == [2, 3, 4]


#: Three inputs over seven steps. Counts after each step: 100 110 120 220 221 222 332
ARRIVING = [[1, 0, 0], [0, 1, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1], [1, 1, 0]]


@pytest.mark.parametrize(
    ("gate", "steps"),
    [
        # the maximum is 1 1 2 2 2 2 3
        ("max_pool", [1, 3, 7]),
        # the first of the largest counts is input 1 1 2 1 1 1 1; it fires in steps 1, 3, 4 and 7
        ("max_pool_first", [1, 3, 4, 7]),
        # a largest count is reached by a spike in step 1 (100), 2 (110), 3 (120), 4 (220), 6 (222), 7 (332)
        ("max_pool_all", [1, 2, 3, 4, 6, 7]),
    ],
)
def test_gates(gate, steps):
    run = probe(gate, arriving=ARRIVING)
    assert run.spike_steps == steps
    assert run.amplitudes == [1] * len(steps)


def test_gates_pass_on_what_spikes_carry():
    # sums: .5 0 | .5 .25 | .5 .75 | 1.5 .75
    arriving = [[0.5, 0], [0, 0.25], [0, 0.5], [1, 0]]
    for gate, sent in {
        "max_pool": {1: 0.5, 3: 0.25, 4: 0.75},
        "max_pool_first": {1: 0.5, 3: 0.5, 4: 1},
        "max_pool_all": {1: 0.5, 3: 0.5, 4: 1},
    }.items():
        run = probe(gate, arriving=arriving)
        assert dict(zip(run.spike_steps, run.amplitudes, strict=True)) == sent, gate


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(5, 10), st.integers(2, 5))
def test_gates_against_their_definitions(seed, steps, inputs):
    """Cumulated counts, their maximum, and who attains it, in NumPy."""
    rng = np.random.default_rng(seed)
    fires = rng.random((steps, inputs)) < rng.random(inputs)
    counts = np.cumsum(fires, 0)
    expected = {
        "max_pool": np.diff(counts.max(1), prepend=0) > 0,
        "max_pool_first": fires[np.arange(steps), counts.argmax(1)],
        "max_pool_all": (fires & (counts == counts.max(1, keepdims=True))).any(1),
    }
    for gate, sent in expected.items():
        assert probe(gate, arriving=fires).spike_steps == (np.flatnonzero(sent) + 1).tolist(), gate
    # each lets through at least what the one before it does
    assert expected["max_pool"].sum() <= expected["max_pool_first"].sum() <= expected["max_pool_all"].sum()


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(CODINGS), st.lists(st.integers(-64, 160), min_size=1, max_size=24))
def test_input_is_potential_plus_what_was_emitted(coding, current):
    """Eq. 2 summed over time, in every coding: v_init + sum of I = v(T) + sum of the amplitudes."""
    equations = load_equations(coding)
    current = np.array(current) / 64  # dyadic, so that sums are exact
    run = probe(equations, current)
    share = 1 / 4 if "per_period" in coding else 1
    emitted = np.zeros(len(current))
    emitted[np.array(run.spike_steps, int) - 1] = run.amplitudes
    np.testing.assert_array_equal(
        run.v, equations.parameters["v_init"] + share * np.cumsum(current) - np.cumsum(emitted)
    )
    # at most one spike a step (Eq. 5), and it carries the threshold that it reached (Eq. 3)
    assert len(set(run.spike_steps)) == len(run.spike_steps)
    np.testing.assert_array_equal(run.amplitudes, run.threshold[np.array(run.spike_steps, int) - 1])
    # Eq. 4: it fires where the potential reaches the threshold, and nowhere else
    reached = np.flatnonzero(run.at_threshold["v"] >= run.threshold) + 1
    assert run.spike_steps == reached.tolist()


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
def test_gates_in_both_forms(gate):
    """With amplitudes that differ by neuron, and two images side by side."""
    model = small_model(NETWORKS["pools"])
    results = {}
    for form in ("kernel", "synapses"):
        branch = SpikingBranch(
            model,
            SIZE,
            STEPS,
            "burst",
            "burst:gamma=2,v_0=0.25",
            gate,
            form,
            images=2,
            dtype=np.float64,
            record=("conv1", "pool1", "pool2"),
        )
        pair = np.stack([image(SIZE, 1), image(SIZE, 2)])
        for _ in range(2):  # the second run shows that the gates were reset
            branch.run(pair)
        results[form] = [trains.dense() for name in ("pool1", "pool2", "conv3") for trains in branch.trains(name)]
        inputs = branch.trains("conv1")[1]
    assert len(np.unique(inputs.amplitude)) > 2
    for one, other in zip(*results.values(), strict=True):
        assert one.any()
        np.testing.assert_array_equal(one, other)
    # 3x3 windows, 2 apart, by their definitions
    sums, sent = np.cumsum(inputs.dense(), 0), results["kernel"][1]
    windows = [sums[:, y : y + 21 : 2, x : x + 21 : 2] for y in range(3) for x in range(3)]
    if gate == "max_pool":
        np.testing.assert_array_equal(np.cumsum(sent, 0), np.max(windows, 0))
    else:
        assert (np.cumsum(sent, 0)[-1] > np.max(windows, 0)[-1]).mean() > 0.1  # they send more


def test_phase_coded_network_equals_pytorch():
    pytest.importorskip("torch", reason="the reference simulation is PyTorch's")
    model = small_model(NETWORKS["pools"])
    # K = 4: 4 * (1/2, 1/4, 1/8, 1/16); the reference takes the same thresholds in every layer
    thresholds = [2.0, 1.0, 0.5, 0.25] * 3
    expected = simulate(model, FirstLayer(model).current(image(SIZE)), STEPS, thresholds, thresholds)
    _, trains = run_branch(model, "kernel", coding="phase:K=4", hidden_coding="phase:K=4", dtype=np.float64)
    for name, train in trains.items():
        assert train.any()
        np.testing.assert_array_equal(train, expected[name], err_msg=name)


def test_each_layer_may_have_a_coding_of_its_own():
    model = small_model(NETWORKS["pools"])
    hidden = {"conv1": "phase:K=4", "conv2": load_equations("burst")}
    (branch, a), (_, b) = (
        run_branch(model, form, coding="two_status:p=3", hidden_coding=hidden) for form in ("kernel", "synapses")
    )
    assert [branch.equations[name].name for name in branch.groups] == [
        "phase",
        "max_pool",
        "burst",
        "max_pool",
        "two_status",
    ]
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])
    # a layer that is not named is rate-coded
    assert SpikingBranch(model, SIZE, hidden_coding={"conv1": "burst"}).equations["conv2"].name == "rate"
    for layer in ("conv3", "pool1", "conv9"):
        with refused("hidden_coding", repr(layer), ["conv1", "conv2"]):
            SpikingBranch(model, SIZE, hidden_coding={layer: "rate"})


def test_codings_approximate_the_same_activations():
    """A spike train's mean amplitude a step is the activation, whatever the coding: layers can be mixed."""
    current = np.linspace(0.05, 0.7, 14)
    network, monitors = brian2.Network(), {}
    for k, coding in enumerate(
        ("rate", "phase:K=5", "burst:gamma=2,v_0=0.125", "two_status:p=5,reading=real", "burst")
    ):
        group = load_equations(coding).group(len(current), f"group{k}", brian2.Clock(dt=1 * ms))
        group.I = current
        monitors[coding] = brian2.SpikeMonitor(group, variables=["v_th"])
        network.add(group, monitors[coding])
    network.run(200 * ms)
    sent = {coding: np.bincount(spikes.i, spikes.v_th, len(current)) / 200 for coding, spikes in monitors.items()}
    # the paper's burst cannot: what a burst without end sends is bounded
    assert (sent.pop("burst")[current > 0.4] < 0.2).all()
    # this reading of two-status is closed in one step of ten
    np.testing.assert_allclose(sent.pop("two_status:p=5,reading=real"), np.minimum(current, 0.9 * 0.65), atol=0.03)
    for coding, mean in sent.items():
        np.testing.assert_allclose(mean, current, atol=0.03, err_msg=coding)


def test_a_kernel_refuses_what_it_cannot_add_to(tmp_path):
    text = """
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
    path = tmp_path / "odd.toml"
    model = small_model(NETWORKS["plain"])
    for old, new, named in [
        ('"v"\n', '"a"\n', ["odd", "amplitude", "a", "connectivity='synapses'"]),
        ("v : 1", "v : integer", ["odd", "'v : float'", "'v : integer'"]),
        ("v : 1", "v : 1 (shared)", ["odd", "'v : float'", "'v : float (shared)'"]),
    ]:
        path.write_text(text.replace(old, new))
        with refused(*named):
            SpikingBranch(model, SIZE, hidden_coding=str(path))
    # an amplitude that is worked out is read by Brian2's synapses
    path.write_text(text.replace('"v"\n', '"a"\n'))
    branch = SpikingBranch(model, SIZE, 3, hidden_coding=str(path), connectivity="synapses")
    branch.run(image(SIZE))
    assert branch.spikes["conv2"].sum() > 0


def test_initial_potential():
    from brian_siamsnn.model.conversion import SpikingModel
    from brian_siamsnn.model.files import load_model

    cnn = load_model("compact")
    own = SpikingModel.from_model(cnn, 0.25)
    assert own.initial_potential == 0.25
    branches = [SpikingBranch(own, 127), SpikingBranch(SpikingModel.from_model(cnn), 127, 20, "rate:v_init=0.25")]
    assert [branch.equations["conv5"].initial["v"] for branch in branches] == [0.25, 0.25]
    # the shipped network was trained for potentials that start at half a threshold
    assert branches[1].equations["conv1"].initial["v"] == 0.5
    with refused("v_init", "nan"):
        SpikingModel.from_model(cnn, np.nan)
