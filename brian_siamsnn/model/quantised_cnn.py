"""The quantised CNN: what a wave computes, without neurons.

With p levels, a convolution of the quantised CNN turns the integer counts n of the layer before it into

    n' = clip(floor(v_init + sum_j w_j n_j + p b), 0, p)

with weights w and bias b in units of the threshold (a clip-floor-shift activation, Bu 2022). The sum of the first layer
is p times its input current; in a graph, a sum goes over all inputs of the layer. Max pooling takes the largest count.
A spiking network in wave coding fires each of its neurons n' times. With fixed-point weights all sums are exact, and
the counts are equal as integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import whole_number
from .graph import is_graph
from .graph_layers import Gates, Neurons
from .graph_numpy import gathered, grouped_sums, largest
from .layers import MaxPool
from .numpy_cnn import layer_windows

if TYPE_CHECKING:
    from .conversion import SpikingModel

__all__ = ["quantised_counts"]


def quantised_counts(model: SpikingModel, current: np.ndarray, p: int) -> dict[str, np.ndarray]:
    """Compute the counts of every layer of the quantised CNN for one image.

    Parameters
    ----------
    model : SpikingModel
        Weights, biases and initial potential, in units of the threshold.
    current : ndarray, shape (H, W, C)
        Input current of the first layer per step, from `FirstLayer.current`.
    p : int
        Levels besides zero: the window of the wave.

    Returns
    -------
    dict of str to ndarray of int64, shape (H', W', C')
        Counts by layer, 0 to p.

    Raises
    ------
    InputError
        If `p` is not a whole number, or below 1.
    """
    p = whole_number("p", p)
    result: dict[str, np.ndarray] = {}
    n = _counts(model.initial_potential + p * np.asarray(current, np.float64), p)
    result[model.layers[0].name] = n
    if is_graph(model.layers):
        return _counts_of_graph(model, result, p)
    for layer in model.layers[1:]:
        windows = layer_windows(n, layer)
        if isinstance(layer, MaxPool):
            n = windows.max((3, 4))
        else:
            weights, bias = model.weights[layer.name]
            sums = grouped_sums(windows.astype(np.float64), weights.astype(np.float64), layer.groups)
            n = _counts(model.initial_potential + sums + p * bias.astype(np.float64), p)
        result[layer.name] = n
    return result


def _counts_of_graph(model, result, p):
    for layer in model.layers[1:]:
        if isinstance(layer, Neurons):
            weights, bias = (part.astype(np.float64) for part in model.weights[layer.name])
            result[layer.name] = _counts(model.initial_potential + gathered(layer, weights, result) + p * bias, p)
        elif isinstance(layer, Gates):
            result[layer.name] = largest(layer, result)
    return result


def _counts(potential, p):
    return np.clip(np.floor(potential), 0, p).astype(np.int64)
