"""The scale of what arrives at each weight of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .graph import is_graph
from .graph_layers import IMAGE, Gates, Neurons
from .layers import convolutions

if TYPE_CHECKING:
    from .files import SiameseModel

__all__ = ["incoming_scales"]


def incoming_scales(model: SiameseModel) -> dict[str, np.ndarray]:
    """Scale of the spikes that arrive at each weight: that of the presynaptic channel, 1 for the image.

    Parameters
    ----------
    model : SiameseModel
        A converted model.

    Returns
    -------
    dict of str to ndarray of float64
        By convolution, in a shape that is broadcast with its weights.
    """
    if is_graph(model.layers):
        return _of_graph(model)
    result, before = {}, np.ones(convolutions(model.layers)[0].in_channels)
    for layer in convolutions(model.layers):
        result[layer.name] = _by_output(before, layer.groups, layer.out_channels)[:, :, None, None]
        before = np.asarray(model.scales[layer.name], np.float64)
    return result


def _by_output(scales, groups, outputs):
    """Scales of the input channels that each output channel sees: those of its own group, shape (out, in/groups)."""
    return np.repeat(scales.reshape(groups, -1), outputs // groups, axis=0)


def _of_graph(model):
    carried, result = {IMAGE: np.ones(model.layers[0].in_channels)}, {}
    for layer in model.layers:
        if isinstance(layer, Gates):
            one = layer.input
            carried[layer.name] = carried[one.source][one.first : one.first + one.channels]
        elif isinstance(layer, Neurons):
            parts = []
            for one in layer.inputs:
                scales = carried[one.source][one.first : one.first + one.channels]
                by_output = _by_output(scales, one.groups, layer.out_channels)
                parts.append(np.repeat(by_output, one.kernel[0] * one.kernel[1], axis=1))
            result[layer.name] = np.concatenate(parts, axis=1)
            carried[layer.name] = np.asarray(model.scales[layer.name], np.float64)
    return result
