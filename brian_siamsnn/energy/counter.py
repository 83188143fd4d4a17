"""A matcher that keeps account, put between the tracker and the matcher that does the work."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

import numpy as np

from ..crops import EXEMPLAR_SIZE, SEARCH_SIZE
from ..errors import InputError
from ..tracking.tracker import UPSAMPLING
from .operations import count_branch, matching_operations

if TYPE_CHECKING:
    from typing import Any

    from ..aliases import Shape
    from ..matching.matchers import SpikingMatcher
    from ..network.runtime import SpikingBranch
    from .operations import OperationCounts

__all__ = ["OperationCounter", "crop_macs", "localisation_macs", "smoothing_macs"]


def crop_macs(size: int) -> int:
    """Multiply-accumulates of resizing a crop: four neighbours a value, three colours."""
    return 4 * 3 * size**2


def smoothing_macs(shape: Shape, steps: int) -> int:
    """Multiply-accumulates of smoothing an exemplar in time: a T x T matrix for each of its neurons."""
    return steps**2 * int(np.prod(shape))


def localisation_macs(response_side: int, scales: int) -> int:
    """Multiply-accumulates of finding the peak: bicubic upsampling of every scale, 16 neighbours, and the window."""
    side = response_side * UPSAMPLING
    return side**2 * (16 * scales + 2)


class OperationCounter:
    """Counts what a spiking matcher does: for the exemplar once, for the search in every frame.

    Parameters
    ----------
    matcher : SpikingMatcher
        One for a single crop is shown the scales one after another, and each is
        counted apart; one for several is counted as a whole.

    Attributes
    ----------
    exemplar : OperationCounts
        Of the last exemplar.
    frames : list of list of OperationCounts
        Of every frame since, by run of the search branch.
    localisation : int
        Multiply-accumulates of finding the peak, in each frame.

    Examples
    --------
    >>> meter = OperationCounter(SpikingMatcher(load("compact"), crops=1))  # doctest: +SKIP
    >>> track(sequence, SiameseTracker(meter), frames=20)        # doctest: +SKIP
    >>> meter.frames[0][1].counts  # middle scale of the second frame # doctest: +SKIP
    """

    def __init__(self, matcher: SpikingMatcher) -> None:
        self.matcher = matcher
        self.exemplar: OperationCounts | Any = None
        self.frames: list[list[OperationCounts]] = []
        self.localisation = 0

    @property
    def search_branch(self) -> SpikingBranch:
        """The branch that sees the search region."""
        return self.matcher.search_branch

    def prepare(self) -> None:
        """Make the code of the equations, which takes a while the first time on a machine."""
        self.matcher.prepare()

    def set_exemplar(self, crop: np.ndarray) -> None:
        """Take the exemplar."""
        self.matcher.set_exemplar(crop)
        branch = self.matcher.exemplar_branch
        shape = branch.shapes[branch.model.layers[-1].name]
        self.exemplar = count_branch(branch, host=crop_macs(EXEMPLAR_SIZE) + smoothing_macs(shape, branch.steps))
        self.frames = []

    def match(self, crops: np.ndarray | list[np.ndarray]) -> np.ndarray:
        """Response maps of search crops, as the matcher gives them."""
        branch, single = self.search_branch, self.search_branch.images == 1
        responses, works = [], []
        for group in [[crop] for crop in crops] if single else [crops]:
            responses.append(self.matcher.match(group))
            works.append(self._work(branch, len(group)))
        self.frames.append(works)
        self.localisation = localisation_macs(responses[0].shape[-1], len(crops))
        return np.concatenate(responses)

    def mean_frame(self) -> OperationCounts:
        """Counts of a frame, all scales and the tracker around them: the mean over the frames.

        Returns
        -------
        OperationCounts

        Raises
        ------
        InputError
            If no frame was searched.
        """
        if not self.frames:
            raise InputError(
                "energy: a frame to search is needed besides the first; the sequence, or --frames, ends before it"
            )
        total = reduce(add, (work for works in self.frames for work in works)) / len(self.frames)
        return replace(total, host=total.host + self.localisation)

    def mean_scales(self) -> list[OperationCounts]:
        """Counts of each run of the search branch in a frame, the mean over the frames: a scale each, with one crop.

        Returns
        -------
        list of OperationCounts
        """
        return [reduce(add, works) / len(works) for works in zip(*self.frames, strict=True)]

    def _work(self, branch, crops):
        last = branch.model.layers[-1].name
        trains = branch.trains(last)
        side = self.matcher.exemplar_branch.shapes[last][0]
        matching = sum(matching_operations(one, side) for one in (trains if crops > 1 else [trains]))
        return count_branch(branch, matching, crops * crop_macs(SEARCH_SIZE))
