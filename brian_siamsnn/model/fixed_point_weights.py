r"""Fixed-point weights: what arrives at a neuron in a step is a 16-bit integer, as on a digital chip.

The weights of a convolution become multiples of a unit u, a power of two, one for
each output channel o,

.. math:: w_o \to u_o\,\mathrm{round}(w_o / u_o), \qquad b_o \to u_o\,\mathrm{round}(b_o / u_o),

where u is the smallest for which no sum of the weights under an output can leave
16 bits, whichever of its inputs fire:

.. math:: \sum_{w > 0} w / u \le 2^{15} - 1, \qquad \sum_{w < 0} -w / u \le 2^{15} - 1,
          \qquad |b| / u \le 2^{15} - 1.

Potentials then are multiples of u as well, below 2^24 u for 256 steps and more, so
single precision holds them exactly: sums have the same value in any order, and all
devices and both forms of connectivity give the same spikes, bit by bit. The kernel
adds such weights twice as many at a time. The first layer sees pixels, not spikes,
and stays as it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .conversion import SpikingModel, unit_scales
from .layers import convolutions

if TYPE_CHECKING:
    from .files import SiameseModel

__all__ = ["fixed_point", "rounding", "shared_units"]

#: What a model file then says of its scales, behind how they came about.
_NOTE = "; fixed-point, in units of spikes"

#: The largest sum of a window's weights, in units.
_LARGEST = 2**15 - 1


def fixed_point(model: SiameseModel) -> SiameseModel:
    """Round the weights of a converted model to multiples of each output channel's unit.

    Parameters
    ----------
    model : SiameseModel
        Converted.

    Returns
    -------
    SiameseModel
        With weights in units of spikes, so that all scales are 1.

    Raises
    ------
    InputError
        If the model is not converted.

    Notes
    -----
    The response of the CNN of these weights keeps its size if one scale held for all channels of the last layer.
    """
    spiking = SpikingModel.from_model(model)
    weights = dict(spiking.weights)
    for layer in convolutions(model.layers)[1:]:
        w, b = weights[layer.name]
        unit = _smallest_units(w, b)
        wide = unit[:, None, None, None]
        weights[layer.name] = (
            (np.round(w / wide) * wide).astype(np.float32),
            (np.round(b / unit) * unit).astype(np.float32),
        )
    rounded = unit_scales(replace(spiking, weights=weights), model.provenance)
    last = np.asarray(model.scales[convolutions(model.layers)[-1].name], np.float64)
    return replace(
        rounded,
        response_scale=float(model.response_scale * (last**2).mean()),
        response_bias=model.response_bias,
        normalisation=model.normalisation.removesuffix(_NOTE) + _NOTE,
    )


def rounding(before: SpikingModel, after: SpikingModel) -> dict[str, tuple[int, float]]:
    """What became of the weights that were rounded.

    Parameters
    ----------
    before, after : SpikingModel
        A network, and its fixed-point form.

    Returns
    -------
    dict of str to (int, float)
        By layer, the largest weight in units, and the root of the mean square of the errors over that of the weights.
    """
    result = {}
    for layer in convolutions(after.layers)[1:]:
        (w, _), (rounded, bias) = before.weights[layer.name], after.weights[layer.name]
        units = shared_units(rounded, bias)
        if units is not None:
            error = np.sqrt(np.square(rounded - w).sum() / max(np.square(w).sum(), np.finfo(np.float32).tiny))
            result[layer.name] = int(np.abs(rounded / units[:, None, None, None]).max()), float(error)
    return result


def _smallest_units(w, b):
    """The unit of every output channel of weights that are to be rounded."""
    parts = w.reshape(len(w), -1).astype(np.float64), b.astype(np.float64)
    exponent = np.ceil(np.log2(np.maximum(_largest_sums(*parts), np.finfo(np.float32).tiny) / _LARGEST))
    while (over := _largest_sums(*(np.round(part / 2.0 ** _like(exponent, part)) for part in parts)) > _LARGEST).any():
        exponent[over] += 1  # rounding up can add half a unit for each weight
    return 2.0**exponent


def _like(exponent, part):
    return exponent.reshape(-1, *[1] * (part.ndim - 1))


def _largest_sums(w, b):
    """The largest that the weights of each channel, shape (out, inputs), or its bias can come to, without the sign."""
    return np.maximum(np.maximum(np.maximum(w, 0).sum(1), np.maximum(-w, 0).sum(1)), np.abs(b))


def shared_units(weights: np.ndarray, bias: np.ndarray, *values: float) -> np.ndarray | None:
    """The units of fixed-point weights; None if they are not that.

    Parameters
    ----------
    weights : ndarray, shape (out, in/groups, kernel, kernel)
    bias : ndarray, shape (out,)
    *values : float
        Other values that a potential may start from or change by.

    Returns
    -------
    ndarray, shape (out,), or None
        For each output channel the largest power of two, 1 at the most, that divides its weights, its bias and the
        values, if no sum of the weights, nor the bias, exceeds 16 bits of it.
    """
    w = weights.reshape(len(weights), -1).astype(np.float64)
    everything = np.column_stack([w, bias, np.ones(len(w)), *(np.full(len(w), value) for value in values)])
    mantissa, exponent = np.frexp(everything)
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    last_bit = np.ldexp((whole & -whole).astype(np.float64), exponent - 53)  # its value: the largest power that divides
    unit = np.where(everything == 0, np.inf, last_bit).min(1)
    return unit if (_largest_sums(w / unit[:, None], bias / unit) <= _LARGEST).all() else None
