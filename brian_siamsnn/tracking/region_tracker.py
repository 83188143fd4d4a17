"""SiamRPN's tracker: each anchor proposes a box, and the most likely proposal moves and reshapes the target's.

Procedure and constants are those of pysot (``siamrpn_tracker.py``, ``siamrpn_alex_dwxcorr/config.yaml``), which are
those of DaSiamRPN with other numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..crops import EXEMPLAR_SIZE, box_centre, checked_box, crop, exemplar_side, rgb_image, room_to_grow
from ..errors import InputError
from .anchors import anchor_boxes, decoded

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..matching.region_matchers import RegionMatcher

__all__ = ["RegionTracker", "change_penalty", "target_probability"]

PENALTY = 0.16  # of changes of size and aspect ratio
WINDOW = 0.40  # weight of the cosine window
DAMPING = 0.30  # learning rate of the size
SMALLEST = 10  # side of a box, in pixels


def target_probability(cls: np.ndarray) -> np.ndarray:
    """Probability that an anchor shows the target: a softmax of two logits.

        1 / (1 + exp(background - target))

    Parameters
    ----------
    cls : ndarray, shape (2 k, n, n)
        Logits of background of the k anchors, then those of the target.

    Returns
    -------
    ndarray, shape (k, n, n)
        0 to 1.
    """
    background, target = np.asarray(cls, np.float64).reshape(2, -1, *cls.shape[1:])
    # as a hyperbolic tangent, which does not overflow
    return (1 + np.tanh((target - background) / 2)) / 2


def change_penalty(sizes: np.ndarray, size: npt.ArrayLike) -> np.ndarray:
    """Factor of the probability of proposals that change size or aspect ratio.

        exp(-0.16 (max(r, 1/r) max(s, 1/s) - 1))

    where s is the ratio of `exemplar_side` of proposal and target, and r that of their aspect ratios w / h.

    Parameters
    ----------
    sizes : ndarray, shape (2, ...)
        Width and height of proposals.
    size : array_like, shape (2,)
        Width and height of the target, in the same unit.

    Returns
    -------
    ndarray, shape (...)
        0 to 1.
    """
    width, height = np.asarray(size, float)
    margin = (sizes[0] + sizes[1]) / 2
    scale = np.sqrt((sizes[0] + margin) * (sizes[1] + margin)) / exemplar_side(width, height)
    ratio = (width / height) / (sizes[0] / sizes[1])
    return np.exp(-PENALTY * (np.maximum(scale, 1 / scale) * np.maximum(ratio, 1 / ratio) - 1))


class RegionTracker:
    """Tracks one object, and regresses its box.

    Parameters
    ----------
    matcher : RegionMatcher
        `SpikingRegionMatcher`, `ConvolutionalRegionMatcher`, or any object with their two methods and ``size``.

    Attributes
    ----------
    box : ndarray, shape (4,)
        x, y, width, height in pixels, zero-based; (x, y) is the top left pixel.
    score : float
        Probability of the chosen proposal in the last frame; NaN before the first update, and where the proposals were
        not finite.
    response : ndarray, shape (n, n)
        Highest probability of all anchors at each position; None before the first update.
    lost : bool
        Whether the chosen proposal is rather background: a score below 0.5. False before the first update.

    Raises
    ------
    InputError
        If the matcher lacks a method.
    """

    def __init__(self, matcher: RegionMatcher) -> None:
        missing = [name for name in ("set_exemplar", "propose", "size") if not hasattr(matcher, name)]
        if missing:
            raise InputError(
                f"matcher: expected an object with set_exemplar, propose and size, got {matcher!r:.60} without "
                f"{' and '.join(missing)}; SpikingRegionMatcher(convert_siamrpn(...)) is one"
            )
        self.matcher = matcher
        self._centre: np.ndarray | None = None
        self.score = float("nan")
        self.response: np.ndarray | None = None
        self.lost = False

    def __repr__(self) -> str:
        box = "no box yet" if self._centre is None else f"box {self.box.round(1).tolist()}"
        return f"<RegionTracker {box}, {self.matcher!r}>"

    def init(self, image: np.ndarray, box: npt.ArrayLike) -> None:
        """Start with the object in a first frame.

        Parameters
        ----------
        image : ndarray of uint8
            RGB or gray, see `rgb_image`.
        box : sequence of 4 float
            x, y, w, h of the object.

        Raises
        ------
        InputError
            If the box has no area, is not finite, lies outside the image, or is more than twice as wide or high as the
            image.
        """
        image, box = rgb_image(image), checked_box(box)
        room_to_grow(box, image.shape[1], image.shape[0])
        self._centre, self._size = box_centre(box), box[2:].copy()
        self._fill = image.mean((0, 1)).tolist()
        exemplar = crop(image, self._centre[::-1], exemplar_side(*self._size), EXEMPLAR_SIZE, self._fill)
        self.matcher.set_exemplar(exemplar)
        self.score, self.response, self.lost = float("nan"), None, False

    @property
    def box(self) -> np.ndarray:
        """The object's box: x, y, w, h."""
        if self._centre is None:
            raise InputError("tracker: no box yet; call init(image, box) with the first frame")
        return np.concatenate([self._centre - (self._size - 1) / 2, self._size])

    def update(self, image: np.ndarray) -> np.ndarray:
        """Find the object in the next frame.

        The box stays where it is if the proposals are not finite. Its centre never leaves the image; its sides are
        between 10 pixels and those of the image, as in pysot.

        Parameters
        ----------
        image : ndarray of uint8
            RGB or gray, see `rgb_image`.

        Returns
        -------
        ndarray, shape (4,)
            The new `box`.

        Raises
        ------
        InputError
            If `init` was not called, or the image is invalid.
        """
        if self._centre is None:
            raise InputError("tracker: update before init; call init(image, box) with the first frame")
        image = rgb_image(image)
        side = exemplar_side(*self._size) * self.matcher.size / EXEMPLAR_SIZE
        pixel = side / self.matcher.size  # of the crop, in pixels of the image
        cls, loc = self.matcher.propose(crop(image, self._centre[::-1], side, self.matcher.size, self._fill))
        if not (np.isfinite(cls).all() and np.isfinite(loc).all()):
            self.score, self.lost = float("nan"), True
            return self.box
        boxes = decoded(anchor_boxes(cls.shape[-1]), loc)
        probability = target_probability(cls)
        penalty = change_penalty(boxes[2:], self._size / pixel)
        window = np.outer(np.hanning(cls.shape[-1]), np.hanning(cls.shape[-1]))
        ranked = (1 - WINDOW) * penalty * probability + WINDOW * window
        anchor, row, column = best = np.unravel_index(np.argmax(ranked), ranked.shape)
        rate = DAMPING * penalty[best] * probability[best]
        box = boxes[:, anchor, row, column] * pixel
        limits = np.array(image.shape[1::-1], float)
        self._centre = np.clip(self._centre + box[:2], 0, limits - 1)
        self._size = np.clip((1 - rate) * self._size + rate * box[2:], SMALLEST, np.maximum(limits, SMALLEST))
        self.score, self.response = float(probability[best]), probability.max(0)
        self.lost = self.score < 0.5
        return self.box
