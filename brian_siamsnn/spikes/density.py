"""Firing density of a layer, for layers too large to draw spike by spike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .trains import SpikeTrains

__all__ = ["firing_density"]


def firing_density(trains: SpikeTrains, max_rows: int, max_columns: int) -> np.ndarray:
    """Mean share of neurons that fire, in groups of neurons and bins of time.

    Neurons are sorted by channel and then by position. A group holds neurons of
    one channel, or of neighbouring channels if there are more channels than
    ``max_rows``.

    Parameters
    ----------
    trains : SpikeTrains
        Spikes of a layer.
    max_rows : int
        Largest number of groups.
    max_columns : int
        Largest number of time bins; with fewer time steps, a bin is one step.

    Returns
    -------
    ndarray of float, shape (groups, bins)
        Spikes per neuron and time step, 0 to 1.
    """
    height, width, channels = trains.shape
    positions = height * width
    bands = min(channels, max_rows)
    parts = min(max_rows // bands, positions)
    bins = min(trains.steps, max_columns)
    position, channel = np.divmod(trains.neuron.astype(np.int64), channels)
    row = channel * bands // channels * parts + position * parts // positions
    column = trains.step.astype(np.int64) * bins // trains.steps
    counts = np.bincount(row * bins + column, minlength=bands * parts * bins).reshape(-1, bins)
    neurons = np.outer(_group_sizes(channels, bands), _group_sizes(positions, parts)).ravel()
    return counts / np.outer(neurons, _group_sizes(trains.steps, bins))


def _group_sizes(count, groups):
    """Size of each group when items 0 .. count-1 are divided by k * groups // count."""
    return np.bincount(np.arange(count) * groups // count)
