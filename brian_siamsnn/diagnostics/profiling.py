"""Measure where the time of a branch goes, by layer and by phase of the time step."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from ..network.runtime import SpikingBranch

__all__ = ["PHASES", "ObjectTime", "profile_branch", "profile_objects"]

#: Phases of a layer within a time step, in order; ``current`` happens once per image. If one pass over the neurons also
#: does the update or the reset (`FusedPass`), its time counts as ``threshold``. Where a wave runs window by window
#: (`WindowPass`), all that a layer does is ``window``.
PHASES = ("current", "update", "threshold", "input", "reset", "record", "window")

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
    "_window": "window",
    "_last_step": "record",
    "": "record",
}


class ObjectTime(NamedTuple):
    """How often an object is called in a run, and the seconds that all its calls take."""

    calls: int
    seconds: float


def profile_objects(branch: SpikingBranch, images: np.ndarray, repeats: int = 5) -> dict[str, ObjectTime]:
    """Measure the calls of every object of a branch.

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
    dict of str to ObjectTime
        By the name of the object, for one run; ``<first layer>_current`` is the convolution of the images.

    Raises
    ------
    InputError
        If `repeats` is below 1.
    """
    if repeats < 1:
        raise InputError(f"repeats: expected 1 or more, got {repeats}")
    branch.show_and_run(images)
    current = f"{next(iter(branch.groups.values())).name}_current"
    calls: defaultdict[str, int] = defaultdict(int)
    spent: defaultdict[str, np.ndarray] = defaultdict(lambda: np.zeros(repeats))
    for repeat in range(repeats):
        calls.clear()

        def timed(call, repeat=repeat):
            began = time.perf_counter()
            call.run()
            spent[call.name][repeat] += time.perf_counter() - began
            calls[call.name] += 1

        began = time.perf_counter()
        for image in images:
            branch.first_layer.current(image, branch.threads)
        spent[current][repeat] = time.perf_counter() - began
        calls[current] = len(images)
        branch.show_and_run(images, timed)
    return {name: ObjectTime(calls[name], float(np.median(seconds))) for name, seconds in spent.items()}


def profile_branch(
    branch: SpikingBranch, images: np.ndarray, repeats: int = 5, objects: dict[str, ObjectTime] | None = None
) -> dict[tuple[str, str], float]:
    """Measure the time of every layer and phase of a branch.

    Parameters
    ----------
    branch, images, repeats
        See `profile_objects`.
    objects : dict of str to ObjectTime, optional
        What `profile_objects` measured; it is called by default.

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
    objects = profile_objects(branch, images, repeats) if objects is None else objects
    owners = {
        f"{group.name}{suffix}": (layer, phase)
        for layer, group in branch.groups.items()
        for suffix, phase in (*_SUFFIXES.items(), ("_current", "current"))
    }
    for key, projection in branch.projections.items():  # further inputs of a layer of a graph
        layer, number = projection.layer.name, projection.number + 1
        group = branch.groups[layer].name
        owners |= {f"{group}_input{number}{end}": (layer, "input") for end in ("", "_pre")}
        owners[f"{group.removesuffix(layer)}{key}_events"] = (layer, "record")
    spent: defaultdict[tuple[str, str], float] = defaultdict(float)
    for name, measured in objects.items():
        spent[owners[name]] += measured.seconds
    return dict(spent)
