"""Statistics of spike trains: inter-spike intervals, bursts and correlation.

These are the measures by which the codings of this project differ. Elephant has
many more, from point-process models to cross-correlograms, and PySpike computes
distances between trains; `objects` converts spike trains for both.

In the formulas, neuron i fires in steps t_1 < t_2 < ... < t_n out of T. A time
step lasts 1 ms (see `trains`).
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
    """Intervals between successive spikes of each neuron, in time steps.

        t_(k+1) - t_k    for k = 1 .. n-1

    A neuron with fewer than two spikes has no intervals.

    Parameters
    ----------
    trains : SpikeTrains
        Spikes of a layer.

    Returns
    -------
    ndarray of int
        The intervals of all neurons, by neuron and then by time.
    """
    _, bounds, steps = trains.by_neuron()
    intervals = np.diff(steps)
    # the difference between one neuron's last spike and the next neuron's first is not an interval
    return np.delete(intervals, bounds[1:-1] - 1)


def burst_lengths(trains: SpikeTrains) -> np.ndarray:
    """Number of spikes in each burst: a neuron firing in two or more consecutive steps.

    Parameters
    ----------
    trains : SpikeTrains
        Spikes of a layer.

    Returns
    -------
    ndarray of int
        Burst lengths of all neurons, 2 or more, by neuron and then by time.
    """
    _, bounds, steps = trains.by_neuron()
    first = np.append(True, np.diff(steps) > 1)
    first[bounds[:-1]] = True
    starts = np.flatnonzero(first[: len(steps)])
    lengths = np.diff(np.append(starts, len(steps)))
    return lengths[lengths > 1]


def burst_share(trains: SpikeTrains) -> float:
    """Fraction of spikes that come one step after another spike of the same neuron.

        |{(i, k): t_k - t_(k-1) = 1}| / number of spikes

    With L_b the length of burst b, this equals
    sum_b (L_b - 1) / number of spikes.

    Parameters
    ----------
    trains : SpikeTrains
        Spikes of a layer.

    Returns
    -------
    float
        From 0, if no neuron fires in two consecutive steps, to (T-1)/T, if every
        neuron that fires does so in all steps. NaN if there are no spikes.
    """
    return float((inter_spike_intervals(trains) == 1).sum() / len(trains)) if len(trains) else float("nan")


def binned_counts(trains: SpikeTrains, width: int = 1) -> np.ndarray:
    """Spike counts of each neuron in successive time bins.

        n_i(b) = |{k: b width <= t_k < (b+1) width}|

    Parameters
    ----------
    trains : SpikeTrains
        Spikes of a layer.
    width : int
        Width of a bin in time steps; 1 by default.

    Returns
    -------
    ndarray of int, shape (H W C, T / width)
        Spike counts, one row per neuron.

    Raises
    ------
    InputError
        If the width does not divide T.
    """
    bins = _bins(trains, width)
    index = trains.neuron.astype(np.int64) * bins + trains.step // width
    return np.bincount(index, minlength=trains.size * bins).reshape(trains.size, bins)


def population_correlation(a: SpikeTrains, b: SpikeTrains, width: int = 1) -> float:
    """Pearson correlation over time between the activities of two populations.

    With N_a(b) the number of spikes of all neurons of ``a`` in bin b,

        r = sum_b (N_a(b) - mean N_a) (N_b(b) - mean N_b) / (bins sd(N_a) sd(N_b))

    Parameters
    ----------
    a : SpikeTrains
        First population.
    b : SpikeTrains
        Second population, with the same number of time steps.
    width : int
        Width of a bin in time steps; 1 by default.

    Returns
    -------
    float
        r, from -1 to 1; NaN if a population has the same count in all bins.

    Raises
    ------
    InputError
        If the numbers of steps differ, or the width does not divide them.
    """
    _same("steps", a.steps, b.steps)
    bins = _bins(a, width)
    counts = [np.bincount(trains.step // width, minlength=bins) for trains in (a, b)]
    return float(_pearson(*(np.asarray(count, float)[None] for count in counts))[0])


def pairwise_correlation(a: SpikeTrains, b: SpikeTrains, width: int = 1) -> np.ndarray:
    """Pearson correlation over time between neurons with the same index in two layers.

    The formula is the same as for `population_correlation`, with the counts n_i(b)
    of one neuron i instead of N_a(b).

    Parameters
    ----------
    a : SpikeTrains
        Spikes of the first layer.
    b : SpikeTrains
        Spikes of the second layer, of the same shape and number of time steps.
    width : int
        Width of a bin in time steps; 1 by default.

    Returns
    -------
    ndarray of float, shape (H, W, C)
        r, from -1 to 1; NaN where either neuron has the same count in all bins,
        for example if it never fires.

    Raises
    ------
    InputError
        If the shapes or numbers of steps differ, or the width does not divide the
        number of steps.
    """
    _same("shape", tuple(a.shape), tuple(b.shape))
    _same("steps", a.steps, b.steps)
    # most neurons of a layer are silent, and their counts would only take memory
    both = np.intersect1d(a.neuron, b.neuron)
    result = np.full(a.size, np.nan)
    result[both] = _pearson(*(binned_counts(_only(trains, both), width).astype(float) for trains in (a, b)))
    return result.reshape(a.shape)


def _only(trains, neurons):
    """Spikes of some neurons, renumbered as a layer of shape (1, 1, n)."""
    keep = np.isin(trains.neuron, neurons)
    index = np.searchsorted(neurons, trains.neuron[keep])
    return SpikeTrains(index, trains.step[keep], trains.amplitude[keep], (1, 1, len(neurons)), trains.steps)


def _bins(trains, width):
    if width < 1 or trains.steps % width:
        raise InputError(f"width: expected a number of steps that divides T = {trains.steps}, got {width}")
    return trains.steps // width


def _same(what, first, second):
    if first != second:
        raise InputError(f"correlation: expected spike trains of the same {what}, got {first} and {second}")


def _pearson(x, y):
    """Correlation of corresponding rows of two arrays; NaN where a row is constant."""
    x, y = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
    norm = np.sqrt((x * x).sum(1) * (y * y).sum(1))
    # rounding of the mean may leave a tiny deviation in a constant row
    norm[(np.ptp(x, axis=1) == 0) | (np.ptp(y, axis=1) == 0)] = np.nan
    return np.clip((x * y).sum(1) / norm, -1, 1)
