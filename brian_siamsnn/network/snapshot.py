"""What a spiking branch did for its last image, small enough to be drawn in every frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .runtime import SpikingBranch

__all__ = ["BranchSnapshot", "take_snapshot"]


@dataclass(frozen=True)
class BranchSnapshot:
    """Firing rates of all layers, and a raster of some neurons of the last one.

    Attributes
    ----------
    rates : dict of str to float
        Mean firing rate N / T (Eq. 5) of each layer, over all images.
    layer : str
        The last one.
    neurons : ndarray of int, shape (n,)
        Those in the raster, spread evenly over the layer: the same ones in every frame.
    raster : ndarray of bool, shape (T, n)
        Which of them fired in which step, for the middle image: the middle scale of a tracker.
    """

    rates: dict[str, float]
    layer: str
    neurons: np.ndarray
    raster: np.ndarray


def take_snapshot(branch: SpikingBranch, count: int = 256) -> BranchSnapshot:
    """BranchSnapshot of a branch in its last run.

    Parameters
    ----------
    branch : SpikingBranch
    count : int
        Neurons of the raster, at most.

    Returns
    -------
    BranchSnapshot
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
