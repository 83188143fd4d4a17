"""An input of a layer of a graph as a plain convolution or pooling, without padding, of a map that contains its view.

The view of an input is a map of its own: some channels of the source, without margins, with zeros around them. Neurons
in the margins have no place in it, and its zeros never fire, so they cost nothing: fan-outs and synapses at a border
are exact. Kernels and synapses are then those of a chain (`explicit`, `shared_kernel`):

    neuron (y, x, c) of the source  ->  (y - crop + padding, x - crop + padding, c - first) of the view, or none

A kernel that is not square, or dilated, is part of a larger square one whose other weights have no synapse.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..model.graph import inputs_of
from ..model.layers import Convolution, MaxPool
from ..model.projection import Projection
from .explicit import convolution_synapses, fan_out, pooling_synapses

if TYPE_CHECKING:
    from ..model.graph_layers import Input
    from ..model.layers import Layer

__all__ = ["ProjectionView", "flattened", "is_plain", "neuron_fan_out", "synapses_of"]


def is_plain(projection: Projection) -> bool:
    """Whether a connection belongs to a chain, so that its presynaptic layer is seen as it is.

    Parameters
    ----------
    projection : Projection
        The connection.

    Returns
    -------
    bool
        False for an input of a layer of a graph.
    """
    return not inputs_of(projection.layer)


@dataclass(frozen=True)
class ProjectionView:
    """An input of a layer of a graph.

    Parameters
    ----------
    projection : Projection
        The connection.
    """

    projection: Projection

    @property
    def input(self) -> Input:
        """The input."""
        return inputs_of(self.projection.layer)[self.projection.number]

    @cached_property
    def side(self) -> int:
        """Side of the square kernel that contains this one."""
        return max(self.input.extent)

    @cached_property
    def plain(self) -> Projection:
        """The plain connection between the view and the postsynaptic layer."""
        one, (height, width, channels) = self.input, self.projection.shape_out
        # as large as the windows of all outputs, whatever the stride leaves over and however a kernel was enlarged
        shape = tuple(
            max((outputs - 1) * one.stride + self.side, seen)
            for outputs, seen in zip((height, width), one.view(*self.projection.shape_in[:2]), strict=True)
        )
        name = self.projection.layer.name
        if isinstance(self.projection.layer, MaxPool):
            layer: Layer = MaxPool(name, self.side, one.stride)
        else:
            layer = Convolution(name, one.channels, channels, self.side, one.stride, one.groups)
        return Projection(layer, (*shape, one.channels), self.projection.shape_out)

    @cached_property
    def index(self) -> np.ndarray:
        """Index of each presynaptic neuron in the view, -1 for those that are not seen; ascending, of int32."""
        one, (height, width, channels) = self.input, self.projection.shape_in
        rows, columns, own = self.plain.shape_in
        top, bottom, left, right = one.crop
        y, x = np.arange(height), np.arange(width)
        view_y, view_x = y - top + one.padding[0], x - left + one.padding[2]
        c = np.arange(channels) - one.first
        seen_y = (y >= top) & (y < height - bottom) & (view_y >= 0) & (view_y < rows)
        seen_x = (x >= left) & (x < width - right) & (view_x >= 0) & (view_x < columns)
        seen = seen_y[:, None, None] & seen_x[:, None] & (c >= 0) & (c < own)
        place = (view_y[:, None, None] * columns + view_x[:, None]) * own + c
        return np.where(seen, place, -1).astype(np.int32).ravel()

    @cached_property
    def mask(self) -> np.ndarray | None:
        """Positions of the square kernel that have weights, shape (side, side); None if all have."""
        one = self.input
        if one.kernel == (self.side, self.side):
            return None
        mask = np.zeros((self.side, self.side), bool)
        mask[: one.extent[0] : one.dilation, : one.extent[1] : one.dilation] = True
        return mask

    def embedded(self, weights: np.ndarray) -> np.ndarray:
        """Weights in the square kernel.

        Parameters
        ----------
        weights : ndarray, shape (out, in/groups, kernel height, kernel width)
            Of the input.

        Returns
        -------
        ndarray, shape (out, in/groups, side, side)
            With zeros elsewhere.
        """
        if self.mask is None:
            return weights
        square = np.zeros((*weights.shape[:2], self.side, self.side), weights.dtype)
        square[:, :, self.mask] = weights.reshape(*weights.shape[:2], -1)
        return square

    @cached_property
    def fan_out(self) -> np.ndarray:
        """Synapses of each presynaptic neuron, shape (H, W, C)."""
        one, layer = self.input, self.plain.layer
        sides = zip(self.plain.shape_in, self.projection.shape_out, one.kernel, strict=False)
        along = [_reached(size, outputs, kernel, one) for size, outputs, kernel in list(sides)[:2]]
        channels = layer.out_channels // layer.groups if isinstance(layer, Convolution) else 1
        of_view = np.broadcast_to(np.outer(*along)[:, :, None] * channels, self.plain.shape_in).ravel()
        return np.where(self.index >= 0, of_view[self.index], 0).reshape(self.projection.shape_in)


def _reached(size, outputs, kernel, one):
    """Number of outputs along one direction whose windows contain each position."""
    place, output = np.ogrid[:size, :outputs]
    distance = place - output * one.stride
    inside = (distance >= 0) & (distance < kernel * one.dilation) & (distance % one.dilation == 0)
    return inside.sum(1)


def neuron_fan_out(projection: Projection) -> np.ndarray:
    """Number of synapses of each presynaptic neuron of one connection.

    Parameters
    ----------
    projection : Projection
        Of a chain or a graph.

    Returns
    -------
    ndarray of int64, shape (H, W, C)
        By neuron.
    """
    if is_plain(projection):
        return np.broadcast_to(fan_out(projection)[:, :, None], projection.shape_in)
    return ProjectionView(projection).fan_out


def synapses_of(projection: Projection) -> int:
    """Number of synapses of one connection.

    Parameters
    ----------
    projection : Projection
        Of a chain or a graph.

    Returns
    -------
    int
        For one image.
    """
    return int(neuron_fan_out(projection).sum())


def flattened(projection: Projection, weights: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Every synapse of one connection.

    Parameters
    ----------
    projection : Projection
        Of a chain or a graph.
    weights : ndarray, shape (out, in/groups, kernel height, kernel width), or None
        Of a convolution; None for pooling.

    Returns
    -------
    i, j : ndarray of int32, shape (synapses,)
        Pre- and postsynaptic neuron, sorted by i, then by j.
    w : ndarray, shape (synapses,)
        Weight; left out for pooling.
    """
    if is_plain(projection):
        return pooling_synapses(projection) if weights is None else convolution_synapses(projection, weights)
    view = ProjectionView(projection)
    w: list[np.ndarray]
    if weights is None:
        i, j, *w = pooling_synapses(view.plain)
    else:
        i, j, *w = convolution_synapses(view.plain, view.embedded(weights))
    source = np.full(view.plain.neurons_in, -1, np.int32)
    neurons = np.flatnonzero(view.index >= 0).astype(np.int32)
    source[view.index[neurons]] = neurons
    exists = source[i] >= 0
    if view.mask is not None and weights is not None:
        everywhere = np.broadcast_to(view.mask, (*weights.shape[:2], *view.mask.shape)).astype(np.float32)
        exists &= convolution_synapses(view.plain, everywhere)[2] > 0
    return (source[i[exists]], j[exists], *(part[exists] for part in w))
