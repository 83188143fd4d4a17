"""Figures show the numbers that they were given."""

import io

import numpy as np
import pytest
from matplotlib.image import imread

from brian_siamsnn.spikes.plots import feature_maps, membrane_traces, raster, rate_histograms, response_over_image
from brian_siamsnn.spikes.trains import SpikeTrains
from tests.helpers.messages import refused


def trains(shape=(2, 3, 4), steps=6, rate=0.4, seed=0):
    rng = np.random.default_rng(seed)
    step, neuron = np.nonzero(rng.random((steps, int(np.prod(shape)))) < rate)
    return SpikeTrains(neuron, step, np.ones(len(step)), shape, steps)


def pixels(figure, dpi=60):
    file = io.BytesIO()
    figure.savefig(file, dpi=dpi)
    return imread(io.BytesIO(file.getvalue()))


def test_a_small_raster_has_dots_sorted_by_channel():
    # neuron 5 of a layer (1, 2, 3) is at x = 1, channel 2: row 2*2 + 1 = 5; neuron 1 is x = 0, channel 1: row 2
    two = SpikeTrains(np.array([5, 1]), np.array([0, 3]), np.ones(2), (1, 2, 3), 4)
    (axes,) = raster({"layer": two}).axes
    np.testing.assert_array_equal(axes.collections[0].get_offsets(), [[0, 5], [3, 2]])


def density(figure):
    """Rows, from the lowest channel, by time."""
    return np.asarray(figure.axes[0].images[0].get_array())


def test_a_large_raster_shows_the_share_of_firing_neurons():
    layer = trains((5, 7, 8), 6)
    shown = density(raster({"layer": layer}, dots=10))
    # 96 // 8 = 12 rows per channel of 35 positions; weighted by their sizes they contain every spike
    assert shown.shape == (8 * 12, 6)
    members = np.bincount(np.arange(35) * 12 // 35)
    per_channel = (shown * np.tile(members, 8)[:, None]).reshape(8, 12, 6).sum(1)
    np.testing.assert_allclose(per_channel, layer.dense().sum((1, 2)).T)


def test_channels_and_steps_are_averaged_if_they_outnumber_the_pixels():
    # 192 channels of 4 positions in 96 rows, 1000 steps in 500 columns: a pixel is the mean of 2 x 4 x 2
    layer = trains((2, 2, 192), 1000, rate=0.1)
    shown = density(raster({"layer": layer}))
    expected = layer.dense().reshape(500, 2, 4, 96, 2).mean((1, 2, 4)).T
    np.testing.assert_allclose(shown, expected)


@pytest.mark.parametrize("shape", [(4, 4, 16), (1, 1, 1000), (1000, 1, 1), (100, 100, 100)])
def test_no_row_of_a_raster_is_lost(shape):
    """All neurons fire in the first step and every other row in the second; the pixels must show both."""
    size = int(np.prod(shape))
    rows = density(raster({"a": trains(shape, 2, rate=0)}))
    assert len(rows) <= 96
    place, channel = np.divmod(np.arange(size), shape[2])
    parts = len(rows) // min(shape[2], 96)
    row = channel * min(shape[2], 96) // shape[2] * parts + place * parts // (shape[0] * shape[1])
    neuron = np.concatenate([np.arange(size), np.flatnonzero(row % 2)])
    step = np.repeat([0, 1], [size, len(neuron) - size])
    figure = raster({"a": SpikeTrains(neuron, step, np.ones(len(neuron)), shape, 2)})
    figure.axes[0].spines[:].set_visible(False)
    picture = pixels(figure, 100)
    box = figure.axes[0].get_window_extent()
    left, right = (
        picture[int(len(picture) - box.y1) + 1 : int(len(picture) - box.y0), int(x), :3].sum(1)
        for x in (box.x0 + box.width / 4, box.x0 + 3 * box.width / 4)
    )
    assert np.ptp(left[1:-1]) < 0.02
    # light and dark alternate, for as many rows as there are
    light = right > (right.min() + right.max()) / 2
    assert np.count_nonzero(np.diff(light)) == len(rows) - 1


def test_more_firing_is_lighter_in_gray_and_equal_across_panels():
    """Lightness alone distinguishes the shares, without colour vision; both panels share one scale."""
    neuron = np.concatenate([np.arange(n) for n in (0, 50, 100, 200, 400)])
    step = np.repeat(np.arange(5), (0, 50, 100, 200, 400))
    layer = SpikeTrains(neuron, step, np.ones(len(step)), (400, 1, 1), 5)
    scattered = SpikeTrains((neuron * 149) % 400, step, layer.amplitude, layer.shape, 5)
    faint = scattered.select(steps=[0, 1, 2])
    figure = raster({"a": scattered, "b": faint})
    assert figure.axes[0].images[0].norm is figure.axes[1].images[0].norm
    picture = pixels(figure, 100)[:, :, :3] @ [0.299, 0.587, 0.114]
    means = []
    for axes in figure.axes[:2]:
        box = axes.get_window_extent()
        rows = slice(int(len(picture) - box.y1) + 3, int(len(picture) - box.y0) - 2)
        columns = np.array_split(np.arange(int(box.x0) + 3, int(box.x1) - 2), 5 if not means else 3)
        means.append([picture[rows, column[5:-5]].mean() for column in columns])
    assert (np.diff(means[0]) > 0.03).all()
    np.testing.assert_allclose(means[1], means[0][:3], atol=0.02)


def test_a_million_neurons_fit_in_the_same_raster():
    assert density(raster({"layer": trains((100, 100, 100), 3, rate=0.02)})).shape == (96, 3)


def test_the_order_of_spikes_does_not_change_a_figure():
    layer = trains()
    order = np.random.default_rng(1).permutation(len(layer))
    mixed = SpikeTrains(layer.neuron[order], layer.step[order], layer.amplitude[order], layer.shape, layer.steps)
    for plot in (
        lambda t: raster({"a": t}),
        lambda t: raster({"a": t}, dots=1),
        lambda t: rate_histograms({"a": t}),
        feature_maps,
    ):
        picture = pixels(plot(layer), 30)
        np.testing.assert_array_equal(picture, pixels(plot(mixed), 30))
        # ... and another layer changes it
        assert not np.array_equal(picture, pixels(plot(trains(seed=3)), 30))


V = np.array([[0.4, 0.8, 1.2, 0.6]])
V_TH = np.array([[1.0, 1.0, 1.0, 1000.0]])
SPIKE = SpikeTrains(np.array([0]), np.array([2]), np.ones(1), (1, 1, 1), 4)


def test_membranes_show_potential_threshold_and_spikes():
    (axes,) = membrane_traces(V, V_TH, SPIKE, ["n"]).axes
    potential, threshold, dots = axes.lines
    np.testing.assert_array_equal(potential.get_ydata(), V[0])
    np.testing.assert_array_equal(threshold.get_ydata(), V_TH[0])
    np.testing.assert_array_equal(np.c_[dots.get_data()], [[2, 1.2]])


def test_an_unreachable_threshold_does_not_stretch_the_panel():
    (axes,) = membrane_traces(V, V_TH, SPIKE, ["n"]).axes
    assert axes.get_ylim()[1] < 2


def test_potentials_and_trains_with_different_steps_are_refused():
    with refused("v", "v_th", (1, 4), (1, 3)):
        membrane_traces(V[:, :3], V_TH[:, :3], SPIKE)


def test_histograms_count_every_neuron():
    layer = trains()
    (axes,) = rate_histograms({"layer": layer}).axes
    heights = [bar.get_height() for bar in axes.patches]
    # by hand: how many neurons have 0, 1, ... 6 spikes
    counts = [(layer.dense() > 0).sum(0).ravel().tolist().count(n) for n in range(7)]
    assert heights == counts and sum(heights) == 24
    assert axes.lines[0].get_xdata()[0] == pytest.approx(len(layer) / 24 / 6)


def test_feature_maps_show_spike_counts_on_one_scale():
    layer = trains()
    figure = feature_maps(layer, "title")
    maps = [axes.images[0] for axes in figure.axes if axes.images and axes.get_title()]
    assert len(maps) == 4
    for channel, image in enumerate(maps):
        np.testing.assert_array_equal(image.get_array(), (layer.dense() > 0).sum(0)[:, :, channel])
        assert image.get_clim() == (0, (layer.dense() > 0).sum(0).max())


def test_the_response_peak_is_drawn_at_the_target():
    response = np.zeros((17, 17))
    response[8, 11] = 1  # three cells, 24 pixels, right of the middle of 255
    figure = response_over_image(np.zeros((255, 255, 3), np.uint8), response)
    assert figure.axes[0].lines[0].get_xydata().tolist() == [[127 + 24, 127]]


@pytest.mark.parametrize("plot", [raster, rate_histograms])
def test_empty_figures_are_refused(plot):
    with refused():
        plot({})
