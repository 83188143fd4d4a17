"""The inputs of a layer of a graph, as NumPy arrays: views of their source, and windows on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .graph import split_weights
from .graph_layers import IMAGE, Gates, Neurons

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .files import SiameseModel
    from .graph_layers import Input

__all__ = ["gathered", "graph_outputs", "grouped_sums", "largest", "seen"]


def seen(source: np.ndarray, one: Input) -> np.ndarray:
    """The view of a source that an input sees.

    Parameters
    ----------
    source : ndarray, shape (H, W, C)
        What the source gives.
    one : Input
        The input.

    Returns
    -------
    ndarray, shape (H', W', channels)
        Its channels, without its margins, with zeros around it.
    """
    height, width = source.shape[:2]
    top, bottom, left, right = one.crop
    view = source[top : height - bottom, left : width - right, one.first : one.first + one.channels]
    for axis, sides in enumerate((one.padding[:2], one.padding[2:])):
        around = [(0, 0)] * 3
        around[axis] = (max(sides[0], 0), max(sides[1], 0))
        view = np.pad(view, around)
        view = np.take(view, np.arange(max(-sides[0], 0), view.shape[axis] - max(-sides[1], 0)), axis)
    return view


def _windows(source, one):
    windows = np.lib.stride_tricks.sliding_window_view(seen(source, one), one.extent, (0, 1))  # type: ignore[call-overload]
    return windows[:: one.stride, :: one.stride, :, :: one.dilation, :: one.dilation]


def gathered(layer: Neurons, weights: np.ndarray, sources: Mapping[str, np.ndarray]) -> np.ndarray:
    """The weighted sums of all inputs of a layer, without bias.

    Parameters
    ----------
    layer : Neurons
        The layer.
    weights : ndarray, shape (out_channels, fan_in)
        Its weights; the sums have their type.
    sources : mapping of str to ndarray, shape (H, W, C)
        What each source gives, by name.

    Returns
    -------
    ndarray, shape (H', W', out_channels)
        sum over inputs i of w_i * view_i.
    """
    parts = zip(layer.inputs, split_weights(layer, weights), strict=True)
    sums = [
        grouped_sums(_windows(sources[one.source].astype(weights.dtype), one), np.ascontiguousarray(w), one.groups)
        for one, w in parts
    ]
    return np.sum(sums, axis=0)


def largest(layer: Gates, sources: Mapping[str, np.ndarray]) -> np.ndarray:
    """The largest value of each window; nothing is negative, so zeros around the map change nothing.

    Parameters
    ----------
    layer : Gates
        The layer.
    sources : mapping of str to ndarray, shape (H, W, C)
        What each source gives, by name.

    Returns
    -------
    ndarray, shape (H', W', channels)
        Maxima.
    """
    return _windows(sources[layer.input.source], layer.input).max((3, 4))


def graph_outputs(model: SiameseModel, image: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the output of every layer of a graph, as `numpy_cnn.cnn_activations` does.

    Parameters
    ----------
    model : SiameseModel
        Its layers are `Neurons` and `Gates`.
    image : ndarray, shape (H, W, C)
        The image; the result has its type.

    Returns
    -------
    dict of str to ndarray, shape (H', W', C')
        Output by layer, after the rectifier; signed for a layer without one.
    """
    result = {IMAGE: image}
    for layer in model.layers:
        if isinstance(layer, Gates):
            result[layer.name] = largest(layer, result)
        elif isinstance(layer, Neurons):
            weights, bias = (part.astype(image.dtype) for part in model.weights[layer.name])
            total = gathered(layer, weights, result) + bias
            result[layer.name] = np.maximum(total, 0) if layer.rectify else total
    del result[IMAGE]
    return result


def grouped_sums(windows: np.ndarray, weights: np.ndarray, groups: int) -> np.ndarray:
    """Weighted sums over the windows of a convolution.

    Parameters
    ----------
    windows : ndarray, shape (H', W', in, kernel, kernel)
        Inputs of every output position.
    weights : ndarray, shape (out, in/groups, kernel, kernel)
        Weights, of the same type.
    groups : int
        Groups of the convolution.

    Returns
    -------
    ndarray, shape (H', W', out)
        Sums, without bias.
    """
    height, width, channels = windows.shape[:3]
    inputs = channels // groups
    parts = [
        windows[:, :, g * inputs : (g + 1) * inputs].reshape(height * width, -1) @ w.reshape(len(w), -1).T
        for g, w in enumerate(np.split(weights, groups))
    ]
    return np.concatenate(parts, axis=1).reshape(height, width, -1)
