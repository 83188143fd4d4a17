"""Measure where the time of a branch goes, by layer and by phase of the time step."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from ..network.runtime import SpikingBranch

__all__ = ["PHASES", "profile_branch"]

#: Phases of a layer within a time step, in order; ``current`` happens once per image. If one pass over the neurons also
#: does the update or the reset (`FusedPass`), its time counts as ``threshold``.
PHASES = ("current", "update", "threshold", "input", "reset", "record")

#: Phase of each object of a layer, by the suffix that Brian2 or the branch gives its name.
_SUFFIXES = {
    "_update": "update",
    "_stateupdater": "update",
    "_spike_thresholder": "threshold",
    "_input": "input",
    "_input_pre": "input",
    "_spike_resetter": "reset",
    "_count": "record",
    "_events": "record",
    "_spikes": "record",
    "_states": "record",
    "": "record",
}


def profile_branch(branch: SpikingBranch, images: np.ndarray, repeats: int = 5) -> dict[tuple[str, str], float]:
    """Measure the time of every object of a branch.

    Parameters
    ----------
    branch : SpikingBranch
        The branch.
    images : ndarray, shape (batch_size, image_size, image_size, 3)
        Images, as for `SpikingBranch.run_batch`.
    repeats : int
        Number of runs, over which the median is taken; 5 by default.

    Returns
    -------
    dict of (str, str) to float
        Seconds per run of T steps, by (layer, phase). ``input`` is the time of the synapses onto the layer, ``record``
        that of counting and recording spikes.

    Raises
    ------
    InputError
        If `repeats` is below 1.
    """
    if repeats < 1:
        raise InputError(f"repeats: expected 1 or more, got {repeats}")
    branch.run_batch(images)
    owners = {
        f"{group.name}{suffix}": (layer, phase)
        for layer, group in branch.groups.items()
        for suffix, phase in _SUFFIXES.items()
    }
    for key, projection in branch.projections.items():  # further inputs of a layer of a graph
        layer, number = projection.layer.name, projection.number + 1
        group = branch.groups[layer].name
        owners |= {f"{group}_input{number}{end}": (layer, "input") for end in ("", "_pre")}
        owners[f"{group.removesuffix(layer)}{key}_events"] = (layer, "record")
    first = branch.model.layers[0].name
    spent: defaultdict[tuple[str, str], np.ndarray] = defaultdict(lambda: np.zeros(repeats))
    for repeat in range(repeats):
        began = time.perf_counter()
        for image in images:
            branch.first_layer.current(image, branch.threads)
        spent[first, "current"][repeat] = time.perf_counter() - began

        def timed(obj, repeat=repeat):
            began = time.perf_counter()
            obj.run()
            spent[owners[obj.name]][repeat] += time.perf_counter() - began

        for _ in branch.stepwise(images, execute=timed):
            pass
    return {key: float(np.median(seconds)) for key, seconds in spent.items()}
