"""Numbers that describe spike trains: intervals, bursts, correlation.

What is here is what the codings of this project are told apart by. More of it,
from point-process models to cross-correlograms, is in Elephant, and distances
between trains are in PySpike: see `spike_objects` for the way
there.

Neuron i fires in the steps t_1 < t_2 < ... < t_n of T; see
`spikes` for the time of a step.
"""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from .trains import SpikeTrains

__all__ = [
    "binned_counts",
    "burst_lengths",
    "burst_share",
    "inter_spike_intervals",
    "pairwise_correlation",
    "population_correlation",
]


def inter_spike_intervals(trains: SpikeTrains) -> np.ndarray:
    """Time from each spike of a neuron to its next one, in steps.

    t_(k+1) - t_k for k = 1 .. n-1 of every neuron; a neuron with fewer than two
    spikes has none.

    Parameters
    ----------
    trains : SpikeTrains

    Returns
    -------
    ndarray of int
        All neurons one after the other, each in the order of time.
    """
    _, bounds, steps = trains.by_neuron()
    intervals = np.diff(steps)
    # what lies between the last spike of a neuron and the first of the next is no interval
    return np.delete(intervals, bounds[1:-1] - 1)


def burst_lengths(trains: SpikeTrains) -> np.ndarray:
    """Spikes in each burst: a neuron firing in step after step, twice or more.

    Parameters
    ----------
    trains : SpikeTrains

    Returns
    -------
    ndarray of int
        Lengths, 2 or more, of all neurons one after the other, in the order of time.
    """
    _, bounds, steps = trains.by_neuron()
    first = np.append(True, np.diff(steps) > 1)
    first[bounds[:-1]] = True
    starts = np.flatnonzero(first[: len(steps)])
    lengths = np.diff(np.append(starts, len(steps)))
    return lengths[lengths > 1]


def burst_share(trains: SpikeTrains) -> float:
    """Share of the spikes that follow another of their neuron by one step.

    |{(i, k): t_k - t_(k-1) = 1}| / number of spikes, from 0 (no neuron fires
    twice in a row) to (T-1)/T (every neuron that fires does so in all steps).
    With L_b the length of burst b, it is sum_b (L_b - 1) / number of spikes.

    Parameters
    ----------
    trains : SpikeTrains

    Returns
    -------
    float
        NaN if there is no spike.
    """
    return float((inter_spike_intervals(trains) == 1).sum() / len(trains)) if len(trains) else float("nan")


def binned_counts(trains: SpikeTrains, width: int = 1) -> np.ndarray:
    """Spikes of each neuron in successive bins of time.

    n_i(b) = |{k: b width <= t_k < (b+1) width}|.

    Parameters
    ----------
    trains : SpikeTrains
    width : int
        Steps in a bin.

    Returns
    -------
    ndarray of int, shape (H W C, T / width)

    Raises
    ------
    InputError
        If T is not a whole number of bins.
    """
    bins = _bins(trains, width)
    index = trains.neuron.astype(np.int64) * bins + trains.step // width
    return np.bincount(index, minlength=trains.size * bins).reshape(trains.size, bins)


def population_correlation(a: SpikeTrains, b: SpikeTrains, width: int = 1) -> float:
    """Pearson correlation of how much two populations fire over time.

    With N_a(b) the spikes of all neurons of ``a`` in bin b,

        r = sum_b (N_a(b) - mean N_a) (N_b(b) - mean N_b) / (bins sd(N_a) sd(N_b)).

    Parameters
    ----------
    a, b : SpikeTrains
        Over as many steps.
    width : int
        Steps in a bin.

    Returns
    -------
    float
        -1 to 1; NaN if one of them fires alike in all bins.

    Raises
    ------
    InputError
        If they differ in their steps, or these are not a whole number of bins.
    """
    _same("steps", a.steps, b.steps)
    bins = _bins(a, width)
    counts = [np.bincount(trains.step // width, minlength=bins) for trains in (a, b)]
    return float(_pearson(*(np.asarray(count, float)[None] for count in counts))[0])


def pairwise_correlation(a: SpikeTrains, b: SpikeTrains, width: int = 1) -> np.ndarray:
    """Pearson correlation of each neuron of one layer with the neuron of the same index in another.

    The formula is that of `population_correlation`, with the counts
    n_i(b) of neuron i alone.

    Parameters
    ----------
    a, b : SpikeTrains
        Of the same shape and steps.
    width : int
        Steps in a bin.

    Returns
    -------
    ndarray, shape (H, W, C)
        -1 to 1; NaN where one of the two fires alike in all bins, for example never.

    Raises
    ------
    InputError
        If shapes or steps differ, or these are not a whole number of bins.
    """
    _same("shape", tuple(a.shape), tuple(b.shape))
    _same("steps", a.steps, b.steps)
    # silent neurons, most of a layer, would only take memory
    both = np.intersect1d(a.neuron, b.neuron)
    result = np.full(a.size, np.nan)
    result[both] = _pearson(*(binned_counts(_only(trains, both), width).astype(float) for trains in (a, b)))
    return result.reshape(a.shape)


def _only(trains, neurons):
    """Spikes of some neurons, which become a row of their own."""
    keep = np.isin(trains.neuron, neurons)
    index = np.searchsorted(neurons, trains.neuron[keep])
    return SpikeTrains(index, trains.step[keep], trains.amplitude[keep], (1, 1, len(neurons)), trains.steps)


def _bins(trains, width):
    if width < 1 or trains.steps % width:
        raise InputError(f"width: expected a number of steps that divides T = {trains.steps}, got {width}")
    return trains.steps // width


def _same(what, mine, other):
    if mine != other:
        raise InputError(f"correlation: expected spike trains of the same {what}, got {mine} and {other}")


def _pearson(x, y):
    """Correlation of the rows of two arrays, NaN where one is constant."""
    x, y = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
    norm = np.sqrt((x * x).sum(1) * (y * y).sum(1))
    # rounding must not turn a constant row, whose deviation is zero, into one that varies
    norm[(np.ptp(x, axis=1) == 0) | (np.ptp(y, axis=1) == 0)] = np.nan
    return np.clip((x * y).sum(1) / norm, -1, 1)
