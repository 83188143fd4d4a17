"""A wave that nobody looks at runs window by window, and leaves everything as stepping does."""

from contextlib import closing
from dataclasses import replace

import brian2
import numpy as np
import pytest
from brian2 import ms
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import brian_siamsnn as bs
from brian_siamsnn.model.layers import Convolution, MaxPool, sizes
from brian_siamsnn.network.runtime import SpikingBranch
from brian_siamsnn.network.window_pass import WindowPass
from tests.helpers.reference import NETWORKS, image, small_model

SIZE = 26


def model_of(name="pools", seed=0, gain=1.3):
    layers = NETWORKS[name] if isinstance(name, str) else name
    return replace(small_model(layers, seed, gain), initial_potential=0.5)


def branch_of(name="pools", size=SIZE, **options):
    model = model_of(name)
    options = {"coding": "wave", "record": [layer.name for layer in model.layers]} | options
    return SpikingBranch(model, size, **options)


def everything(branch):
    """Spikes of all layers, all counters, all variables, spike lists, and the time."""
    found = {("time", ""): (float(branch.network.t / ms), float(branch.clock.t / ms), branch.steps_run)}
    for name in branch._recorded:
        for number in range(branch.batch_size):
            trains = branch.trains(name, number)
            found[name, f"trains {number}"] = trains.dense()
            found[name, f"number {number}"] = len(trains)
    for name, steps in branch.spikes.items():
        found[name, "spikes"] = steps
    for name, steps in branch.operations.items():
        found[name, "operations"] = steps
    for name, group in branch.groups.items():
        found[name, "fired last"] = np.array(group.spikes)
        for variable in group.equations.names:
            found[name, variable] = np.array(getattr(group, f"{variable}_")[:])
    return found


def assert_same(mine, other):
    assert mine.keys() == other.keys()
    for key, values in other.items():
        np.testing.assert_array_equal(mine[key], values, err_msg=str(key))


@pytest.fixture
def passes(monkeypatch):
    """Names of the layers whose windows were passed."""
    seen, original = [], WindowPass._pass
    monkeypatch.setattr(
        WindowPass, "_pass", lambda self, name, number: (seen.append(name), original(self, name, number))
    )
    return seen


def by_windows(branch, images):
    branch.run_batch(images)
    return everything(branch)


def by_steps(branch, images):
    with closing(branch.stepwise(images)) as steps:
        for _ in steps:
            pass
    return everything(branch)


@pytest.mark.parametrize("coding", ["wave", "wave:p=3,waves=2", "wave:p=1", "wave:p=7,waves=3", "wave:p=40"])
@pytest.mark.parametrize("name", list(NETWORKS))
def test_windows_leave_what_steps_leave(name, coding, passes):
    branch = branch_of(name, coding=coding, batch_size=2)
    images = np.stack([image(SIZE, seed) for seed in range(2)])
    mine = by_windows(branch, images)
    assert passes == list(branch.shapes) * branch.wave.waves
    assert_same(mine, by_steps(branch, images))
    assert passes == list(branch.shapes) * branch.wave.waves


def test_windows_leave_what_brian2s_own_run_leaves():
    branch = branch_of()
    mine = by_windows(branch, image(SIZE)[None])
    branch.show(image(SIZE))
    branch.network.run(branch.steps * ms, namespace={})
    brian2s = everything(branch)
    for name in branch.shapes:  # Brian2 empties the lists after a run
        brian2s[name, "fired last"] = mine[name, "fired last"]
    assert_same(mine, brian2s)


@st.composite
def networks(draw):
    """Up to four layers with any stride, groups, channels and pool that fit a small image."""
    layers, channels = [], 3
    for k in range(draw(st.integers(1, 4))):
        if k and draw(st.booleans()) and not isinstance(layers[-1], MaxPool):
            layers.append(MaxPool(f"pool{k}", draw(st.integers(2, 3)), draw(st.integers(1, 3))))
        groups = draw(st.sampled_from([g for g in (1, 2, 4) if k and channels % g == 0] or [1]))
        out = groups * draw(st.sampled_from([1, 3, 8, 17, 33, 50, 70]))
        layers.append(
            Convolution(f"conv{k}", channels, out, draw(st.integers(1, 5)), draw(st.integers(1, 2)), groups=groups)
        )
        channels = out
    return tuple(layers)


@settings(max_examples=10, deadline=None)
@given(
    networks(),
    st.integers(1, 9),
    st.integers(1, 2),
    st.integers(0, 10**6),
    st.sampled_from([0.5, 1.5, 4.0]),
    st.sampled_from([np.float32, np.float64]),
    st.integers(1, 2),
)
def test_random_networks(layers, p, waves, seed, gain, dtype, threads):
    try:
        assume(min(sizes(layers, 19).values()) > 0)
    except ValueError:
        assume(False)
    model = model_of(layers, seed, gain)
    branch = SpikingBranch(
        model, 19, coding=f"wave:p={p},waves={waves}", record=list(model.shapes(19)), dtype=dtype, threads=threads
    )
    assume(branch._stepped._windows is not None)  # else a sum of weights may exceed 16 bits
    assert_same(by_windows(branch, image(19, seed)[None]), by_steps(branch, image(19, seed)[None]))


def graph_of(network, p, seed):
    """A converted network of PyTorch, and two images of its size."""
    torch = pytest.importorskip("torch")
    pixels = np.random.default_rng(seed).integers(0, 4, (4, 3, 10, 10)).astype(np.float32)
    model = bs.convert(network, torch.from_numpy(pixels), levels=p)
    return model, pixels[:2].transpose(0, 2, 3, 1)


def test_a_graph_with_a_residual_sum_a_concatenation_and_a_padded_pool(passes):
    torch = pytest.importorskip("torch")
    from tests.helpers.torch_networks import Branches

    torch.manual_seed(4)
    model, images = graph_of(Branches(3).eval(), 3, 0)
    branch = SpikingBranch(model, 10, coding="wave:p=3", record=list(model.shapes(10)), batch_size=2)
    mine = by_windows(branch, images)
    assert passes == ["stem", "pool", "one", "two", "out"]
    assert_same(mine, by_steps(branch, images))
    assert all(mine[name, "operations"].any() for name in branch.operations)


def test_random_graphs():
    pytest.importorskip("torch")
    from tests.helpers.torch_networks import random_networks

    @settings(max_examples=8, deadline=None)
    @given(random_networks(), st.integers(1, 5), st.integers(0, 10**6))
    def same(network, p, seed):
        try:
            model, images = graph_of(network, p, seed)
        except bs.InputError:
            assume(False)  # a layer is never active
        branch = SpikingBranch(model, 10, coding=f"wave:p={p}", record=list(model.shapes(10)), batch_size=2)
        assume(branch._stepped._windows is not None)
        assert_same(by_windows(branch, images), by_steps(branch, images))

    same()


def test_bright_images_and_large_weights():
    """Currents of hundreds of thresholds, which are rounded more coarsely: what is left over is the same."""
    model = model_of("plain", gain=1.3)
    weights = {name: (w * (40 if name == "conv1" else 1), b) for name, (w, b) in model.weights.items()}
    branch = SpikingBranch(replace(model, weights=weights), SIZE, coding="wave:p=3,waves=2")
    assert_same(by_windows(branch, image(SIZE)[None]), by_steps(branch, image(SIZE)[None]))


def test_a_second_image_and_changed_weights_of_the_bias():
    """Runs do not depend on those before them, and an input current set by hand counts."""
    branch = branch_of("plain")
    branch.run(image(SIZE, 1))
    branch.groups["conv2"].I = 0.25
    assert_same(by_windows(branch, image(SIZE)[None]), by_steps(branch, image(SIZE)[None]))


def attach_monitor(branch):
    branch.add(brian2.SpikeMonitor(branch.groups["conv2"]))


def attach_operation(branch):
    branch.add(brian2.NetworkOperation(lambda: None, clock=branch.clock))


def switch_off(branch):
    branch.groups["conv2"].resetter["spike"].active = False


def shift(branch):
    branch.groups["conv3"].onset = 6


def rename_alpha(branch):
    branch.groups["conv3"].namespace["alpha"] = 1.5


def reorder(branch):
    branch.groups["conv3"].thresholder["spike"].order = -1


@pytest.mark.parametrize("look", [attach_monitor, attach_operation, switch_off, shift, rename_alpha, reorder])
def test_steps_are_run_when_something_looks_or_was_changed(look, passes):
    branch = branch_of("plain")
    branch.run(image(SIZE))
    assert passes.count("conv2") == 1
    look(branch)
    branch.run(image(SIZE))
    assert passes.count("conv2") == 1


def test_and_windows_again_when_it_is_gone(passes):
    branch = branch_of("plain")
    monitor = brian2.SpikeMonitor(branch.groups["conv2"])
    branch.add(monitor)
    branch.run(image(SIZE))
    assert passes == []
    branch.network.remove(monitor)
    branch.run(image(SIZE))
    assert passes == list(branch.shapes)
    assert len(monitor.i) == branch.spikes["conv2"].sum()


@pytest.mark.parametrize(
    "options",
    [
        {"coding": "rate"},
        {"pooling": "max_pool"},
        {"coding": "wave:beta=0.5"},
        {"coding": "wave:alpha=1.5"},
        {"connectivity": "synapses"},
        {"record_states": {"conv2": ["v"]}},
        {"coding": "wave:p=100"},
    ],
)
def test_what_windows_do_not_suit_is_stepped(options, passes):
    branch = branch_of(**options)
    branch.run(image(SIZE))
    assert passes == [] and branch.spikes["conv2"].any()


def test_weights_that_are_not_fixed_point_are_stepped(passes):
    model = model_of("plain")
    weights = {name: (w * np.float32(1.1), b) for name, (w, b) in model.weights.items()}
    branch = SpikingBranch(replace(model, weights=weights), SIZE, coding="wave")
    branch.run(image(SIZE))
    assert passes == [] and branch.spikes["conv2"].any()


def test_stored_spikes_are_restored():
    branch = branch_of("plain")
    branch.run(image(SIZE))
    before = branch.trains("conv2").dense()
    branch.network.store()
    branch.run(image(SIZE, 1))
    branch.network.restore()
    np.testing.assert_array_equal(branch.trains("conv2").dense(), before)
