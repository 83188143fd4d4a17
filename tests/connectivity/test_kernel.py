"""The compiled kernels, called with random spikes, compared bit by bit with adding every synapse in turn."""

import os
import sys

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from brian_siamsnn.connectivity import _events
from brian_siamsnn.connectivity.blocks import blocked_kernel, kernel_block
from brian_siamsnn.connectivity.explicit import convolution_synapses, pooling_synapses
from brian_siamsnn.model.layers import Convolution, MaxPool, output_size
from brian_siamsnn.model.projection import Projection


def spike_times(rng, images, shape, rate):
    fired = np.flatnonzero(rng.random(images * int(np.prod(shape))) < rate).astype(np.int32)
    return fired, np.divmod(fired, int(np.prod(shape)))


def layer_of(place, channels):
    """A convolution and its input and output shapes."""
    kernel, stride, height, width = place
    groups, in_group, out_group = channels
    layer = Convolution("conv", groups * in_group, groups * out_group, kernel, stride, groups)
    shape_out = (output_size(layer, height), output_size(layer, width), layer.out_channels)
    return layer, (height, width, layer.in_channels), shape_out


def synapse_by_synapse(v, synapses, image, neuron, amplitude):
    """Potentials (images, outputs) after one spike of each of these neurons in order, and the number of events."""
    i, j, w = synapses
    first = np.searchsorted(i, np.arange(neuron.max(initial=0) + 2))
    v, events = v.copy(), 0
    for q in range(len(neuron)):
        mine = slice(first[neuron[q]], first[neuron[q] + 1])
        v[image[q], j[mine]] += w[mine].astype(v.dtype) * amplitude[q]
        events += mine.stop - mine.start
    return v, events


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([np.float32, np.float64]),
    st.integers(1, 3),
    st.tuples(st.integers(1, 5), st.integers(1, 2), st.integers(5, 12), st.integers(5, 12)),
    st.sampled_from([(1, 3, 5), (1, 40, 33), (1, 130, 50), (2, 30, 48), (2, 7, 96), (3, 2, 1), (1, 20, 70)]),
    st.sampled_from([0.0, 0.02, 0.3, 0.9]),
    st.booleans(),
    st.integers(1, 5),
    st.integers(1, 2),
)
def test_a_convolution_equals_its_synapses_in_neuron_order(dtype, images, place, channels, rate, unit, strip, threads):
    """Covers kernel rows swept one by one (many spikes) or together (few), and every block."""
    kernel, stride, height, width = place
    layer, shape_in, shape_out = layer_of(place, channels)
    rng = np.random.default_rng(height * width)
    weights = rng.normal(size=layer.weight_shape).astype(dtype)
    fired, (image, neuron) = spike_times(rng, images, shape_in, rate)
    amplitude = np.ones(1, dtype) if unit else rng.random(len(fired)).astype(dtype)
    v = rng.normal(size=(images, int(np.prod(shape_out)))).astype(dtype)

    synapses = convolution_synapses(Projection(layer, shape_in, shape_out), weights)
    expected, events = synapse_by_synapse(v, synapses, image, neuron, np.broadcast_to(amplitude, len(fired)))

    block = kernel_block(layer)
    geometry = images, shape_in, shape_out, kernel, stride, layer.groups
    blocked = blocked_kernel(weights, layer.groups, block)
    counted = _events.convolve(fired, amplitude, blocked, v.reshape(-1), *geometry, block, strip, threads)
    assert counted == events
    np.testing.assert_array_equal(v, expected)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([np.float32, np.float64]),
    st.integers(1, 3),
    st.tuples(st.integers(1, 5), st.integers(1, 2), st.integers(5, 12), st.integers(5, 12)),
    st.sampled_from(
        [(1, 3, 5), (1, 40, 33), (1, 130, 50), (2, 30, 48), (2, 7, 96), (3, 2, 1), (1, 20, 70), (1, 9, 128)]
    ),
    st.sampled_from([0.0, 0.02, 0.3, 1.0]),
    st.integers(1, 5),
    st.integers(1, 2),
)
def test_fixed_point_weights_are_summed_exactly(dtype, images, place, channels, rate, strip, threads):
    """Up to the largest allowed sums: if every input fires, some channels reach 32767 and -32767."""
    kernel, stride, height, width = place
    layer, shape_in, shape_out = layer_of(place, channels)
    rng = np.random.default_rng(height * width)
    whole = rng.integers(-9, 10, layer.weight_shape)
    for channel, sign in ((0, 1), (-1, -1)):
        whole[channel] = sign * np.abs(whole[channel])
        whole[channel].flat[0] += sign * 32767 - whole[channel].sum()
    unit = 2.0 ** rng.integers(-14, 1, layer.out_channels)
    fired, (image, neuron) = spike_times(rng, images, shape_in, rate)
    v = unit * rng.integers(-1000, 1000, (images, *shape_out))
    flat = v.astype(dtype).reshape(-1)

    i, j, w = convolution_synapses(Projection(layer, shape_in, shape_out), whole)
    synapses = i, j, w * unit[j % layer.out_channels]
    expected, events = synapse_by_synapse(v.reshape(images, -1), synapses, image, neuron, np.ones(len(fired)))

    block = kernel_block(layer, fixed_point=True)
    geometry = images, shape_in, shape_out, kernel, stride, layer.groups
    blocked = blocked_kernel(whole.astype(np.int16), layer.groups, block)
    sums = unit.astype(dtype), flat
    counted = _events.convolve_fixed_point(fired, blocked, *sums, *geometry, block, strip, threads)
    assert counted == events
    np.testing.assert_array_equal(flat.reshape(images, -1), expected)


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(1, 12), st.integers(1, 4), st.integers(12, 60), st.integers(12, 60)),
    st.integers(1, 4),
    st.sampled_from([1, 7, 16, 17, 40]),
)
def test_the_image_is_convolved(place, colours, outputs):
    """Integers, whose sums are always exact; and floats, whose sums are the same with any number of threads."""
    kernel, stride, height, width = place
    layer = Convolution("conv", colours, outputs, kernel, stride)
    rng = np.random.default_rng(height * width)
    image = rng.integers(0, 256, (height, width, colours)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(image, (kernel, kernel), (0, 1))[::stride, ::stride]
    padded = -(-outputs // _events.image_block) * _events.image_block

    def convolved(w, b, threads):
        current = np.empty((*windows.shape[:2], outputs), np.float32)
        bias = np.pad(b, (0, padded - outputs)).astype(np.float32)
        weights = blocked_kernel(w.astype(np.float32), 1, _events.image_block)
        _events.convolve_image(image, weights, bias, current, kernel, stride, threads)
        return current

    whole, b = rng.integers(-20, 21, layer.weight_shape), rng.integers(-9, 10, outputs)
    exact = np.einsum("yxcij,ocij->yxo", windows, whole) + b
    np.testing.assert_array_equal(convolved(whole, b, 2), exact)
    w = rng.normal(size=layer.weight_shape).astype(np.float32)
    np.testing.assert_array_equal(convolved(w, b, 2), convolved(w, b, 1))
    exact = np.einsum("yxcij,ocij->yxo", windows.astype(float), w.astype(float)) + b
    scale = np.einsum("yxcij,ocij->yxo", windows.astype(float), np.abs(w).astype(float)) + np.abs(b)
    current = convolved(w, b, 1)
    # what the sums round, and then the result: to a multiple of 2^-16, or the spacing of its sum with 192
    bound = (kernel**2 * colours + 2) * 2.0**-24 * scale + 2.0**-24 * (np.abs(exact) + 192)
    assert (np.abs(current - exact) <= bound).all()
    small = current[np.abs(current) < 64].astype(float) * 2**16
    np.testing.assert_array_equal(small, np.round(small))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 3),
    st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(4, 12), st.integers(4, 12)),
    st.integers(1, 4),
    st.sampled_from([0.05, 0.5]),
    st.integers(1, 4),
    st.integers(1, 2),
)
def test_pools_equal_their_synapses(images, place, channels, rate, strip, threads):
    kernel, stride, height, width = place
    assume(min(height, width) >= kernel)
    layer = MaxPool("pool", kernel, stride)
    shape_in = (height, width, channels)
    shape_out = (output_size(layer, height), output_size(layer, width), channels)
    i, j = pooling_synapses(Projection(layer, shape_in, shape_out))
    inputs, outputs = (images * int(np.prod(shape)) for shape in (shape_in, shape_out))
    rng = np.random.default_rng(height * width)
    sums, m, emitted, rise = (np.zeros(n) for n in (inputs, outputs, outputs, outputs))
    gate_sums, gate_m, leader, passed = (
        np.zeros(inputs),
        np.zeros(outputs),
        np.zeros(outputs, np.int32),
        np.zeros(outputs),
    )
    total, gate_total, gate_leader = np.zeros(inputs), np.zeros(outputs), np.zeros(outputs, np.int32)
    geometry = (images, shape_in, shape_out, kernel, stride, strip, threads)
    for _ in range(4):
        fired, (image, neuron) = spike_times(rng, images, shape_in, rate)
        amplitude = rng.choice([0.5, 1.0], len(fired))
        if len(fired) == 0:
            continue
        expected, events = np.zeros(outputs), 0
        for q in range(len(fired)):
            total[fired[q]] += amplitude[q]
            windows = j[i == neuron[q]] + image[q] * outputs // images
            events += len(windows)
            for window in windows:  # the input with the largest count so far (the first on ties) passes its spikes on
                ahead = total[fired[q]] > gate_total[window]
                if ahead or (total[fired[q]] == gate_total[window] and fired[q] < gate_leader[window]):
                    gate_total[window], gate_leader[window] = total[fired[q]], fired[q]
                    expected[window] = amplitude[q]
        assert _events.pool(fired, amplitude, sums, m, emitted, rise, *geometry) == events
        passed[:] = 0
        assert _events.gate(fired, amplitude, gate_sums, gate_m, leader, passed, *geometry) == events
        np.testing.assert_array_equal(passed, expected)
        windows = total.reshape(images, height, width, channels)
        windows = np.lib.stride_tricks.sliding_window_view(windows, (kernel, kernel), (1, 2))[:, ::stride, ::stride]
        np.testing.assert_array_equal(m, windows.max((-1, -2)).ravel())
        np.testing.assert_array_equal(rise[m > emitted], (m - emitted)[m > emitted])
        emitted[:] = m


@pytest.mark.skipif(sys.platform != "linux", reason="processors of a process, and forks, are Linux's here")
def test_a_forked_child_can_use_all_processors():
    """The helper threads stay in the parent; whatever moves them to another processor must not move the child."""
    layer, shape_in, shape_out = Convolution("conv", 48, 32, 3), (64, 64, 48), (62, 62, 32)
    rng = np.random.default_rng(0)
    fired, _ = spike_times(rng, 1, shape_in, 0.3)
    weights = blocked_kernel(rng.normal(size=layer.weight_shape).astype(np.float32), 1, kernel_block(layer))

    def convolved():
        v = np.zeros(int(np.prod(shape_out)), np.float32)
        _events.convolve(fired, np.ones(1, np.float32), weights, v, 1, shape_in, shape_out, 3, 1, 1, 32, 8, 2)
        return v

    expected, allowed = convolved(), os.sched_getaffinity(0)
    child = os.fork()
    if child == 0:
        same = all(np.array_equal(convolved(), expected) for _ in range(20))
        os._exit(0 if same and os.sched_getaffinity(0) == allowed else 1)
    assert os.waitpid(child, 0)[1] == 0
