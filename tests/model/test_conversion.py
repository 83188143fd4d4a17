"""Scales by percentile, scaled weights, and the resulting rates that approximate the CNN's activations."""

from dataclasses import replace

import numpy as np
import pytest

from brian_siamsnn.connectivity.first_layer import FirstLayer
from brian_siamsnn.errors import InputError
from brian_siamsnn.model.activation_scales import ActivationScales, with_activation_scales
from brian_siamsnn.model.conversion import SpikingModel
from brian_siamsnn.model.files import SiameseModel
from brian_siamsnn.model.layers import Convolution, MaxPool
from brian_siamsnn.network.runtime import SpikingBranch
from tests.helpers.messages import refused
from tests.helpers.reference import image, small_model

LAYERS = (
    Convolution("conv1", 3, 8, 5, 2),
    MaxPool("pool1", 3, 2),
    Convolution("conv2", 8, 12, 3, groups=2),
    Convolution("conv3", 12, 6, 3, rectify=False),
)


@pytest.fixture
def cnn():
    rng = np.random.default_rng(1)
    weights = {}
    for layer in LAYERS:
        if isinstance(layer, Convolution):
            w = rng.normal(0, 1 / np.sqrt(np.prod(layer.weight_shape[1:])), layer.weight_shape)
            weights[layer.name] = (
                w * (0.02 if layer.name == "conv1" else 1.5),
                rng.normal(0.1, 0.1, layer.out_channels),
            )
    return SiameseModel(LAYERS, weights)


def activations(model, picture):
    """The CNN's activations, layer name to (1, C, H, W), after the rectifier."""
    siamfc = pytest.importorskip("brian_siamsnn.model.cnn", reason="the CNN is PyTorch's", exc_type=InputError)
    import torch

    network = siamfc.SiamFC.from_folded(model.layers, model.weights)
    with torch.inference_mode():
        values = network.activations(torch.from_numpy(picture).permute(2, 0, 1)[None].float())
    return {name: value.numpy() for name, value in values.items() if name.startswith("conv")}


def test_a_layer_scale_is_the_percentile_of_all_activations():
    rng = np.random.default_rng(0)
    crops = [{"conv1": np.maximum(rng.normal(0, 3, (2, 4, 20, 20)), 0)} for _ in range(5)]
    gathered = ActivationScales("layer", 99.0)
    for crop in crops:
        gathered.add(crop)
    expected = np.percentile(np.concatenate([crop["conv1"].ravel() for crop in crops]), 99.0)
    scale = gathered.scales()["conv1"]
    assert scale.shape == (4,) and (scale == scale[0]).all()
    assert scale[0] == pytest.approx(expected, rel=0.01)


def test_channel_scales_are_computed_per_channel():
    rng = np.random.default_rng(0)
    a = np.abs(rng.normal(0, 1, (3, 200, 200))) * np.array([1.0, 10.0, 0.0])[:, None, None]
    gathered = ActivationScales("channel")
    gathered.add({"conv1": a})
    scale = gathered.scales()["conv1"]
    expected = np.percentile(a.reshape(3, -1), 99.9, axis=1)
    np.testing.assert_allclose(scale[:2], expected[:2], rtol=0.01)
    # a channel that was never active uses the layer's scale
    assert scale[2] == pytest.approx(np.percentile(a, 99.9), rel=0.01)


@pytest.mark.parametrize("normalisation", ["layer", "channel"])
def test_scaled_weights_compute_scaled_activations(cnn, normalisation):
    """With w lambda_in / lambda_out and b / lambda_out, every activation is the CNN's divided by lambda."""
    picture = image(41)
    expected = activations(cnn, picture)
    converted = with_activation_scales(cnn, [expected], normalisation)
    spiking = SpikingModel.from_model(converted)
    scaled = SiameseModel(LAYERS, spiking.weights)
    for name, a in activations(scaled, picture).items():
        np.testing.assert_allclose(a[0] * converted.scales[name][:, None, None], expected[name][0], atol=2e-5)
    current = FirstLayer(spiking).current(picture)
    first = np.maximum(current, 0).transpose(2, 0, 1) * converted.scales["conv1"][:, None, None]
    # the current is rounded to multiples of 2^-16 of the threshold
    np.testing.assert_allclose(first, expected["conv1"][0], atol=2e-5 + 2**-17 * converted.scales["conv1"].max())


@pytest.mark.parametrize("normalisation", ["layer", "channel"])
def test_firing_rates_approach_the_activations(cnn, normalisation):
    picture = image(41)
    expected = activations(cnn, picture)
    converted = with_activation_scales(cnn, [expected], normalisation)
    errors = {}
    for steps in (10, 160):
        branch = SpikingBranch(SpikingModel.from_model(converted), 41, steps, record=("conv1", "conv2"))
        branch.run(picture)
        for name in ("conv1", "conv2", "conv3"):
            target = np.clip(expected[name][0].transpose(1, 2, 0) / converted.scales[name], 0, 1)
            errors[steps, name] = np.abs(branch.trains(name).firing_rates() - target).mean()
    # a constant current is coded to within one spike in T ...
    assert errors[160, "conv1"] < 1 / 160
    # ... and the deeper layers' error shrinks as T grows
    for name in ("conv1", "conv2", "conv3"):
        assert errors[160, name] < 0.35 * errors[10, name]
        assert errors[160, name] < 0.02


def test_a_model_without_scales_is_refused_with_the_conversion_command(cnn):
    with refused("brian-siamsnn weights import"):
        SpikingModel.from_model(cnn)


def test_calibration_needs_a_crop(cnn):
    with refused("calibration"):
        with_activation_scales(cnn, [])


@pytest.mark.parametrize("levels", [1, 2, 4, 8])
def test_scales_for_levels_have_the_least_squared_error(levels):
    """Against a search over scales with the activations themselves."""
    rng = np.random.default_rng(levels)
    a = np.maximum(rng.normal(0, 1, 20_000), 0) * rng.gamma(2.0, 1.0, 20_000)

    def error(scale):
        return ((a - scale / levels * np.clip(np.floor(a * levels / scale + 0.5), 0, levels)) ** 2).sum()

    gathered = ActivationScales(levels=levels)
    gathered.add({"conv1": a.reshape(4, 50, 100)})
    scale = float(gathered.scales()["conv1"][0])
    best = min(error(s) for s in np.linspace(0.05, 2, 800) * a.max())
    assert error(scale) <= 1.01 * best
    found, relative = gathered.least_squares("conv1", levels)
    assert found == pytest.approx(scale)
    assert relative == pytest.approx(np.sqrt(error(scale) / (a**2).sum()), rel=0.01)
    assert gathered.least_squares("conv1", levels, 2.0)[1] == pytest.approx(
        np.sqrt(error(2.0) / (a**2).sum()), rel=0.02
    )


def test_few_levels_get_a_lower_scale_than_many():
    rng = np.random.default_rng(0)
    a = np.abs(rng.normal(0, 1, (4, 50, 50)))
    scales = []
    for levels in (1, 2, 4, 16):
        gathered = ActivationScales(levels=levels)
        gathered.add({"conv1": a})
        scales.append(gathered.scales()["conv1"][0])
    assert sorted(scales) == scales and scales[0] < scales[-1]


def test_a_model_with_scales_for_levels_starts_from_half_a_threshold(cnn):
    a = {layer.name: np.abs(np.random.default_rng(0).normal(0, 1, (layer.out_channels, 5, 5))) for layer in LAYERS[::2]}
    a["conv3"] = np.ones((6, 5, 5))
    assert with_activation_scales(cnn, [a], levels=4).initial_potential == 0.5
    assert with_activation_scales(cnn, [a]).initial_potential == cnn.initial_potential


def test_zero_levels_are_refused():
    with refused("levels", 1, 0):
        ActivationScales(levels=0)


def test_an_inactive_layer_is_named(cnn):
    with refused("conv1", 99.9):
        with_activation_scales(cnn, [{"conv1": np.zeros((8, 5, 5))}])


def test_a_layer_with_non_finite_activations_is_named(cnn):
    with refused("conv1"):
        with_activation_scales(cnn, [{"conv1": np.full((8, 5, 5), np.nan)}])


def test_an_unknown_normalisation_is_refused():
    with refused("normalisation", "'layer'", "'channel'", "'spike'"):
        ActivationScales("spike")


def test_a_network_that_starts_with_pooling_is_refused():
    with refused("pool1", "convolution"):
        SpikingModel(LAYERS[1:], {})


def test_spike_counts_of_the_first_layer_equal_clip_floor_shift():
    steps, bound = 7, 0.75
    layers = (Convolution("conv1", 3, 4, 5, 2), Convolution("conv2", 4, 2, 3))
    model = small_model(layers)
    cnn = SiameseModel(
        layers,
        model.weights,
        scales={"conv1": np.full(4, bound), "conv2": np.ones(2)},
        normalisation="learnt",
        initial_potential=0.5,
    )
    branch = SpikingBranch(SpikingModel.from_model(cnn), 21, steps, dtype=np.float64, record=("conv1",))
    pixels = image(21)
    branch.run(pixels)
    activation = FirstLayer(model).current(pixels).astype(np.float64)
    expected = np.clip(np.floor(activation * steps / bound + 0.5), 0, steps)
    counts = branch.trains("conv1").counts()
    assert set(np.unique(counts)) == set(range(steps + 1))
    # an activation may lie on the boundary between two counts, where single precision decides
    assert (counts != expected).mean() < 1e-3


def test_a_neuron_model_keeps_an_explicit_initial_potential():
    model = replace(
        small_model((Convolution("conv1", 3, 4, 5, 2), Convolution("conv2", 4, 2, 3))), initial_potential=0.5
    )
    branch = SpikingBranch(model, 21, 4, coding="rate:v_init=0.25")
    assert set(branch.groups["conv1"].v[:]) == {0.5}
    assert set(branch.groups["conv2"].v[:]) == {0.25}
