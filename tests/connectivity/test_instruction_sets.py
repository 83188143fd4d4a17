"""Every set of vector instructions that this processor has gives the same bits as plain code."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brian_siamsnn.connectivity import _events, _windows
from brian_siamsnn.connectivity.blocks import blocked_kernel, kernel_block
from brian_siamsnn.model.layers import Convolution, MaxPool, output_size

WIDEST = _windows.instruction_set()


def at_each_level(compute):
    """What a function returns with the instructions of every level, from plain ones to the widest."""
    results = []
    try:
        for level in range(WIDEST + 1):
            for module in (_events, _windows):
                module.limit_instructions(level)
                assert module.instruction_set() == level
            results.append(compute())
    finally:
        for module in (_events, _windows):
            module.limit_instructions(WIDEST)
    return results


def assert_all_equal(results):
    for other in results[1:]:
        for mine, theirs in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(mine, theirs)


def naive_window(counts, w, unit, current, v, p, layer):
    """A window in integers and exact floats, output by output."""
    images, height, width, channels = counts.shape
    sides = output_size(layer, height), output_size(layer, width)
    in_group, out_group = channels // layer.groups, layer.out_channels // layer.groups
    windows = np.lib.stride_tricks.sliding_window_view(counts, (layer.kernel, layer.kernel), (1, 2))
    windows = windows[:, :: layer.stride, :: layer.stride].astype(np.int64)
    total = np.zeros((images, *sides, layer.out_channels), np.int64)
    for g in range(layer.groups):
        part = windows[..., g * in_group : (g + 1) * in_group, :, :]
        mine = slice(g * out_group, (g + 1) * out_group)
        total[..., mine] = np.einsum("nyxcij,ocij->nyxo", part, w[mine].astype(np.int64))
    before = v + unit * total + p * current
    fired = np.clip(np.floor(before), 0, p)
    return before - fired, fired.astype(np.uint8)


@st.composite
def convolutions(draw):
    groups = draw(st.integers(1, 2))
    in_group, out_group = draw(st.sampled_from([1, 5, 16, 19, 40])), draw(st.sampled_from([1, 8, 17, 33, 48, 70]))
    layer = Convolution(
        "conv", groups * in_group, groups * out_group, draw(st.integers(1, 5)), draw(st.integers(1, 3)), groups=groups
    )
    return layer, draw(st.integers(5, 12)), draw(st.integers(5, 12))


@settings(max_examples=60, deadline=None)
@given(
    convolutions(),
    st.integers(1, 2),
    st.sampled_from([1, 3, 4, 16, 255]),
    st.sampled_from([0.0, 0.1, 0.9]),
    st.integers(1, 2),
    st.sampled_from([np.float32, np.float64]),
    st.integers(0, 10**6),
)
def test_a_window_of_a_convolution(case, images, p, rate, threads, dtype, seed):
    """Weights whose sum over a window is the largest that is allowed, with counts up to p."""
    layer, height, width = case
    rng = np.random.default_rng(seed)
    w = rng.integers(-9, 10, layer.weight_shape)
    w[0] = np.abs(w[0])
    w[0].flat[0] += 32767 - w[0].sum()
    counts = (rng.integers(1, p + 1, (images, height, width, layer.in_channels))).astype(np.uint8)
    counts[rng.random(counts.shape) >= rate] = 0
    shape = output_size(layer, height), output_size(layer, width), layer.out_channels
    unit = 2.0 ** rng.integers(-8, 1, layer.out_channels)
    v, current = (unit * rng.integers(-50, 50, (images, *shape)) for _ in range(2))
    fan_out = rng.integers(1, 9, shape[:2]).astype(np.int32)
    block = kernel_block(layer, fixed_point=True)
    blocked = blocked_kernel(w.astype(np.int16), layer.groups, block)

    def compute():
        potentials, fired = v.astype(dtype).ravel(), np.zeros(v.size, np.uint8)
        by_step = np.zeros((2, p), np.int64)
        state = unit.astype(dtype), current.astype(dtype).ravel(), potentials, fired, fan_out.ravel(), by_step
        sides = images, counts.shape[1:], shape, layer.kernel, layer.stride, layer.groups, block, threads
        _windows.convolve(counts.ravel(), blocked, *state, *sides)
        return potentials, fired, by_step

    results = at_each_level(compute)
    assert_all_equal(results)
    left, fired = naive_window(counts, w, unit, current, v, p, layer)
    np.testing.assert_array_equal(results[0][0].reshape(left.shape), left)
    np.testing.assert_array_equal(results[0][1].reshape(fired.shape), fired)
    for s in range(p):
        assert results[0][2][0, s] == (fired > s).sum()
        assert results[0][2][1, s] == ((fired > s).sum((0, 3)) * fan_out).sum()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 4), st.integers(1, 3), st.integers(1, 2), st.integers(0, 10**6))
def test_a_window_of_a_pool(channels, kernel, stride, threads, seed):
    rng = np.random.default_rng(seed)
    layer, p = MaxPool("pool", kernel, stride), 5
    counts = rng.integers(0, p + 1, (2, 9, 8, channels)).astype(np.uint8)
    shape = output_size(layer, 9), output_size(layer, 8), channels

    def compute():
        fired, by_step = np.zeros((2, *shape), np.uint8), np.zeros((2, p), np.int64)
        known = np.ones(shape[0] * shape[1], np.int32), by_step
        _windows.pool(counts.ravel(), fired.ravel(), *known, 2, counts.shape[1:], shape, kernel, stride, threads)
        return fired, by_step

    results = at_each_level(compute)
    assert_all_equal(results)
    windows = np.lib.stride_tricks.sliding_window_view(counts, (kernel, kernel), (1, 2))[:, ::stride, ::stride]
    np.testing.assert_array_equal(results[0][0], windows.max((-1, -2)))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 20), st.booleans(), st.integers(1, 2), st.integers(0, 10**6))
def test_a_window_of_the_first_layer(channels, p, whole, threads, seed):
    rng = np.random.default_rng(seed)
    current = (rng.integers(-(2**16), 2**16, (2, 5, 7, channels)) / 2**16).astype(np.float32)

    def compute():
        v, fired, by_step = (
            np.full(current.shape, 0.5, np.float32),
            np.zeros(current.size, np.uint8),
            np.zeros((2, p), int),
        )
        known = fired, np.ones(35, np.int32), by_step
        _windows.fire_current(current.ravel(), v.ravel(), *known, whole, 2, (5, 7, channels), threads)
        return v, fired, by_step

    results = at_each_level(compute)
    assert_all_equal(results)
    exact = 0.5 + p * current.astype(np.float64)
    fired = np.clip(np.floor(exact), 0, p)
    np.testing.assert_array_equal(results[0][1].reshape(fired.shape), fired)
    np.testing.assert_array_equal(results[0][0], exact - fired)


@settings(max_examples=40, deadline=None)
@given(convolutions(), st.sampled_from([0.05, 0.5]), st.booleans(), st.integers(0, 10**6))
def test_the_spikes_of_a_step(case, rate, fixed, seed):
    layer, height, width = case
    rng = np.random.default_rng(seed)
    fired = np.flatnonzero(rng.random(height * width * layer.in_channels) < rate).astype(np.int32)
    shape = output_size(layer, height), output_size(layer, width), layer.out_channels
    sides = 1, (height, width, layer.in_channels), shape, layer.kernel, layer.stride, layer.groups
    block = kernel_block(layer, fixed_point=fixed)
    w = blocked_kernel(
        rng.normal(0, 30, layer.weight_shape).astype(np.int16 if fixed else np.float32), layer.groups, block
    )

    def compute():
        v = np.zeros(int(np.prod(shape)), np.float32)
        if fixed:
            _events.convolve_fixed_point(fired, w, np.ones(layer.out_channels, np.float32), v, *sides, block, 4, 1)
        else:
            _events.convolve(fired, np.ones(1, np.float32), w, v, *sides, block, 4, 1)
        return (v,)

    assert_all_equal(at_each_level(compute))


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("width", [11, 27, 60, 255])
def test_an_image(kind, width):
    """Whole weights, whose sums are exact: wider instructions fuse products with sums, and round less otherwise."""
    rng = np.random.default_rng(width)
    layer = Convolution("conv", 3, 19, 11, 4)
    image = rng.integers(0, 256, (40, width, 3)).astype(kind)
    w = rng.integers(-20, 21, layer.weight_shape)
    shape = output_size(layer, 40), output_size(layer, width), 19

    def compute():
        current = np.empty(shape, np.float32)
        weights = blocked_kernel(w.astype(np.float32), 1, _events.image_block)
        _events.convolve_image(image, weights, np.zeros(32, np.float32), current, 11, 4, 2)
        return (current,)

    results = at_each_level(compute)
    assert_all_equal(results)
    windows = np.lib.stride_tricks.sliding_window_view(image.astype(int), (11, 11), (0, 1))[::4, ::4]
    np.testing.assert_array_equal(results[0][0], np.einsum("yxcij,ocij->yxo", windows, w))
