"""Convolution and pooling as explicit synapses (i, j, w), and the exact fan-out of every neuron.

Neurons are numbered channels-last: index = (y*width + x)*channels + c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..model.layers import Convolution

if TYPE_CHECKING:
    from ..model.projection import Projection

__all__ = ["convolution_synapses", "fan_out", "pooling_synapses", "synapse_count"]


def _pixel_pairs(projection):
    """Every connected (input pixel, output pixel, kernel position), sorted by input pixel, then by output pixel."""
    layer, (height, width, _) = projection.layer, projection.shape_out
    oy, ox, ky, kx = np.ogrid[:height, :width, : layer.kernel, : layer.kernel]
    source = (oy * layer.stride + ky) * projection.shape_in[1] + ox * layer.stride + kx
    target = np.broadcast_to(oy * width + ox, source.shape)
    position = np.broadcast_to(ky * layer.kernel + kx, source.shape)
    order = np.argsort(source, axis=None, kind="stable")
    return tuple(np.ascontiguousarray(a).ravel()[order] for a in (source, target, position))


def convolution_synapses(projection: Projection, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Flatten a convolution without padding.

    Parameters
    ----------
    projection : Projection
        Of a `Convolution`.
    weights : ndarray, shape (out, in/groups, kernel, kernel)
        Weights of the convolution.

    Returns
    -------
    i : ndarray of int32, shape (synapses,)
        Presynaptic neuron of each synapse, ascending.
    j : ndarray of int32, shape (synapses,)
        Postsynaptic neuron, ascending within each presynaptic one.
    w : ndarray, shape (synapses,)
        Weight, in the dtype of ``weights``.
    """
    layer = projection.layer
    if not isinstance(layer, Convolution):
        raise TypeError(f"{layer.name}: expected a convolution, got {type(layer).__name__}")
    source, target, position = _pixel_pairs(projection)
    in_group = layer.in_channels // layer.groups
    out_group = layer.out_channels // layer.groups
    # one row per (input pixel, input channel, output pixel): its synapses are
    # the output channels of one group, side by side
    start = np.searchsorted(source, np.arange(projection.shape_in[0] * projection.shape_in[1] + 1))
    pairs = np.repeat(np.diff(start), layer.in_channels)  # rows of each presynaptic neuron
    row_i = np.repeat(np.arange(pairs.size, dtype=np.int32), pairs)
    within = np.arange(row_i.size) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    pair = start[row_i // layer.in_channels] + within
    channel = row_i % layer.in_channels
    group = channel // in_group
    kernel = weights.reshape(layer.groups, out_group, in_group, layer.kernel**2)
    w = kernel.transpose(0, 2, 3, 1)[group, channel % in_group, position[pair]].ravel()
    first_j = (target[pair] * layer.out_channels + group * out_group).astype(np.int32)
    j = (first_j[:, None] + np.arange(out_group, dtype=np.int32)).ravel()
    return np.repeat(row_i, out_group), j, w


def pooling_synapses(projection: Projection) -> tuple[np.ndarray, np.ndarray]:
    """Flatten a pooling layer, which connects neurons of the same channel only.

    Parameters
    ----------
    projection : Projection
        Of a `MaxPool`.

    Returns
    -------
    i, j : ndarray of int32, shape (synapses,)
        Pre- and postsynaptic neuron of each synapse, sorted by i, then by j.
    """
    source, target, _ = _pixel_pairs(projection)
    channels = projection.shape_in[2]
    c = np.arange(channels, dtype=np.int32)
    i = (source[:, None] * channels + c).astype(np.int32).ravel()
    j = (target[:, None] * channels + c).astype(np.int32).ravel()
    order = np.argsort(i, kind="stable")
    return i[order], j[order]


def fan_out(projection: Projection) -> np.ndarray:
    """Number of synapses that leave each neuron, exact at the borders.

    Along one axis, input x lies under the outputs o with
    o*stride <= x < o*stride + kernel. A neuron before a convolution reaches
    every output channel of its group there; one before a pooling layer only
    its own channel.

    Parameters
    ----------
    projection : Projection
        Of a convolution or a pooling layer.

    Returns
    -------
    ndarray of int64, shape (height, width)
        Per presynaptic pixel; all its channels have the same fan-out.
    """
    layer, (height_in, width_in, _), (height_out, width_out, _) = (
        projection.layer,
        projection.shape_in,
        projection.shape_out,
    )

    def along(size, outputs):
        x, o = np.ogrid[:size, :outputs]
        return ((o * layer.stride <= x) & (x < o * layer.stride + layer.kernel)).sum(1)

    channels = layer.out_channels // layer.groups if isinstance(layer, Convolution) else 1
    return np.outer(along(height_in, height_out), along(width_in, width_out)) * channels


def synapse_count(projection: Projection) -> int:
    """Number of synapses of the flattened layer.

    Parameters
    ----------
    projection : Projection
        Of a convolution or a pooling layer.

    Returns
    -------
    int
        Synapses for one image.
    """
    return int(fan_out(projection).sum()) * projection.shape_in[2]
