"""Convolution and pooling as explicit synapses (i, j, w), and as exact fan-outs.

Neurons are numbered channels-last: index = (y*width + x)*channels + c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..model.layers import Convolution

if TYPE_CHECKING:
    from ..aliases import Shape
    from ..model.layers import Layer

__all__ = ["convolution_synapses", "fan_out", "pooling_synapses", "synapse_count"]


def _pixel_pairs(shape_in, shape_out, layer):
    """Every (input pixel, output pixel, place in the kernel) that are joined, by input pixel.

    Within an input pixel they are in the order of the output pixels.
    """
    height, width, _ = shape_out
    oy, ox, ky, kx = np.ogrid[:height, :width, : layer.kernel, : layer.kernel]
    source = (oy * layer.stride + ky) * shape_in[1] + ox * layer.stride + kx
    target = np.broadcast_to(oy * width + ox, source.shape)
    place = np.broadcast_to(ky * layer.kernel + kx, source.shape)
    order = np.argsort(source, axis=None, kind="stable")
    return tuple(np.ascontiguousarray(a).ravel()[order] for a in (source, target, place))


def convolution_synapses(
    shape_in: Shape, shape_out: Shape, layer: Convolution, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Flatten a convolution without padding.

    Parameters
    ----------
    shape_in, shape_out : tuple
        (height, width, channels) of the two layers.
    layer : Convolution
    weights : ndarray, shape (out, in/groups, kernel, kernel)

    Returns
    -------
    i, j : ndarray of int32
        Pre- and postsynaptic neuron of each synapse, sorted by i, then j.
    w : ndarray
        Its weight, of the weights' type.
    """
    source, target, place = _pixel_pairs(shape_in, shape_out, layer)
    in_group = layer.in_channels // layer.groups
    out_group = layer.out_channels // layer.groups
    # one row per (input pixel, input channel, output pixel): its synapses are
    # the output channels of one group, side by side
    start = np.searchsorted(source, np.arange(shape_in[0] * shape_in[1] + 1))
    pairs = np.repeat(np.diff(start), layer.in_channels)  # rows of each presynaptic neuron
    row_i = np.repeat(np.arange(pairs.size, dtype=np.int32), pairs)
    within = np.arange(row_i.size) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    pair = start[row_i // layer.in_channels] + within
    channel = row_i % layer.in_channels
    group = channel // in_group
    kernel = weights.reshape(layer.groups, out_group, in_group, layer.kernel**2)
    w = kernel.transpose(0, 2, 3, 1)[group, channel % in_group, place[pair]].ravel()
    first_j = (target[pair] * layer.out_channels + group * out_group).astype(np.int32)
    j = (first_j[:, None] + np.arange(out_group, dtype=np.int32)).ravel()
    return np.repeat(row_i, out_group), j, w


def pooling_synapses(shape_in: Shape, shape_out: Shape, layer: Layer) -> tuple[np.ndarray, np.ndarray]:
    """Flatten a pooling: i, j as `convolution_synapses`, within each channel."""
    source, target, _ = _pixel_pairs(shape_in, shape_out, layer)
    channels = shape_in[2]
    c = np.arange(channels, dtype=np.int32)
    i = (source[:, None] * channels + c).astype(np.int32).ravel()
    j = (target[:, None] * channels + c).astype(np.int32).ravel()
    order = np.argsort(i, kind="stable")
    return i[order], j[order]


def fan_out(shape_in: Shape, shape_out: Shape, layer: Layer) -> np.ndarray:
    """Number of synapses that leave a neuron, exact at the borders.

    Along one axis the input x is under the outputs o with
    o*stride <= x < o*stride + kernel; a convolution's neuron reaches every
    output channel of its group there, a pooling's only its own.

    Returns
    -------
    ndarray of int64, shape (height, width)
        The same for all channels of a pixel.
    """

    def along(size, outputs):
        x, o = np.ogrid[:size, :outputs]
        return ((o * layer.stride <= x) & (x < o * layer.stride + layer.kernel)).sum(1)

    reached = layer.out_channels // layer.groups if isinstance(layer, Convolution) else 1
    return np.outer(along(shape_in[0], shape_out[0]), along(shape_in[1], shape_out[1])) * reached


def synapse_count(shape_in: Shape, shape_out: Shape, layer: Layer) -> int:
    """Number of synapses that the layer has when it is flattened."""
    return int(fan_out(shape_in, shape_out, layer).sum()) * shape_in[2]
