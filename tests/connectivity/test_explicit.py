"""Flattened convolutions compared with explicit sums, and fan-outs with direct counts."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from brian_siamsnn.connectivity.explicit import convolution_synapses, fan_out, pooling_synapses, synapse_count
from brian_siamsnn.model.layers import ALEXNET, COMPACT, Convolution, MaxPool, output_size
from brian_siamsnn.model.projection import Projection
from tests.helpers.messages import refused

geometry = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(4, 9), st.integers(4, 9))


def shapes(layer, height, width, channels, out):
    return (height, width, channels), (output_size(layer, height), output_size(layer, width), out)


@settings(max_examples=40, deadline=None)
@given(geometry, st.sampled_from([1, 2, 3]), st.integers(1, 2), st.integers(1, 3))
def test_synapses_compute_the_convolution(place, groups, in_group, out_group):
    kernel, stride, height, width = place
    layer = Convolution("conv", groups * in_group, groups * out_group, kernel, stride, groups)
    shape_in, shape_out = shapes(layer, height, width, layer.in_channels, layer.out_channels)
    rng = np.random.default_rng(0)
    weights = rng.normal(size=layer.weight_shape)
    x = rng.normal(size=shape_in)
    i, j, w = convolution_synapses(Projection(layer, shape_in, shape_out), weights)
    flat = np.bincount(j, weights=w * x.ravel()[i], minlength=int(np.prod(shape_out))).reshape(shape_out)

    expected = np.zeros(shape_out)
    for oy in range(shape_out[0]):
        for ox in range(shape_out[1]):
            window = x[oy * stride : oy * stride + kernel, ox * stride : ox * stride + kernel]
            for o in range(layer.out_channels):
                first = o // out_group * in_group
                part = window[:, :, first : first + in_group].transpose(2, 0, 1)
                expected[oy, ox, o] = (part * weights[o]).sum()
    np.testing.assert_allclose(flat, expected, atol=1e-12)
    # sorted, without duplicates, and equal in number to the sum of the fan-outs
    assert (np.diff(i.astype(np.int64) * flat.size + j) > 0).all()
    assert len(i) == synapse_count(Projection(layer, shape_in, shape_out)) == flat.size * in_group * kernel**2
    np.testing.assert_array_equal(
        np.bincount(i, minlength=x.size).reshape(shape_in),
        fan_out(Projection(layer, shape_in, shape_out))[:, :, None] + 0 * x,
    )


@settings(max_examples=20, deadline=None)
@given(geometry, st.integers(1, 3))
def test_pooling_connects_each_window_within_its_channel(place, channels):
    kernel, stride, height, width = place
    assume(min(height, width) >= kernel)
    layer = MaxPool("pool", kernel, stride)
    shape_in, shape_out = shapes(layer, height, width, channels, channels)
    i, j = pooling_synapses(Projection(layer, shape_in, shape_out))
    x = np.random.default_rng(0).normal(size=shape_in)
    maximum = np.full(int(np.prod(shape_out)), -np.inf)
    np.maximum.at(maximum, j, x.ravel()[i])
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), (0, 1))[::stride, ::stride]
    np.testing.assert_array_equal(maximum.reshape(shape_out), windows.max((-1, -2)))
    assert (np.diff(i) >= 0).all()
    assert len(i) == synapse_count(Projection(layer, shape_in, shape_out))


def test_fan_out_by_hand():
    # five inputs, kernel 3, stride 2: outputs see 0-2 and 2-4, so input 2 reaches both
    layer = Convolution("conv", 2, 6, 3, 2, groups=2)
    np.testing.assert_array_equal(
        fan_out(Projection(layer, (5, 5, 2), (2, 2, 6))), np.outer([1, 1, 2, 1, 1], [1, 1, 2, 1, 1]) * 3
    )


def test_sizes_of_the_published_network():
    """Synapses of the flattened search branch without conv1: 2.19e9 for AlexNet (its conv1 has 527 million)."""
    from brian_siamsnn.model.layers import sizes

    def count(layers, image_size):
        result, side, channels = 0, image_size, 3
        for k, layer in enumerate(layers):
            out = sizes(layers, image_size)[layer.name]
            if isinstance(layer, Convolution):
                shape_in, shape_out = (side, side, channels), (out, out, layer.out_channels)
                result += synapse_count(Projection(layer, shape_in, shape_out)) if k else 0
                channels = layer.out_channels
            side = out
        return result

    assert count(ALEXNET, 255) == 2_719_701_792 - 123 * 123 * 96 * 363
    assert count(ALEXNET, 127) == 460_172_064 - 59 * 59 * 96 * 363
    # 29^2 * 32 * 16 * 25 + 27^2 * 48 * 32 * 9 + 25^2 * 48 * 48 * 9 + 23^2 * 32 * 48 * 9
    assert count(COMPACT, 255) == 41_115_392


def test_an_input_smaller_than_the_kernel_is_an_error():

    with refused("conv", 2, 3):
        output_size(Convolution("conv", 1, 1, 3), 2)
