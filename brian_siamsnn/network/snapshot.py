"""A summary of a branch's last run, small enough to draw for every frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .runtime import SpikingBranch

__all__ = ["BranchSnapshot", "take_snapshot"]


@dataclass(frozen=True)
class BranchSnapshot:
    """Firing rates of all layers, and a raster of some neurons of the last layer.

    Attributes
    ----------
    rates : dict of str to float
        Mean firing rate N / T (Eq. 5) of each layer, over all images.
    layer : str
        Name of the last layer.
    neurons : ndarray of int, shape (n,)
        Indices of the neurons in the raster, spread evenly over the layer and the same in every frame.
    raster : ndarray of bool, shape (T, n)
        Whether each of these neurons fired in each step, for the middle image of the batch (the middle scale of a
        tracker).
    """

    rates: dict[str, float]
    layer: str
    neurons: np.ndarray
    raster: np.ndarray


def take_snapshot(branch: SpikingBranch, count: int = 256) -> BranchSnapshot:
    """Summarise the last run of a branch.

    Parameters
    ----------
    branch : SpikingBranch
        A branch that has run.
    count : int
        Largest number of neurons in the raster, 256 by default.

    Returns
    -------
    BranchSnapshot
        Firing rates and raster.
    """
    trains = branch.trains(branch.last_layer, branch.batch_size // 2)
    size = int(np.prod(trains.shape))
    neurons = np.unique(np.linspace(0, size - 1, min(count, size)).round().astype(int))
    row = np.full(size, -1)
    row[neurons] = np.arange(len(neurons))
    chosen = row[trains.neuron]
    raster = np.zeros((trains.steps, len(neurons)), bool)
    raster[trains.step[chosen >= 0], chosen[chosen >= 0]] = True
    rates = {name: spikes.sum() / (branch.groups[name].N * branch.steps_run) for name, spikes in branch.spikes.items()}
    return BranchSnapshot(rates, branch.last_layer, neurons, raster)
