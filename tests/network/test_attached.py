"""What a user attaches to a branch sees what the equations say, step by step, compared with a simulation by hand."""

import gc

import brian2
import numpy as np
import pytest
from brian2 import ms
from brian2.utils.logger import catch_logs

from brian_siamsnn.connectivity.first_layer import FirstLayer
from brian_siamsnn.network.runtime import SpikingBranch
from brian_siamsnn.neurons.single_neuron import probe
from tests.helpers.hand_simulation import simulate_by_hand
from tests.helpers.messages import refused
from tests.helpers.reference import NETWORKS, image, small_model

SIZE, STEPS = 26, 12
LAYERS = ("conv1", "conv2", "conv3")


@pytest.fixture(scope="module")
def model():
    return small_model(NETWORKS["plain"])


@pytest.fixture(scope="module")
def by_hand(model):
    return simulate_by_hand(model, FirstLayer(model).current(image(SIZE)), STEPS)


@pytest.fixture
def branch(model):
    return SpikingBranch(model, SIZE, STEPS)


def fired(moments):
    """(step, neuron) of every spike of a layer, by step and then by neuron."""
    return np.argwhere(moments.fired.reshape(STEPS, -1))


def test_the_branch_fires_as_by_hand(model, by_hand):
    branch = SpikingBranch(model, SIZE, STEPS, record=LAYERS)
    branch.run(image(SIZE))
    for name in LAYERS:
        assert 100 < by_hand[name].fired.sum() < 0.9 * by_hand[name].fired.size
        np.testing.assert_array_equal(branch.trains(name).dense() > 0, by_hand[name].fired)


# added after the first run


def test_a_spike_monitor_added_after_a_run_sees_all_spikes(branch, by_hand):
    branch.run(image(SIZE))
    monitors = {name: brian2.SpikeMonitor(branch.groups[name]) for name in LAYERS}
    branch.add(monitors)
    branch.run(image(SIZE))
    for name, monitor in monitors.items():
        steps = np.round(monitor.t / ms).astype(int)
        np.testing.assert_array_equal(np.stack([steps, monitor.i], 1), fired(by_hand[name]))


def test_an_operation_added_after_a_run_is_called_in_every_step_and_no_more_when_removed(branch):
    branch.run(image(SIZE))
    times = []
    operation = brian2.NetworkOperation(lambda t: times.append(round(t / ms)), clock=branch.clock)
    branch.add(operation)
    branch.run(image(SIZE))
    assert times == list(range(STEPS))
    branch.network.remove(operation)
    branch.run(image(SIZE))
    assert len(times) == STEPS


def test_what_is_inactive_does_not_run(branch, by_hand):
    monitor = brian2.SpikeMonitor(branch.groups["conv2"])
    branch.add(monitor)
    branch.run(image(SIZE))
    monitor.active = False
    branch.run(image(SIZE))
    assert monitor.num_spikes == by_hand["conv2"].fired.sum()
    branch.groups["conv2"].active = False
    branch.run(image(SIZE))
    assert branch.spikes["conv1"].sum() == by_hand["conv1"].fired.sum()
    assert branch.spikes["conv2"].sum() == branch.spikes["conv3"].sum() == 0


def test_a_group_of_ones_own_receives_every_spike(branch, by_hand):
    branch.run(image(SIZE))
    conv3 = branch.groups["conv3"]
    own = brian2.NeuronGroup(2, "received : 1", clock=branch.clock)
    synapses = brian2.Synapses(conv3, own, on_pre="received_post += 1 + i", clock=branch.clock)
    synapses.connect(j="i % 2")
    branch.add(own, synapses)
    branch.run(image(SIZE))
    neuron = fired(by_hand["conv3"])[:, 1]
    assert own.received[:].tolist() == [(1 + neuron[neuron % 2 == side]).sum() for side in (0, 1)]


# variables within a step


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("when", "moment"),
    [
        ("after_groups", "after_groups"),
        ("before_thresholds", "after_groups"),
        ("after_thresholds", "at_threshold"),
        ("resets", None),
        ("end", "after_resets"),
    ],
)
def test_a_state_monitor_sees_the_potential_of_its_slot(model, by_hand, dtype, when, moment):
    branch = SpikingBranch(model, SIZE, STEPS, dtype=dtype)
    branch.run(image(SIZE))  # before anything looks
    # in the slot resets, orders decide: before the reset, which has order 0
    options = {"order": -1} if moment is None else {}
    monitors = {
        name: brian2.StateMonitor(branch.groups[name], "v", True, when=when, clock=branch.clock, **options)
        for name in LAYERS
    }
    branch.add(monitors)
    branch.run(image(SIZE))
    for name, monitor in monitors.items():
        expected = getattr(by_hand[name], moment or "at_threshold")
        np.testing.assert_array_equal(monitor.v[:].T, expected.reshape(STEPS, -1), err_msg=name)


def test_a_state_monitor_sees_a_gate_before_and_after_its_reset():
    model = small_model(NETWORKS["pools"])
    branch = SpikingBranch(model, SIZE, STEPS, record=["pool1"])
    pool = branch.groups["pool1"]
    monitors = [
        brian2.StateMonitor(pool, ["m", "emitted"], True, when=when, clock=branch.clock)
        for when in ("after_thresholds", "end")
    ]
    branch.run(image(SIZE))
    branch.add(monitors)
    branch.run(image(SIZE))
    before, after = monitors
    dense = branch.trains("pool1").dense().reshape(STEPS, -1)
    # the gate sends the rise of the maximum over what it has sent
    np.testing.assert_array_equal(dense.T, before.m[:] - before.emitted[:])
    np.testing.assert_array_equal(np.cumsum(dense, 0).T, after.emitted[:])
    np.testing.assert_array_equal(before.emitted[:, 1:], after.emitted[:, :-1])


@pytest.mark.cython
def test_compiled_code_shows_the_same(model, by_hand, use_cython):
    use_cython(optimised=False)
    branch = SpikingBranch(model, SIZE, STEPS)
    branch.run(image(SIZE))
    monitor = brian2.StateMonitor(branch.groups["conv2"], "v", True, when="after_groups", clock=branch.clock)
    branch.add(monitor)
    for _ in range(2):
        branch.run(image(SIZE))
        assert branch.spikes["conv3"].sum() == by_hand["conv3"].fired.sum()
    expected = by_hand["conv2"].after_groups.reshape(STEPS, -1)
    np.testing.assert_array_equal(monitor.v[:].T, np.concatenate([expected, expected]))
    branch.network.remove(monitor)
    branch.show(image(SIZE))
    branch.network.run(STEPS * ms)
    assert branch.spikes["conv3"].sum() == by_hand["conv3"].fired.sum()
    assert branch.codegen == "cython"


def test_a_spike_monitor_records_the_potential_before_the_reset(branch, by_hand):
    monitors = {name: brian2.SpikeMonitor(branch.groups[name], variables="v") for name in LAYERS}
    branch.add(monitors)
    branch.run(image(SIZE))
    for name, monitor in monitors.items():
        expected = by_hand[name].at_threshold[by_hand[name].fired]
        assert expected.min() >= 1
        np.testing.assert_array_equal(monitor.v[:], expected, err_msg=name)


def test_an_operation_sees_the_potential_of_its_slot(branch, by_hand):
    seen = []
    operation = brian2.NetworkOperation(
        lambda: seen.append(branch.groups["conv1"].v[:].copy()), clock=branch.clock, when="after_groups"
    )
    branch.add(operation)
    branch.run(image(SIZE))
    np.testing.assert_array_equal(seen, by_hand["conv1"].after_groups.reshape(STEPS, -1))


def test_statements_of_ones_own_change_a_layer(branch, model):
    """Noise is added in this way; here it is a current that is known."""
    branch.run(image(SIZE))
    branch.groups["conv1"].run_regularly("v += 0.25", when="groups", order=1, clock=branch.clock)
    branch.run(image(SIZE))
    expected = simulate_by_hand(model, FirstLayer(model).current(image(SIZE)) + 0.25, STEPS)
    assert {name: n.sum() for name, n in branch.spikes.items()} == {n: expected[n].fired.sum() for n in LAYERS}


# what keeps times


def test_refractory_neurons_of_ones_own_fire_alike_for_every_image(branch):
    own = brian2.NeuronGroup(5, "v : 1", threshold="True", refractory=3 * ms, clock=branch.clock)
    monitor = brian2.SpikeMonitor(own)
    branch.add(own, monitor)
    counts = []
    for _ in range(4):
        branch.run(image(SIZE))
        counts.append(int(monitor.num_spikes))
    # steps 0, 3, 6 and 9 of 12
    assert np.diff([0, *counts]).tolist() == [4 * 5] * 4


def test_an_event_driven_trace_decays_from_image_to_image(branch, by_hand):
    conv3 = branch.groups["conv3"]
    own = brian2.NeuronGroup(1, "unused : 1", clock=branch.clock)
    synapses = brian2.Synapses(
        conv3, own, "dx/dt = -x/(5*ms) : 1 (event-driven)", on_pre="x += 1", clock=branch.clock, method="exact"
    )
    synapses.connect()
    branch.add(own, synapses)
    for images in (1, 2):
        branch.run(image(SIZE))
        train = np.tile(by_hand["conv3"].fired.reshape(STEPS, -1), (images, 1))
        expected = np.zeros(train.shape[1])
        for neuron in range(train.shape[1]):
            steps = np.flatnonzero(train[:, neuron])
            if len(steps):  # the value at the last spike
                expected[neuron] = np.exp(-(steps[-1] - steps) / 5).sum()
        np.testing.assert_allclose(synapses.x[:], expected, rtol=1e-12)


def test_a_spike_generator_begins_again_with_every_image(branch):
    generator = brian2.SpikeGeneratorGroup(2, [0, 1, 0], [2, 5, 9] * ms, clock=branch.clock)
    monitor = brian2.SpikeMonitor(generator)
    branch.add(generator, monitor)
    for _ in range(2):
        branch.run(image(SIZE))
    assert monitor.i[:].tolist() == [0, 1, 0] * 2
    assert np.round(monitor.t / ms).tolist() == [2, 5, 9] * 2
    generator.set_spikes([1], [4] * ms)
    branch.run(image(SIZE))
    assert np.round(monitor.t / ms).tolist() == [2, 5, 9, 2, 5, 9, 4]


def test_no_spike_is_under_way_when_an_image_begins(branch, by_hand):
    conv3 = branch.groups["conv3"]
    own = brian2.NeuronGroup(1, "received : 1", clock=branch.clock)
    synapses = brian2.Synapses(conv3, own, on_pre="received_post += 1", delay=5 * ms, clock=branch.clock)
    synapses.connect()
    branch.add(own, synapses)
    arrived = by_hand["conv3"].fired[: STEPS - 5].sum()
    assert 0 < arrived < by_hand["conv3"].fired.sum()
    for images in (1, 2, 3):
        branch.run(image(SIZE))
        assert own.received[0] == images * arrived


def test_synapses_of_a_layer_may_have_a_delay(model):

    branch = SpikingBranch(model, SIZE, STEPS, connectivity="synapses")
    expected = {
        delay: simulate_by_hand(model, FirstLayer(model).current(image(SIZE)), STEPS, delay)["conv3"].fired
        for delay in (0, 3)
    }
    assert expected[0].sum() > expected[3].sum() > 0
    for delay in (0, 3, 3, 0):
        branch.network["conv2_input"].pre.delay = delay * ms
        np.testing.assert_array_equal(branch.run(image(SIZE)).dense() > 0, expected[delay])


# clocks and slots


def test_an_object_runs_on_its_own_clock(branch, by_hand):
    counted = {}
    for dt in (0.1, 0.25, 0.3, 1, 5):
        counted[dt] = brian2.NeuronGroup(1, "n : 1", dt=dt * ms)
        counted[dt].run_regularly("n += 1", dt=dt * ms)
        branch.add(counted[dt])
    default = brian2.NeuronGroup(1, "dv/dt = 1/ms : 1", method="euler")
    branch.add(default)
    branch.run(image(SIZE))
    # ticks before 12 ms, that at 0 included
    assert {dt: group.n[0] for dt, group in counted.items()} == {0.1: 120, 0.25: 48, 0.3: 40, 1: 12, 5: 3}
    assert default.v[0] == pytest.approx(12)
    assert branch.spikes["conv3"].sum() == by_hand["conv3"].fired.sum()


def test_objects_of_several_clocks_run_in_the_order_of_a_plain_run(branch):
    order = {"branch": [], "network": []}
    run = "branch"

    def noting(name):
        return lambda t: order[run].append((name, round(t / ms, 3)))

    for name, dt in (("slow", 2), ("image", 1), ("fast", 0.5)):
        branch.add(brian2.NetworkOperation(noting(name), dt=dt * ms, name=name, when="end"))
    branch.run(image(SIZE))
    run = "network"
    branch.show(image(SIZE))
    branch.network.run(STEPS * ms)
    assert order["branch"] == order["network"]
    assert order["branch"][:4] == [("fast", 0.0), ("image", 0.0), ("slow", 0.0), ("fast", 0.5)]
    assert len(order["branch"]) == 6 + 12 + 24


def test_the_default_schedule_does_not_change_the_result(model, by_hand, monkeypatch):
    alone = probe("rate", [0.375] * 9).spike_steps
    arriving = probe("rate", arriving=[[1], [0], [1]], weights=[0.5]).spike_steps
    monkeypatch.setitem(
        brian2.prefs,
        "core.network.default_schedule",
        ["start", "thresholds", "groups", "resets", "synapses", "end"],
    )
    branch = SpikingBranch(model, SIZE, STEPS)
    np.testing.assert_array_equal(branch.run(image(SIZE)).dense() > 0, by_hand["conv3"].fired)
    assert probe("rate", [0.375] * 9).spike_steps == alone == [2, 5, 7]
    assert probe("rate", arriving=[[1], [0], [1]], weights=[0.5]).spike_steps == arriving == [2]


# plain runs, store and restore


def test_a_plain_run_does_the_same(branch, by_hand):
    first = branch.run(image(SIZE))
    branch.show(image(SIZE))
    branch.network.run(STEPS * ms)
    assert branch.trains("conv3") == first
    assert {name: n.sum() for name, n in branch.spikes.items()} == {n: by_hand[n].fired.sum() for n in LAYERS}
    assert branch.steps_run == STEPS


def test_tallies_grow_with_a_longer_run(model):
    branch = SpikingBranch(model, SIZE, STEPS)
    expected = simulate_by_hand(model, FirstLayer(model).current(image(SIZE)), 3 * STEPS)
    branch.show(image(SIZE))
    branch.network.run(2 * STEPS * ms)
    branch.network.run(STEPS * ms)
    assert branch.steps_run == 3 * STEPS
    np.testing.assert_array_equal(branch.spikes["conv3"], expected["conv3"].fired.sum((1, 2, 3)))
    np.testing.assert_array_equal(branch.trains("conv3").dense() > 0, expected["conv3"].fired)
    branch.run(image(SIZE))
    assert branch.steps_run == len(branch.spikes["conv3"]) == STEPS


@pytest.mark.parametrize("connectivity", ["kernel", "synapses"])
def test_store_and_restore_in_the_middle_of_an_image(connectivity):
    branch = SpikingBranch(small_model(NETWORKS["pools"]), SIZE, STEPS, connectivity=connectivity)
    whole = branch.run(image(SIZE))
    branch.show(image(SIZE))
    branch.network.run(5 * ms)
    branch.network.store()
    for _ in range(2):
        branch.network.run((STEPS - 5) * ms)
        assert branch.trains("conv3") == whole
        assert branch.operations["pool2"].sum() > 0
        branch.network.restore()
        assert branch.steps_run == 5


def test_a_constant_changed_between_two_runs_is_used(branch, model):
    branch.run(image(SIZE))
    for name in LAYERS:
        branch.groups[name].v_th = 0.5
    expected = simulate_by_hand(model, FirstLayer(model).current(image(SIZE)), STEPS, v_th=0.5)
    branch.run(image(SIZE))
    assert {name: n.sum() for name, n in branch.spikes.items()} == {n: expected[n].fired.sum() for n in LAYERS}


# names and errors


def test_local_names_are_found_as_brian2_finds_them(branch):
    tau = 4 * ms
    own = brian2.NeuronGroup(1, "dx/dt = -x/tau : 1", method="exact", clock=branch.clock)
    branch.add(own)
    for tau in (4 * ms, 2 * ms):  # noqa: B007  # Brian2 looks it up
        own.x = 1
        branch.run(image(SIZE))
        assert own.x[0] == pytest.approx(np.exp(-STEPS * ms / tau))


def test_an_unknown_name_is_reported_with_its_object(branch):
    branch.add(brian2.NeuronGroup(1, "dx/dt = -x/unheard_of : 1", clock=branch.clock, name="mine"))
    with refused("mine", "unheard_of"):
        branch.run(image(SIZE))


def test_what_an_operation_raises_is_passed_on(branch):
    class Mine(Exception):
        pass

    def fail():
        raise Mine

    branch.add(brian2.NetworkOperation(fail, clock=branch.clock))
    with pytest.raises(Mine):
        branch.run(image(SIZE))


def test_an_operation_can_stop_the_run(branch, by_hand):
    def stop_at_4_ms(t):
        if t >= 4 * ms:
            branch.network.stop()

    branch.add(brian2.NetworkOperation(stop_at_4_ms, clock=branch.clock))
    for _ in range(2):
        branch.run(image(SIZE))
        assert branch.steps_run == 5
        assert branch.spikes["conv3"].tolist() == [*by_hand["conv3"].fired[:5].sum((1, 2, 3)), *[0] * (STEPS - 5)]
    assert branch.network.t == 5 * ms


def test_two_branches_with_prefixes_run_in_one_network(model, by_hand):
    branches = [SpikingBranch(model, SIZE, STEPS, prefix=prefix) for prefix in ("left_", "right_")]
    assert branches[1].groups["conv1"].name == "right_conv1"
    network = brian2.Network(*(branch.network.objects for branch in branches))
    network.schedule = branches[0].network.schedule
    for branch, seed in zip(branches, (0, 1), strict=True):
        branch.show(image(SIZE, seed))
    network.run(STEPS * ms)
    np.testing.assert_array_equal(branches[0].trains("conv3").dense() > 0, by_hand["conv3"].fired)
    assert branches[1].trains("conv3") == SpikingBranch(model, SIZE, STEPS).run(image(SIZE, 1))


def test_two_objects_of_one_name_are_refused(branch):
    branch.add(brian2.NeuronGroup(1, "x : 1", name="conv1", clock=branch.clock))
    with refused("conv1", 2, "prefix="):
        branch.run(image(SIZE))


def test_an_invalid_prefix_is_refused(model):
    with refused("prefix", "'a b'"):
        SpikingBranch(model, SIZE, STEPS, prefix="a b")


@pytest.mark.parametrize("connectivity", ["kernel", "synapses"])
def test_a_branch_that_is_never_run_leaves_no_warnings(model, connectivity):
    gc.collect()  # what other tests left
    with catch_logs() as logs:
        branch = SpikingBranch(model, SIZE, STEPS, connectivity=connectivity)
        del branch
        gc.collect()
        assert logs == []
        brian2.NeuronGroup(1, "x : 1")  # Brian2 warns of it
        gc.collect()
        assert len(logs) == 1


def test_a_device_selected_after_building_is_named(branch):
    brian2.set_device("cpp_standalone", build_on_run=False)
    try:
        with refused("device", "CPPStandaloneDevice", "set_device('runtime')"):
            branch.run(image(SIZE))
    finally:
        brian2.device.reinit()
        brian2.set_device("runtime")
