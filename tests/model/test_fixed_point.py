"""Fixed-point weights: by hand, by property, and spike by spike in the network."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from brian_siamsnn.connectivity import _events
from brian_siamsnn.connectivity.first_layer import FirstLayer
from brian_siamsnn.model.conversion import SpikingModel, unit_scales
from brian_siamsnn.model.files import load_model
from brian_siamsnn.model.fixed_point_weights import fixed_point, rounding, shared_units
from brian_siamsnn.model.layers import Convolution
from brian_siamsnn.network.runtime import SpikingBranch
from tests.helpers.messages import refused
from tests.helpers.reference import NETWORKS, image, simulate, small_model

LAYERS = (Convolution("conv1", 3, 4, 3), Convolution("conv2", 4, 6, 3, groups=2))
LARGEST = 2**15 - 1


def converted(w, b=None, scales=1.0):
    """A model of two layers with the given weights in the second."""
    rng = np.random.default_rng(0)
    weights = {
        "conv1": (rng.normal(size=LAYERS[0].weight_shape), np.zeros(4)),
        "conv2": (w, np.zeros(6) if b is None else b),
    }
    model = unit_scales(SpikingModel(LAYERS, weights))
    return replace(model, scales={name: scale * scales for name, scale in model.scales.items()})


def sums(weights, bias, unit):
    """The smallest and largest exact sums of some weights of a channel and the bias, in units."""
    whole = [Fraction(float(x)) / Fraction(float(unit)) for x in np.ravel(weights)]
    return (
        sum(x for x in whole if x > 0),
        -sum(x for x in whole if x < 0),
        abs(Fraction(float(bias)) / Fraction(float(unit))),
    )


def test_units_of_weights_by_hand():
    w = np.array([[0.75, -2.5], [3.0, 0.0], [0.0, 0.0]]).reshape(3, 2, 1, 1)
    # 0.75 = 3/4 and 2.5 = 10/4; 3 is three times the largest unit, 1; a channel of zeros also has the unit 1
    np.testing.assert_array_equal(shared_units(w, np.zeros(3)), [0.25, 1, 1])


def test_bias_and_initial_potential_use_the_same_unit():
    w = np.array([[0.75, -2.5], [3.0, 0.0], [0.0, 0.0]]).reshape(3, 2, 1, 1)
    np.testing.assert_array_equal(shared_units(w, np.array([0.125, 2, 0]), 0.5), [0.125, 0.5, 0.5])


FULL = np.array([LARGEST - 1, 1.0, -LARGEST]).reshape(1, 3, 1, 1)


def test_weights_whose_sums_fit_16_bits_are_fixed_point():
    assert shared_units(FULL, np.zeros(1)) == [1]


@pytest.mark.parametrize("channel", [(LARGEST, 1.0, 0), (0, -LARGEST, -1.0)])
def test_weights_whose_sums_exceed_16_bits_are_not_fixed_point(channel):
    assert shared_units(np.reshape(channel, (1, 3, 1, 1)), np.zeros(1)) is None


def test_a_bias_beyond_16_bits_is_not_fixed_point():
    assert shared_units(FULL, np.array([LARGEST + 1.0])) is None


def test_an_initial_potential_off_the_unit_grid_is_not_fixed_point():
    assert shared_units(FULL, np.zeros(1), 1 / 3) is None


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-12, 12), st.sampled_from([0.0, 3.0, 3000.0]))
@example(45763344, 1.4237460405398679, 3000.0)  # the bias only fits when it is rounded down
def test_rounding_uses_the_smallest_units_that_fit(seed, magnitude, bias):
    rng = np.random.default_rng(seed)
    w = (rng.standard_t(3, LAYERS[1].weight_shape) * 2.0**magnitude).astype(np.float32)
    b = (rng.normal(size=6) * bias * 2.0**magnitude).astype(np.float32)
    rounded, rounded_bias = fixed_point(converted(w, b)).weights["conv2"]
    for o in range(6):
        error = max(np.abs(rounded[o] - w[o]).max(), abs(rounded_bias[o] - b[o]))
        whole = [Fraction(float(x)) for x in (*w[o].ravel(), b[o])]
        # the chosen unit keeps all sums within 16 bits, and half of it would not
        exponent = next(e for e in range(-40, 40) if fits(whole, Fraction(2) ** e))
        unit = 2.0**exponent
        np.testing.assert_array_equal(rounded[o], np.round(w[o].astype(float) / unit) * unit)
        assert error <= unit / 2
        assert max(sums(rounded[o], rounded_bias[o], unit)) <= LARGEST


def fits(whole, unit):
    *w, b = (round(x / unit) for x in whole)
    return max(sum(x for x in w if x > 0), -sum(x for x in w if x < 0), abs(b)) <= LARGEST


@pytest.mark.parametrize("name", NETWORKS)
def test_all_sums_are_exact(name):
    """Kernels and synapses in single precision fire the spikes of exact arithmetic, from non-dyadic weights."""
    pytest.importorskip("torch", reason="the reference simulation is PyTorch's")
    model = small_model(NETWORKS[name])
    noise = np.random.default_rng(1)
    first = model.layers[0].name
    weights = {key: (w * noise.normal(1, 0.1, w.shape), b * 1.1) for key, (w, b) in model.weights.items()}
    weights[first] = model.weights[first]
    rounded = SpikingModel.from_model(fixed_point(unit_scales(replace(model, weights=weights))))
    layers = tuple(layer.name for layer in model.layers)
    expected = simulate(rounded, FirstLayer(rounded).current(image(26)), 12)
    for connectivity in ("kernel", "synapses"):
        branch = SpikingBranch(rounded, 26, 12, connectivity=connectivity, record=layers)
        branch.run(image(26))
        for layer in layers:
            trains = branch.trains(layer).dense()
            assert trains.any()
            np.testing.assert_array_equal(trains, expected[layer], err_msg=f"{connectivity}, {layer}")


@pytest.mark.parametrize(
    "coding", ["two_status:reading=ceil,beta=0.625,p=4", "burst", "rate:v_init=0.3", "rate:v_th=0.5"]
)
def test_codings_without_integer_arithmetic_agree_with_synapses(coding):
    """Amplitudes other than 1, or initial potentials that are no multiple of the units, agree with synapses."""
    model = small_model(NETWORKS["plain"])
    spikes = []
    for connectivity in ("kernel", "synapses"):
        branch = SpikingBranch(model, 26, 12, coding, hidden_coding=coding, connectivity=connectivity, dtype=np.float64)
        spikes.append(branch.run(image(26)))
    assert len(spikes[0].neuron)
    for field in ("neuron", "step", "amplitude"):
        np.testing.assert_array_equal(getattr(spikes[0], field), getattr(spikes[1], field))


@pytest.fixture
def called(monkeypatch):
    """Names of the kernels that were called."""
    names = set()
    for name in ("convolve", "convolve_fixed_point"):
        kernel = getattr(_events, name)
        monkeypatch.setattr(_events, name, lambda *a, kernel=kernel, name=name: names.add(name) or kernel(*a))
    return names


def run(model, coding="rate"):
    SpikingBranch(model, 26, 3, coding, hidden_coding=coding).run(image(26))


def test_dyadic_weights_use_integer_arithmetic(called):
    run(small_model(NETWORKS["pools"]))
    assert called == {"convolve_fixed_point"}


def test_other_weights_use_floating_point(called):
    dyadic = small_model(NETWORKS["pools"])
    run(replace(dyadic, weights={key: (w / 3, b) for key, (w, b) in dyadic.weights.items()}))
    assert called == {"convolve"}


@pytest.mark.parametrize("coding", ["burst", "rate:v_th=0.5", "rate:v_init=0.3"])
def test_codings_without_integer_amplitudes_use_floating_point(called, coding):
    run(small_model(NETWORKS["pools"]), coding)
    assert called == {"convolve"}


def test_a_rounded_model_keeps_its_activations():
    """The CNN of the rounded weights: activations in units of the scales, and the magnitude of the response."""
    torch = pytest.importorskip("torch", reason="the CNN is PyTorch's")
    from brian_siamsnn.model.cnn import SiamFC

    responses = []
    rng = np.random.default_rng(2)
    exemplar, search = (torch.from_numpy(rng.integers(0, 256, (1, 3, side, side))).float() for side in (127, 255))
    # the shipped weights, moved off their grid
    shipped = load_model("compact")
    rough = replace(shipped, weights={name: (w * 1.047, b * 1.047) for name, (w, b) in shipped.weights.items()})
    for model in (rough, fixed_point(rough)):
        network = SiamFC.from_folded(model.layers, model.weights, model.response_scale, model.response_bias)
        with torch.inference_mode():
            responses.append(network.response(network.embed(exemplar), network.embed(search)).numpy())
    assert np.abs(responses[1] - responses[0]).max() < 0.02 * np.ptp(responses[0])


@pytest.mark.parametrize("name", ["compact", "standard"])
def test_all_layers_of_the_shipped_models_except_the_first_are_fixed_point(name):
    weights = list(SpikingModel.from_model(load_model(name)).weights.values())
    assert all(shared_units(w, b, 0.5) is not None for w, b in weights[1:])


def test_rounding_a_shipped_model_changes_nothing():
    shipped = load_model("compact")
    for name, (w, b) in fixed_point(shipped).weights.items():
        np.testing.assert_array_equal(shipped.weights[name][0], w)
        np.testing.assert_array_equal(shipped.weights[name][1], b)


def test_the_rounding_error_is_reported():
    w = np.zeros(LAYERS[1].weight_shape)
    w[:, 0, 0, 0] = LARGEST - 0.5  # rounds to 32766 or 32767, half a unit off
    before = SpikingModel.from_model(converted(w))
    after = SpikingModel.from_model(fixed_point(converted(w)))
    largest, error = rounding(before, after)["conv2"]
    assert error == pytest.approx(0.5 / (LARGEST - 0.5), rel=1e-6)
    assert largest in (LARGEST - 1, (LARGEST - 1) // 2)


def test_a_model_without_scales_is_refused_with_the_conversion_command():
    with refused("brian-siamsnn weights import"):
        fixed_point(replace(load_model("compact"), scales={}))
