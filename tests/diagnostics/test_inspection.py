"""Conversion errors compared with a CNN whose activations are known, and the command that prints them."""

import numpy as np
import pytest

from brian_siamsnn.diagnostics.inspection import inspect_conversion, inspection_crops
from brian_siamsnn.diagnostics.inspection_figure import inspection_figure
from brian_siamsnn.diagnostics.quantisation import level_costs
from brian_siamsnn.model.conversion import scale_thresholds
from brian_siamsnn.model.files import SiameseModel, load_model
from brian_siamsnn.model.layers import Convolution
from brian_siamsnn.model.numpy_cnn import cnn_activations
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from tests.helpers.messages import refused
from tests.helpers.reference import NETWORKS, image, small_model


def siamese(layers, weights, scales):
    return SiameseModel(layers=tuple(layers), weights=weights, scales=scales)


@pytest.mark.parametrize("name", NETWORKS)
def test_activations_equal_pytorch(name):
    torch = pytest.importorskip("torch", reason="the CNN to compare with is PyTorch's")
    from brian_siamsnn.model.cnn import SiamFC

    model = small_model(NETWORKS[name])
    network = SiamFC.from_folded(model.layers, model.weights)
    picture = image(26)
    with torch.inference_mode():
        expected = network.activations(torch.from_numpy(picture).permute(2, 0, 1)[None].float())
    found = cnn_activations(model, picture)
    assert list(found) == [layer.name for layer in model.layers]
    for layer, values in found.items():
        np.testing.assert_allclose(values, expected[layer][0].permute(1, 2, 0).numpy(), rtol=1e-5, atol=1e-5)


BLACK = np.zeros((2, 2, 3), np.uint8)


def one_layer(activation):
    """A network of one 1x1 convolution whose channels have these activations for every image."""
    n = len(activation)
    layer = Convolution("conv1", 3, n, 1)
    weights = {"conv1": (np.zeros((n, 3, 1, 1), np.float32), np.array(activation, np.float32))}
    return siamese([layer], weights, {"conv1": np.full(n, 2.0, np.float32)})


@pytest.fixture(scope="module")
def layer():
    """Scale 2, T = 4: inputs of 0, .25, .5, .75 and 2 per step give 0 to 4 spikes; the last activation is 2 * 2 = 4.

    Three images of 2 x 2 pixels.
    """
    (layer,) = inspect_conversion(one_layer([-1.0, 0.5, 1.0, 1.5, 4.0]), [BLACK] * 3, steps=4)
    return layer


def test_spikes_and_rate_by_hand(layer):
    assert layer.spikes == 3 * 4 * (0 + 1 + 2 + 3 + 4)
    assert layer.rate == pytest.approx(10 / 20)


def test_silent_and_saturated_neurons_by_hand(layer):
    assert (layer.silent, layer.saturated) == (0.2, 0.2)


def test_clipped_activations_are_reproduced_exactly(layer):
    # estimates 0 .5 1 1.5 2
    assert layer.error == layer.relative_error == 0
    assert layer.correlation == pytest.approx(1)


def test_the_clipping_error_by_hand(layer):
    # the last neuron misses 2 of 4
    assert layer.error_unclipped == pytest.approx(2 / 5)
    assert layer.correlation_unclipped == pytest.approx(np.corrcoef([0, 0.5, 1, 1.5, 4], [0, 0.5, 1, 1.5, 2])[0, 1])


def test_the_error_of_the_first_steps_by_hand(layer):
    # after one step only the last has fired: errors 0 .25 .5 .75 0 of the scale; after two also .5 and .75, once
    # each: 0 .25 0 .25 0
    np.testing.assert_allclose(layer.relative_error_by_step[:2], [1.5 / 5, 0.5 / 5])


def test_the_density_counts_every_neuron_of_every_image(layer):
    assert layer.density.sum() == 3 * 4 * 5


@pytest.fixture(scope="module")
def model():
    return one_layer([0.5, 1.0, 1.5, 4.0])


def test_a_larger_scale_clips_less(model):
    # twice the scale: the last neuron no longer saturates at half its activation
    (wide,) = inspect_conversion(scale_thresholds(model, 2.0), [BLACK], steps=8)
    assert wide.error_unclipped == 0 and wide.saturated == 0.25


def test_burst_coding_cannot_send_strong_activations(model):
    # because its amplitudes shrink
    (burst,) = inspect_conversion(model, [BLACK], steps=8, coding="burst")
    (rate,) = inspect_conversion(model, [BLACK], steps=8)
    assert burst.relative_error > 0.3 > rate.relative_error == 0
    assert burst.rate > rate.rate


def test_a_model_without_scales_is_refused_with_the_conversion_command(model):
    with refused("brian-siamsnn weights import"):
        inspect_conversion(siamese(model.layers, model.weights, None), [BLACK])


def test_there_is_no_correlation_without_variation():
    (layer,) = inspect_conversion(one_layer([-1.0, -2.0]), [BLACK], steps=3)
    assert np.isnan(layer.correlation) and layer.silent == 1


def test_crops_are_taken_around_the_boxes():
    crops = list(inspection_crops(SyntheticSequence(frames=9), 3))
    assert len(crops) == 3 and {c.shape for c in crops} == {(255, 255, 3)}
    assert not np.array_equal(crops[0], crops[1])


@pytest.fixture(scope="module")
def shipped():
    """The layers of the shipped network on one crop of the synthetic sequence."""
    crop = next(inspection_crops(SyntheticSequence(frames=4), 1))
    return inspect_conversion(load_model("compact"), [crop], steps=12)


def test_the_error_of_the_shipped_network_falls_with_the_number_of_steps(shipped):
    for layer in shipped:
        assert layer.relative_error_by_step[-1] < 0.6 * layer.relative_error_by_step[1]


def test_firing_rates_of_the_shipped_network_follow_the_activations(shipped):
    assert all(layer.correlation > 0.6 for layer in shipped)


def test_the_figure_shows_the_correlation_of_each_layer(shipped):
    titles = [axes.get_title() for axes in inspection_figure(shipped).axes]
    assert any(title.startswith("conv5: r = 0.") for title in titles)


# waves


def test_a_fixed_point_wave_differs_nowhere_from_the_quantised_cnn():
    crops = [image(127, seed) for seed in (1, 2)]
    layers = inspect_conversion(load_model("compact"), crops, coding="wave:p=3")
    assert [layer.differing for layer in layers] == [0] * 5
    assert all(layer.spikes > 0 for layer in layers)


def test_a_layer_of_a_wave_by_hand():
    """Scale 2, p = 4, from 0.5: inputs of 0, .3, .5, .75 and 2 thresholds a step are 0, 1.7, 2.5, 3.5 and 8.5."""
    (layer,) = inspect_conversion(one_layer([-1.0, 0.6, 1.0, 1.5, 4.0]), [BLACK], coding="wave", v_init=0.5)
    assert layer.spikes == 4 * (0 + 1 + 2 + 3 + 4)
    assert layer.rate == pytest.approx(10 / 20)
    assert (layer.silent, layer.saturated, layer.differing) == (0.2, 0.2, 0)
    # estimates 0 .5 1 1.5 2 for 0 .6 1 1.5 4
    assert layer.error == pytest.approx(0.1 / 5)
    assert layer.error_unclipped == pytest.approx(2.1 / 5)


def test_an_initial_potential_of_the_coding_is_that_of_the_quantised_cnn():
    """Half a threshold would round 0.4 up to 1 of 4 levels at scale 2; a tenth does not."""
    (layer,) = inspect_conversion(one_layer([0.4]), [BLACK], coding="wave:v_init=0.1")
    assert (layer.spikes, layer.differing) == (0, 0)
    assert inspect_conversion(one_layer([0.4]), [BLACK], coding="wave:v_init=0.5")[0].spikes == 4


def test_only_a_single_wave_is_compared_with_the_quantised_cnn():
    assert inspect_conversion(one_layer([0.5]), [BLACK], steps=4)[0].differing is None
    assert inspect_conversion(one_layer([0.5]), [BLACK], coding="wave:waves=2")[0].differing is None


def test_the_cost_of_levels_by_hand():
    """Activations 0.6, 1 and 1.5 at p = 4 and scale 2 are rounded to 0.5, 1 and 1.5."""
    (cost,) = level_costs(one_layer([0.6, 1.0, 1.5]), [BLACK], 4)
    assert cost.error == pytest.approx(0.1 / np.sqrt(0.36 + 1 + 2.25), rel=0.05)
    assert cost.by_levels[4] == cost.best_error <= 1.01 * cost.error
    assert list(cost.by_levels) == [2, 4, 8] and cost.by_levels[8] < cost.by_levels[2]
