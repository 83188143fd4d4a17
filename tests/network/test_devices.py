"""Every Brian2 device compared with the runtime spike by spike, and the checks made before a build."""

import re
from contextlib import contextmanager

import brian2
import numpy as np
import pytest
from brian2.devices.device import runtime_device

from brian_siamsnn.network import standalone_build
from brian_siamsnn.network.devices import build_branch
from brian_siamsnn.network.genn import GennBranch
from brian_siamsnn.network.genn_installation import genn_problem
from brian_siamsnn.network.genn_translation import genn_equations, shared_amplitude
from brian_siamsnn.network.presentation import Presentation, initial_statements
from brian_siamsnn.network.runtime import SpikingBranch
from brian_siamsnn.network.standalone import StandaloneBranch
from brian_siamsnn.neurons.equations import load_equations
from tests.helpers.compilation import UNOPTIMISED_PROGRAM
from tests.helpers.messages import refused
from tests.helpers.reference import NETWORKS, SMALLEST, image, small_model

SIZE, STEPS = 26, 12

CEIL = "two_status:reading=ceil,beta=0.625,p=4"
LOWERED = "two_status:reading=floor_from_zero,beta=0.625,p=2"


def reference(model, coding, images, **options):
    """Trains of all layers, by image, and operations summed over the images, from the runtime."""
    layers = tuple(layer.name for layer in model.layers)
    branch = SpikingBranch(model, SIZE, STEPS, coding, dtype=np.float64, record=layers, **options)
    trains, operations = [], {}
    for picture in images:
        branch.run(picture)
        trains.append({name: branch.trains(name) for name in layers})
        for name, events in branch.operations.items():
            operations[name] = operations.get(name, 0) + events
    return trains, operations


def assert_same(branch, model, coding, images, **options):
    """The branch has the same spikes, amplitudes and operations as the runtime."""
    branch.run_batch(images)
    expected, operations = reference(model, coding, images, **options)
    last = model.layers[-1].name
    assert sum(len(trains[last]) for trains in expected) > 20
    for name in expected[0]:
        trains = [branch.trains(name, n) for n in range(len(images))]
        for train, other in zip(trains, expected, strict=True):
            np.testing.assert_array_equal(train.neuron, other[name].neuron, err_msg=name)
            np.testing.assert_array_equal(train.step, other[name].step, err_msg=name)
            np.testing.assert_array_equal(train.amplitude, other[name].amplitude, err_msg=name)
        np.testing.assert_array_equal(
            branch.spikes[name], sum(np.bincount(trains[name].step, minlength=STEPS) for trains in expected)
        )
    for name, events in operations.items():
        np.testing.assert_array_equal(branch.operations[name], events, err_msg=name)


def needs(device):
    if device.startswith("genn") and (problem := genn_problem("cuda" if device == "genn_cuda" else "cpu")):
        pytest.skip(problem)


@pytest.mark.parametrize(
    ("device", "network", "coding", "options"),
    [
        # the network of test_runtime.py, whose compiled code Brian2 already has
        pytest.param("runtime", SMALLEST, "rate", {}, marks=pytest.mark.cython),
        pytest.param("cpp_standalone", SMALLEST, CEIL, {}, marks=[pytest.mark.standalone, pytest.mark.slow]),
        pytest.param(
            "cpp_standalone",
            SMALLEST,
            "burst",
            {"pooling": "max_pool_first"},
            marks=[pytest.mark.standalone, pytest.mark.slow],
        ),
        pytest.param(
            "cpp_standalone",
            SMALLEST,
            "phase:K=4",
            {"connectivity": "synapses"},
            marks=[pytest.mark.standalone, pytest.mark.slow],
        ),
        pytest.param("cpp_standalone", NETWORKS["pools"], "wave", {}, marks=[pytest.mark.standalone, pytest.mark.slow]),
        pytest.param(
            "cpp_standalone",
            SMALLEST,
            "wave:p=2,waves=3",
            {"connectivity": "synapses"},
            marks=[pytest.mark.standalone, pytest.mark.slow],
        ),
        pytest.param("genn", NETWORKS["pools"], "wave", {}, marks=[pytest.mark.genn, pytest.mark.slow]),
        pytest.param(
            "genn", SMALLEST, "wave:p=2,waves=3", {"pooling": "max_pool"}, marks=[pytest.mark.genn, pytest.mark.slow]
        ),
        pytest.param("genn", NETWORKS["groups"], CEIL, {}, marks=[pytest.mark.genn, pytest.mark.slow]),
        pytest.param("genn", NETWORKS["pools"], "rate", {}, marks=[pytest.mark.genn, pytest.mark.slow]),
        pytest.param("genn_cuda", NETWORKS["groups"], CEIL, {}, marks=[pytest.mark.genn, pytest.mark.slow]),
    ],
)
def test_every_device_gives_the_same_spikes(device, network, coding, options, use_cython, monkeypatch):
    needs(device)
    if device == "runtime":
        use_cython()
    if options:  # one program has users' flags; the others sum in the same order, as no sum is contracted
        monkeypatch.setattr(standalone_build, "_FLAGS", UNOPTIMISED_PROGRAM)
    model = small_model(network)
    layers = tuple(layer.name for layer in model.layers)
    images = np.stack([image(SIZE, seed) for seed in (1, 2)])
    branch = build_branch(
        model, SIZE, STEPS, coding, device=device, dtype=np.float64, record=layers, batch_size=2, **options
    )
    assert brian2.get_device() is runtime_device  # the previous device is active again
    assert_same(branch, model, coding, images, **options)
    if device != "runtime":  # the same program with other images
        assert_same(branch, model, coding, images[::-1], **options)


class OnRuntime(GennBranch):
    """The network written for GeNN, with GeNN's order of operations within a step, simulated by the runtime."""

    device = "runtime"

    @contextmanager
    def _on_device(self):
        dt, schedule = brian2.defaultclock.dt, brian2.prefs.core.network.default_schedule
        brian2.defaultclock.dt = 1 * brian2.ms
        brian2.prefs.core.network.default_schedule = ["start", "synapses", "groups", "thresholds", "resets", "end"]
        yield
        brian2.defaultclock.dt, brian2.prefs.core.network.default_schedule = dt, schedule

    def _build(self):
        self.monitors, _ = self._network()

    def _simulate(self, images):
        """One simulation of all images; the branch cannot run other images afterwards."""
        table = self.network["conv1"].namespace["image_current"].implementations["cpp"].get_namespace(None)
        table["_image_currents"][:] = [self.first_layer.current(picture).ravel() for picture in images]
        with self._on_device():
            self.network.run(len(images) * self.presentation.length * brian2.ms, namespace={})
        values = {name: {"i": np.array(m.i), "t": np.array(m.t_)} for name, m in self.monitors.items()}
        self._trains = {name: self._split(k, name, values[name]) for k, name in enumerate(self.shapes)}
        self._count()


@pytest.mark.parametrize(
    ("network", "coding"), [("groups", "rate"), ("groups", CEIL), ("pools", "rate"), ("pools", "wave")]
)
def test_the_genn_network_gives_the_same_spikes_with_a_delay(without_genn, network, coding):
    model = small_model(NETWORKS[network])
    layers = tuple(layer.name for layer in model.layers)
    images = np.stack([image(SIZE, seed) for seed in (1, 2, 3)])
    branch = OnRuntime(model, SIZE, STEPS, coding, dtype=np.float64, record=layers, batch_size=3)
    assert branch.presentation.length == STEPS + len(layers) - 1
    assert_same(branch, model, coding, images)
    # the last layer is silent until spikes have had time to reach it, in every frame
    steps = np.round(np.array(branch.monitors["conv3"].t_) * 1000).astype(int) % branch.presentation.length
    first = branch.wave.onset(2) if branch.wave else 0
    assert steps.min() >= first + len(layers) - 1


@pytest.mark.parametrize(
    ("network", "coding", "hidden"),
    [("groups", CEIL, LOWERED), ("pools", CEIL, LOWERED), ("pools", "wave", None)],
)
def test_the_genn_network_uses_nothing_that_genn_refuses(without_genn, network, coding, hidden):
    model = small_model(NETWORKS[network])
    network = OnRuntime(model, SIZE, STEPS, coding, hidden_coding=hidden, dtype=np.float64).network
    synapses = [obj for obj in network.objects if isinstance(obj, brian2.Synapses)]
    assert len(synapses) == len(model.layers) - 1
    for obj in synapses:
        assert list(obj._pathways) == [obj.pre]  # one pathway, and none at the presynaptic reset
        # one variable, changed by addition, with no presynaptic variables
        assert obj.pre.code in ("v_post += w", "code_post += w", "arrived_post += w")
        assert not [e for e in obj.equations.values() if e.type != "parameter"]
        assert obj.pre.variables["delay"].scalar and obj.pre.variables["delay"].get_value() == 0
        pairs = np.stack([obj.i[:], obj.j[:]])
        assert np.unique(pairs, axis=1).shape == pairs.shape
    for obj in network.objects:
        if isinstance(obj, brian2.NeuronGroup):
            shared = [e for e in obj.equations.values() if "shared" in e.flags and "constant" not in e.flags]
            # a shared variable that changes is an expression, not a value that a kernel would have to write
            assert all(e.type == "subexpression" for e in shared), obj.equations
        if "_run_regularly" in obj.name:
            assert obj.when == "start"
        else:
            assert obj.clock.name == "defaultclock"
        assert not isinstance(obj, brian2.NetworkOperation)


def test_a_time_dependent_amplitude_is_accepted_in_the_output_layer(without_genn):
    OnRuntime(small_model(NETWORKS["groups"]), SIZE, STEPS, "phase:K=4", batch_size=2)


def test_a_time_dependent_amplitude_is_refused_in_hidden_layers(without_genn):
    with refused("phase", "GeNN"):
        OnRuntime(small_model(NETWORKS["groups"]), SIZE, STEPS, hidden_coding="phase:K=4")


def test_amplitudes_per_neuron_are_refused(without_genn):
    with refused("burst", "GeNN"):
        OnRuntime(small_model(NETWORKS["groups"]), SIZE, STEPS, "burst")


PAIR = np.stack([image(SIZE, 1), image(SIZE, 2)])


def test_a_hidden_layer_with_an_amplitude_other_than_1_gives_the_same_spikes(without_genn):
    model = small_model(NETWORKS["groups"])
    branch = OnRuntime(model, SIZE, STEPS, hidden_coding=LOWERED, dtype=np.float64, batch_size=2)
    branch.run_batch(PAIR)
    expected, _ = reference(model, "rate", PAIR, hidden_coding=LOWERED)
    for train, other in zip([branch.trains("conv3", n) for n in range(2)], expected, strict=True):
        np.testing.assert_array_equal(train.dense(), other["conv3"].dense())


def test_spikes_with_two_amplitudes_are_not_passed_on_as_one(without_genn):
    """GeNN's weights contain beta; a neuron that also reaches alpha must not be treated as one that did not."""
    model = small_model(NETWORKS["groups"])
    branch = OnRuntime(model, SIZE, STEPS, hidden_coding=f"{LOWERED},alpha=2", dtype=np.float64, batch_size=2)
    with refused("conv1", 0.625, "2."):
        branch.run_batch(PAIR)


def test_time_is_counted_within_a_frame():
    frame = Presentation(steps=5, layers=3, lag=1)
    assert frame.length == 7
    assert Presentation(steps=5, layers=3, lag=0).length == 5
    clock = brian2.Clock(dt=1 * brian2.ms)
    group = brian2.NeuronGroup(1, "x : 1", clock=clock)
    group.run_regularly(f"x = {frame.step(2)}", clock=clock, when="start")
    monitor = brian2.StateMonitor(group, "x", record=0, clock=clock, when="end")
    brian2.Network(group, monitor).run(14 * brian2.ms)
    assert monitor.x[0].tolist() == [-2, -1, 0, 1, 2, 3, 4] * 2


def test_a_frame_starts_from_the_initial_state():
    assert initial_statements(load_equations("rate", v_init=0.5)) == "v = 0.5"
    # the threshold of two_status is computed from the time, and I and v_th of rate are constant
    assert initial_statements(load_equations("two_status")) == "v = 0.0"
    assert initial_statements(load_equations("max_pool")).splitlines() == ["m = 0.0", "emitted = 0.0", "rise = 0.0"]


def test_shared_amplitudes_follow_the_time_step():
    np.testing.assert_array_equal(shared_amplitude(load_equations("rate", v_th=0.75), 3), [0.75] * 3)
    ceil = load_equations("two_status", reading="ceil", p=2, beta=0.5, alpha=9.0)
    np.testing.assert_array_equal(shared_amplitude(ceil, 6), [9, 9, 0.5, 0.5, 9, 9])
    assert shared_amplitude(load_equations("max_pool"), 3) is None


def test_updates_that_genn_does_not_support_are_named():
    frame = Presentation(STEPS, 3, 1)
    rate = load_equations("rate")
    assert re.search(r"dv/dt = \(I\)\*int\(working\)/second : 1", genn_equations(rate, frame, 1).model)
    from dataclasses import replace

    with refused("rate", "GeNN", "'v = clip(v, 0, 1)'"):
        genn_equations(replace(rate, update="v += I\nv = clip(v, 0, 1)"), frame, 1)


@pytest.mark.parametrize("branch", [GennBranch, StandaloneBranch])
def test_zero_steps_are_refused(branch, without_genn):
    with refused("steps", 1, 0):
        branch(small_model(NETWORKS["plain"]), SIZE, 0)


@pytest.mark.parametrize("branch", [GennBranch, StandaloneBranch])
def test_an_empty_batch_is_refused(branch, without_genn):
    with refused(1, 0):
        branch(small_model(NETWORKS["plain"]), SIZE, 2, batch_size=0)


@pytest.mark.parametrize("branch", [GennBranch, StandaloneBranch])
def test_recording_an_unknown_layer_is_refused(branch, without_genn):
    with refused("record", "'conv9'"):
        branch(small_model(NETWORKS["plain"]), SIZE, 2, record=("conv9",))


def test_an_unknown_device_is_refused_with_the_known_ones():
    with refused("device", "'cpp_standalone'", "'loihi'"):
        build_branch(small_model(NETWORKS["plain"]), SIZE, device="loihi")


def test_a_missing_genn_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("GENN_PATH", str(tmp_path))
    with refused("genn"):
        build_branch(small_model(NETWORKS["plain"]), SIZE, device="genn")
