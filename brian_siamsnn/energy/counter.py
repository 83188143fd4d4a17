"""Count the operations of tracking, with a wrapper around the matcher."""

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
    from ..matching.similarity import Template
    from ..matching.spiking import SpikingMatcher
    from ..network.runtime import SpikingBranch
    from .operations import OperationCounts

__all__ = ["OperationCounter", "crop_macs", "localisation_macs", "smoothing_macs"]


def crop_macs(size: int) -> int:
    """Count the multiply-accumulates of resizing a crop: four neighbours per value, three colours.

    Parameters
    ----------
    size : int
        Side of the crop in pixels.

    Returns
    -------
    int
        Number of multiply-accumulates.
    """
    return 4 * 3 * size**2


def smoothing_macs(shape: Shape, steps: int) -> int:
    """Count the multiply-accumulates of smoothing an exemplar in time: a T x T matrix for each neuron.

    Parameters
    ----------
    shape : tuple of int
        Shape (height, width, channels) of the exemplar's last layer.
    steps : int
        Number of time steps T.

    Returns
    -------
    int
        Number of multiply-accumulates.
    """
    return steps**2 * int(np.prod(shape))


def localisation_macs(response_side: int, scales: int) -> int:
    """Count the multiply-accumulates of locating the peak: bicubic upsampling of every scale, and the window.

    Bicubic upsampling takes 16 neighbours per value.

    Parameters
    ----------
    response_side : int
        Side of the response map, in cells.
    scales : int
        Number of scales.

    Returns
    -------
    int
        Number of multiply-accumulates.
    """
    side = response_side * UPSAMPLING
    return side**2 * (16 * scales + 2)


class OperationCounter:
    """A matcher that counts its operations: for the exemplar once, and for the search region in every frame.

    It is used in place of the matcher that it wraps.

    Parameters
    ----------
    matcher : SpikingMatcher
        The matcher. With a matcher for a single crop, the scales run one after another and are counted separately; with
        one for several crops, a frame is counted as a whole.

    Attributes
    ----------
    exemplar : OperationCounts
        Operations of the last exemplar.
    frames : list of list of OperationCounts
        Operations of every frame since then, one entry per run of the search branch.
    later : list of OperationCounts
        Operations of later exemplars since then, which a memory of templates asked for.
    localisation : int
        Multiply-accumulates of locating the peak in a frame.

    Examples
    --------
    >>> counter = OperationCounter(SpikingMatcher(load_model("compact"), crops=1))  # doctest: +SKIP
    >>> track(sequence, SiameseTracker(counter), frames=20)                         # doctest: +SKIP
    >>> counter.frames[0][1].counts  # middle scale of the second frame             # doctest: +SKIP
    """

    def __init__(self, matcher: SpikingMatcher) -> None:
        self.matcher = matcher
        self.exemplar: OperationCounts | Any = None
        self.frames: list[list[OperationCounts]] = []
        self.later: list[OperationCounts] = []
        self.localisation = 0

    def __repr__(self) -> str:
        return f"<OperationCounter {len(self.frames)} frames, {self.matcher!r}>"

    @property
    def search_branch(self) -> SpikingBranch:
        """Branch that processes the search region."""
        return self.matcher.search_branch

    @property
    def template(self) -> Template | None:
        """The exemplar of the wrapped matcher, which a tracker can set."""
        return self.matcher.template

    @template.setter
    def template(self, template: Template | None) -> None:
        self.matcher.template = template

    def prepare(self) -> None:
        """Generate and compile the code of the equations, which takes a while the first time on a machine."""
        self.matcher.prepare()

    def set_exemplar(self, crop: np.ndarray) -> None:
        """Set the exemplar, and start counting again.

        Parameters
        ----------
        crop : ndarray of uint8, shape (127, 127, 3)
            Exemplar crop, RGB.
        """
        self.matcher.set_exemplar(crop)
        self.exemplar = self._exemplar_counts()
        self.frames, self.later = [], []

    def _exemplar_counts(self):
        branch = self.matcher.exemplar_branch
        shape = branch.shapes[branch.last_layer]
        return count_branch(branch, host=crop_macs(EXEMPLAR_SIZE) + smoothing_macs(shape, branch.steps))

    def describe(self, crop: np.ndarray) -> np.ndarray:
        """Simulate a later exemplar, for a memory of templates, and count its operations.

        Parameters
        ----------
        crop : ndarray of uint8, shape (127, 127, 3)
            Exemplar crop, RGB.

        Returns
        -------
        ndarray
            Its features, see `SpikingMatcher.describe`.
        """
        features = self.matcher.describe(crop)
        self.later.append(self._exemplar_counts())
        return features

    def set_template(self, features: np.ndarray) -> None:
        """Look for what features describe.

        Parameters
        ----------
        features : ndarray
            As from `describe`.
        """
        self.matcher.set_template(features)

    def match(self, crops: np.ndarray | list[np.ndarray]) -> np.ndarray:
        """Compute the response maps of one frame, and count the operations.

        Parameters
        ----------
        crops : ndarray of uint8, shape (scales, 255, 255, 3), or list of ndarray
            Search crops, RGB, one per scale.

        Returns
        -------
        ndarray, shape (scales, H, W)
            Response maps of the wrapped matcher.
        """
        branch, single = self.search_branch, self.search_branch.batch_size == 1
        responses, counts = [], []
        for group in [[crop] for crop in crops] if single else [crops]:
            responses.append(self.matcher.match(group))
            counts.append(self._count(branch))
        self.frames.append(counts)
        self.localisation = localisation_macs(responses[0].shape[-1], len(crops))
        return np.concatenate(responses)

    def mean_frame(self) -> OperationCounts:
        """Return the mean operations of a frame, over all scales and including the tracker and later exemplars.

        Returns
        -------
        OperationCounts
            Mean over the frames.

        Raises
        ------
        InputError
            If no frame was searched.
        """
        if not self.frames:
            raise InputError(
                "energy: expected a second frame to search, got none; use a longer sequence, or --frames 2 or more"
            )
        searched = [counts for frame in self.frames for counts in frame]
        total = reduce(add, [*searched, *self.later]) / len(self.frames)
        return replace(total, host=total.host + self.localisation)

    def mean_scales(self) -> list[OperationCounts]:
        """Return the mean operations of each run of the search branch in a frame.

        Returns
        -------
        list of OperationCounts
            Mean over the frames; one entry per scale if the matcher is for a single crop.
        """
        return [reduce(add, counts) / len(counts) for counts in zip(*self.frames, strict=True)]

    def _count(self, branch):
        last, crops = branch.last_layer, branch.batch_size
        side = self.matcher.exemplar_branch.shapes[last][0]
        matching = sum(matching_operations(branch.trains(last, crop), side) for crop in range(crops))
        return count_branch(branch, matching, crops * crop_macs(SEARCH_SIZE))
