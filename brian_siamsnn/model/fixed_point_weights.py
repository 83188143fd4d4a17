"""Fixed-point weights: the synaptic input of a neuron in one time step is a 16-bit integer, as on a digital chip.

The weights and the bias of each output channel o become multiples of a unit u_o, a power of two:

    w_o -> u_o round(w_o / u_o),      b_o -> u_o round(b_o / u_o)

The unit is the smallest for which no sum of weights exceeds 16 bits, whichever inputs of a neuron fire:

    sum of w / u over w > 0   <=  2^15 - 1
    sum of -w / u over w < 0  <=  2^15 - 1
    |b| / u                   <=  2^15 - 1

Membrane potentials are then multiples of u too, and stay below 2^24 u for at least 256 steps. Single precision holds
them exactly, so sums do not depend on the order, and all devices and both forms of connectivity give the same spikes,
bit by bit. The kernel adds twice as many such weights per instruction. The input of the first layer is pixels, not
spikes, so its weights are not rounded.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .conversion import SpikingModel, unit_scales
from .files import load_model
from .layers import convolutions

if TYPE_CHECKING:
    from ..aliases import FilePath
    from .files import SiameseModel

__all__ = ["fixed_point", "rounding", "shared_units", "smallest_units"]

#: Appended to the `normalisation` of a fixed-point model.
_NOTE = "; fixed-point, in units of spikes"

#: The largest sum of a window's weights, in units.
_LARGEST = 2**15 - 1


def fixed_point(model: FilePath | SiameseModel) -> SiameseModel:
    """Round the weights of a converted model to multiples of each output channel's unit.

    Parameters
    ----------
    model : str, path or SiameseModel
        A converted model, or its name or file.

    Returns
    -------
    SiameseModel
        The model with rounded weights. They are in units of the threshold, so all scales are 1.

    Raises
    ------
    InputError
        If the model is not converted.

    Notes
    -----
    The response of the CNN with these weights has the same magnitude as before, provided that all channels of the last
    layer had the same scale.
    """
    model = load_model(model)
    spiking = SpikingModel.from_model(model)
    weights = dict(spiking.weights)
    for layer in convolutions(model.layers)[1:]:
        w, b = weights[layer.name]
        unit = smallest_units(w, b)
        rounded_w = np.round(w / _like(unit, w)) * _like(unit, w)
        rounded_b = np.round(b / unit) * unit
        weights[layer.name] = rounded_w.astype(np.float32), rounded_b.astype(np.float32)
    rounded = unit_scales(replace(spiking, weights=weights), model.provenance)
    last = np.asarray(model.scales[convolutions(model.layers)[-1].name], np.float64)
    return replace(
        rounded,
        response_scale=float(model.response_scale * (last**2).mean()),
        response_bias=model.response_bias,
        normalisation=model.normalisation.removesuffix(_NOTE) + _NOTE,
    )


def rounding(before: SpikingModel, after: SpikingModel) -> dict[str, tuple[int, float]]:
    """Measure how rounding changed the weights.

    Parameters
    ----------
    before : SpikingModel
        A network.
    after : SpikingModel
        Its fixed-point form.

    Returns
    -------
    dict of str to (int, float)
        By layer, the largest weight in units, and the root mean square of the rounding errors relative to that of the
        weights.
    """
    result = {}
    for layer in convolutions(after.layers)[1:]:
        (w, _), (rounded, bias) = before.weights[layer.name], after.weights[layer.name]
        units = shared_units(rounded, bias)
        if units is not None:
            error = np.sqrt(np.square(rounded - w).sum() / max(np.square(w).sum(), np.finfo(np.float32).tiny))
            result[layer.name] = int(np.abs(rounded / _like(units, rounded)).max()), float(error)
    return result


def smallest_units(w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Find the units for weights that are still to be rounded.

    Parameters
    ----------
    w : ndarray, shape (out, in/groups, kernel, kernel)
        Weights of a convolution, in units of the threshold.
    b : ndarray, shape (out,)
        Bias of the convolution, likewise.

    Returns
    -------
    ndarray, shape (out,)
        For each output channel, the smallest power of two for which no sum of rounded weights exceeds 16 bits.
    """
    parts = w.reshape(len(w), -1).astype(np.float64), b.astype(np.float64)
    largest = np.maximum(_largest_sums(*parts), np.finfo(np.float32).tiny)
    # one power of two below what the exact sums need: rounding down can make them fit
    exponent = np.ceil(np.log2(largest / _LARGEST)) - 1
    while (over := _largest_sums(*(np.round(part / 2.0 ** _like(exponent, part)) for part in parts)) > _LARGEST).any():
        exponent[over] += 1  # rounding up adds up to half a unit per weight
    return 2.0**exponent


def _like(exponent, part):
    return exponent.reshape(-1, *[1] * (part.ndim - 1))


def _largest_sums(w, b):
    """Return the largest absolute value of a sum of each channel's weights, shape (out, inputs), or of its bias."""
    return np.maximum(np.maximum(np.maximum(w, 0).sum(1), np.maximum(-w, 0).sum(1)), np.abs(b))


def shared_units(weights: np.ndarray, bias: np.ndarray, *values: float) -> np.ndarray | None:
    """Find the units of fixed-point weights.

    Parameters
    ----------
    weights : ndarray, shape (out, in/groups, kernel, kernel) or (out, fan_in)
        Weights of a convolution, or of all inputs of a layer.
    bias : ndarray, shape (out,)
        Bias of the convolution.
    *values : float
        Other values that a membrane potential may start from or change by.

    Returns
    -------
    ndarray, shape (out,), or None
        For each output channel, the largest power of two, at most 1, that divides its weights, its bias and the values.
        None if, in these units, a sum of weights or a bias exceeds 16 bits, so the weights are not fixed-point.
    """
    w = weights.reshape(len(weights), -1).astype(np.float64)
    numbers = np.column_stack([w, bias, np.ones(len(w)), *(np.full(len(w), value) for value in values)])
    mantissa, exponent = np.frexp(numbers)
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    last_bit = np.ldexp((whole & -whole).astype(np.float64), exponent - 53)  # the largest power of two that divides it
    unit = np.where(numbers == 0, np.inf, last_bit).min(1)
    return unit if (_largest_sums(w / unit[:, None], bias / unit) <= _LARGEST).all() else None
