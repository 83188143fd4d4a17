"""Wave coding: every count equals that of the quantised CNN, as integers, in every form of the network."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from brian_siamsnn.connectivity.first_layer import FirstLayer
from brian_siamsnn.model.conversion import SpikingModel
from brian_siamsnn.model.layers import Convolution, MaxPool, sizes
from brian_siamsnn.model.quantised_cnn import quantised_counts
from brian_siamsnn.network.runtime import SpikingBranch
from brian_siamsnn.neurons.equations import load_equations
from brian_siamsnn.neurons.single_neuron import probe
from brian_siamsnn.neurons.waves import Wave
from tests.helpers.messages import refused
from tests.helpers.quantised import quantised_by_torch
from tests.helpers.reference import NETWORKS, image, small_model

pytest.importorskip("torch")

SIZE = 26


def wave_model(layers, seed=0, gain=1.3):
    return replace(small_model(layers, seed, gain), initial_potential=0.5)


def windows_of(branch, name):
    """Counts (waves, H, W, C) of a layer and its trains (waves, p, H, W, C); all its spikes are in them."""
    wave, number, k = branch.wave, 0, 0
    for layer in branch.model.layers:
        number, k = (k, k + 1) if isinstance(layer, Convolution) else (number, k)
        if layer.name == name:
            break
    trains = branch.trains(name).dense() > 0
    first = [wave.p * number + 2 * wave.p * m for m in range(wave.waves)]
    inside = np.array([trains[step : step + wave.p] for step in first])
    assert inside.sum() == trains.sum()
    return inside.sum(1), inside


def run(model, p=4, waves=1, size=SIZE, picture=None, **options):
    names = [layer.name for layer in model.layers]
    branch = SpikingBranch(model, size, coding=f"wave:p={p},waves={waves}", record=names, **options)
    branch.run(image(size) if picture is None else picture)
    return branch


def assert_quantised(branch, pixels):
    expected = quantised_by_torch(branch.model, pixels, branch.wave.p, branch.wave.waves)
    for name, counts in expected.items():
        np.testing.assert_array_equal(windows_of(branch, name)[0], counts, err_msg=name)
    return expected


@pytest.mark.parametrize("connectivity", ["kernel", "synapses"])
@pytest.mark.parametrize(("name", "pooling"), [*((name, None) for name in NETWORKS), ("pools", "max_pool")])
def test_counts_equal_the_quantised_cnn(name, pooling, connectivity):
    model = wave_model(NETWORKS[name])
    branch = run(model, connectivity=connectivity, pooling=pooling)
    expected = assert_quantised(branch, image(SIZE))
    assert all(0 < counts.mean() < 4 and len(np.unique(counts)) > 2 for counts in expected.values())


@st.composite
def networks(draw):
    """Up to four layers with any stride, groups, kernel and pool that fit a small image."""
    layers, channels = [], 3
    for k in range(draw(st.integers(2, 4))):
        if k and draw(st.booleans()) and not isinstance(layers[-1], MaxPool):
            layers.append(MaxPool(f"pool{k}", draw(st.integers(2, 3)), draw(st.integers(1, 3))))
        groups = draw(st.sampled_from([g for g in (1, 2, 4) if k and channels % g == 0] or [1]))
        out = groups * draw(st.integers(1, 5))
        layers.append(
            Convolution(f"conv{k}", channels, out, draw(st.integers(1, 4)), draw(st.integers(1, 2)), groups=groups)
        )
        channels = out
    return tuple(layers)


@settings(max_examples=40, deadline=None)
@given(networks(), st.integers(1, 16), st.integers(1, 3), st.integers(0, 10**6), st.sampled_from([0.5, 1.5, 4.0]))
def test_counts_of_random_networks_equal_the_quantised_cnn(layers, p, waves, seed, gain):
    try:
        assume(min(sizes(layers, 19).values()) > 0)
    except ValueError:
        assume(False)
    picture = image(19, seed)
    assert_quantised(run(wave_model(layers, seed, gain), p, waves, 19, picture), picture)


@settings(max_examples=25, deadline=None)
@given(networks(), st.integers(1, 16), st.integers(0, 10**6))
def test_the_numpy_form_of_the_quantised_cnn_equals_pytorch(layers, p, seed):
    try:
        assume(min(sizes(layers, 19).values()) > 0)
    except ValueError:
        assume(False)
    model, picture = wave_model(layers, seed), image(19, seed)
    expected = quantised_by_torch(model, picture, p)
    for name, counts in quantised_counts(model, FirstLayer(model).current(picture), p).items():
        np.testing.assert_array_equal(counts, expected[name][0])


def test_the_shipped_network_is_exact():
    model = SpikingModel.of("compact")
    branch = run(model, size=127)
    for layer, counts in quantised_counts(model, branch.first_layer.current(image(127)), 4).items():
        np.testing.assert_array_equal(windows_of(branch, layer)[0][0], counts, err_msg=layer)


def test_spikes_are_a_thermometer_code():
    branch = run(wave_model(NETWORKS["pools"]), p=5)
    for name in branch.shapes:
        counts, inside = windows_of(branch, name)
        thermometer = np.arange(5)[:, None, None, None] < counts[0]
        np.testing.assert_array_equal(inside[0], thermometer, err_msg=name)


def test_a_batch_and_the_images_one_by_one_are_equal():
    model = wave_model(NETWORKS["pools"])
    images = np.stack([image(SIZE, seed) for seed in range(3)])
    batch = SpikingBranch(model, SIZE, coding="wave", batch_size=3, threads=2)
    together = batch.run_batch(images)
    single = SpikingBranch(model, SIZE, coding="wave", threads=1)
    operations = {name: 0 for name in single.operations}
    for picture, trains in zip(images, together, strict=True):
        alone = single.run(picture)
        np.testing.assert_array_equal(trains.dense(), alone.dense())
        operations = {name: operations[name] + events for name, events in single.operations.items()}
    for name, events in operations.items():
        np.testing.assert_array_equal(batch.operations[name], events)


def test_one_neuron_gathers_and_then_fires():
    """v_init 0.5, four times 0.7: 3.3, so three spikes from step 4 on, and 0.3 is left."""
    neuron = probe("wave", [0.7] * 12)
    assert neuron.spike_steps == [4, 5, 6]
    np.testing.assert_allclose(neuron.v, [1.2, 1.9, 2.6, 3.3, 2.3, 1.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3], rtol=1e-12)
    np.testing.assert_array_equal(neuron.threshold, [1e9] * 4 + [1.0] * 4 + [1e9] * 4)


def test_what_the_first_layer_would_have_gathered_is_there_at_once():
    """Onset 0: all four times the current in step 0; onset 2: two of them, and two more in steps 0 and 1."""
    assert probe("wave", [0.7] * 8, onset=0).v[0] == pytest.approx(0.5 + 4 * 0.7 - 1)
    np.testing.assert_allclose(probe("wave", [0.25] * 3, onset=2, v_init=0.0).at_threshold["v"], [0.75, 1.0, 1.0])


def test_a_second_wave_carries_on_what_is_left():
    """0.5 + 4*0.7 = 3.3: three spikes; 0.3 + 4*0.7 = 3.1: three; 0.1 + 2.8 = 2.9: two."""
    assert probe("wave:waves=3", [0.7] * 30).spike_steps == [4, 5, 6, 12, 13, 14, 20, 21]


def test_spikes_that_arrive_while_it_gathers_count_and_others_wait():
    """Two spikes in steps 0 and 3 reach it in its first window; one in step 9 comes after it has fired."""
    arriving = np.zeros((24, 1))
    arriving[[0, 3, 9]] = 1
    neuron = probe("wave:waves=2,v_init=0", arriving=arriving, weights=[1.5])
    assert neuron.spike_steps == [4, 5, 6, 12]  # 3.0, then 1.5


@pytest.mark.parametrize(("p", "waves", "convolutions", "steps"), [(4, 1, 5, 20), (3, 1, 5, 15), (2, 3, 3, 14)])
def test_a_wave_takes_its_steps(p, waves, convolutions, steps):
    wave = Wave(p, waves)
    assert wave.steps(convolutions) == steps
    fires = [wave.fires(wave.onset(k), steps) for k in range(convolutions)]
    last = np.flatnonzero(fires[-1])
    assert last[-1] == steps - 1 and len(last) == p * waves
    # while one convolution fires, the next one gathers
    for k in range(convolutions - 1):
        np.testing.assert_array_equal(fires[k], wave.gathers(wave.onset(k + 1), steps))


def test_contradicting_steps_are_refused():
    with refused("steps", "p=4", 3, 12, 20):
        SpikingBranch(wave_model(NETWORKS["plain"]), SIZE, 20, "wave")
    assert SpikingBranch(wave_model(NETWORKS["plain"]), SIZE, 12, "wave").steps == 12


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"coding": "wave", "hidden_coding": "rate"}, ["conv1", "wave", "rate", "hidden_coding"]),
        ({"coding": "wave", "hidden_coding": "wave:p=3"}, ["conv1", "p=4", "p=3"]),
        ({"coding": "wave", "hidden_coding": {"conv2": "burst"}}, ["conv2", "burst"]),
        ({"coding": "rate", "hidden_coding": "wave"}, ["conv1", "rate", "wave"]),
        ({"coding": "wave:onset=3"}, ["onset"]),
        ({"coding": "rate", "pooling": "or_pool"}, ["or_pool", "rate", "max_pool"]),
    ],
)
def test_mixed_codings_are_refused(options, named):
    with refused(*named):
        SpikingBranch(wave_model(NETWORKS["pools"]), SIZE, **options)


def test_a_users_model_with_an_onset_takes_part(tmp_path):
    """The shipped wave under another name and parameter names of its own is given its onsets."""
    from brian_siamsnn.files import find

    path = tmp_path / "mine.toml"
    text = find("equations", "wave", ".toml").read_text()
    path.write_text(text.replace('name = "wave"', 'name = "mine"').replace("turn", "since"))
    model = wave_model(NETWORKS["pools"])
    branch = SpikingBranch(model, SIZE, coding=str(path), record=["conv2"])
    assert [branch.equations[name].parameters["onset"] for name in ("conv1", "conv2", "conv3")] == [0, 4, 8]
    branch.run(image(SIZE))
    np.testing.assert_array_equal(branch.trains("conv2").dense(), run(model).trains("conv2").dense())


def test_an_onset_without_a_window_is_named(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        """
name = "mine"
description = "rate with an onset"
model = "v : 1\\nI : 1 (constant)\\nv_th : 1 (shared, constant)"
update = "v += I*int(timestep(t, dt) >= onset)"
threshold = "v >= v_th"
reset = "v -= v_th"
on_pre = "v_post += w * {amplitude}_pre"
amplitude = "v_th"
[parameters.v_th]
default = 1.0
[parameters.onset]
default = 0
"""
    )
    with refused("mine", "onset", "'p'"):
        SpikingBranch(wave_model(NETWORKS["plain"]), SIZE, coding=str(path))


def test_equations_as_objects_are_given_onsets_too():
    model = wave_model(NETWORKS["plain"])
    branch = SpikingBranch(model, SIZE, coding=load_equations("wave", p=3))
    assert [equations.parameters["onset"] for equations in branch.equations.values()] == [0, 3, 6]
    assert branch.steps == 9
