"""Where the time of an embedding goes: by layer and by phase of the time step."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from ..network.runtime import SpikingBranch

__all__ = ["PHASES", "profile_branch"]

#: What happens to a layer within a step, in this order; ``current`` once an image. Where one pass over the neurons does
#: update or reset them as well (see layer_objects.py), its time is that of ``threshold``.
PHASES = ("current", "update", "threshold", "input", "reset", "record")

# how Brian2 and network.py name what runs for a layer
_SUFFIXES = {
    "_update": "update",
    "_stateupdater": "update",
    "_spike_thresholder": "threshold",
    "_input": "input",
    "_input_pre": "input",
    "_spike_resetter": "reset",
    "_tally": "record",
    "_spikes": "record",
    "": "record",
}


def profile_branch(branch: SpikingBranch, images: np.ndarray, repeats: int = 5) -> dict[tuple[str, str], float]:
    """Time every object of a branch, step by step.

    Parameters
    ----------
    branch : SpikingBranch
    images : ndarray
        As for `SpikingBranch.run`.
    repeats : int
        Runs; each figure is the median over them.

    Returns
    -------
    dict of (str, str) to float
        (layer, phase) to seconds for one run of T steps. ``input`` is the synapses
        into the layer, ``record`` what counts and keeps spikes.

    Raises
    ------
    InputError
        If ``repeats`` is below 1.
    """
    if repeats < 1:
        raise InputError(f"repeats: expected 1 or more, got {repeats}")
    branch.run(images)
    owners = {f"{layer}{suffix}": (layer, phase) for layer in branch.groups for suffix, phase in _SUFFIXES.items()}
    first = branch.model.layers[0].name
    spent: defaultdict[tuple[str, str], np.ndarray] = defaultdict(lambda: np.zeros(repeats))
    for repeat in range(repeats):
        began = time.perf_counter()
        for image in np.reshape(images, (-1, *np.shape(images)[-3:])):
            branch.first_layer.current(image, branch.threads)
        spent[first, "current"][repeat] = time.perf_counter() - began

        def timed(obj, repeat=repeat):
            began = time.perf_counter()
            obj.run()
            spent[owners[obj.name]][repeat] += time.perf_counter() - began

        branch.run(images, execute=timed)
    return {key: float(np.median(seconds)) for key, seconds in spent.items()}
