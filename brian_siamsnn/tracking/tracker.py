"""SiamFC's tracker: it finds the object of the first frame in the next ones.

The same tracker runs on the CNN and on the spiking network; they differ in the
matcher that turns exemplar and search crops into response maps
(`matching`). The constants are those of SiamFC's three-scale tracker
(Bertinetto 2016; MATLAB ``tracker.m``, siamfc-pytorch).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import cv2
import numpy as np

from ..crops import (
    EXEMPLAR_SIZE,
    SEARCH_SIZE,
    STRIDE,
    box_centre,
    checked_box,
    crop,
    exemplar_side,
    rgb_image,
    room_to_grow,
)
from ..defaults import SCALES as DEFAULT_SCALES
from ..errors import InputError, whole_number
from ..matching.template_memory import TemplateMemory
from .peak_quality import LOST_BELOW, peak_to_sidelobe

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..matching.protocol import Matcher

__all__ = ["SCALES", "ScaleSearch", "SiameseTracker"]

UPSAMPLING = 16  # of the response map
SIZE_LIMITS = 0.2, 5.0  # of the target, relative to the first frame
INTERVAL = 5  # frames from one exemplar that is offered to the memory to the next


@dataclass(frozen=True)
class ScaleSearch:
    """Constants that depend on the number of scales (SiamFC's ``params-3s.txt`` and ``params-5s.txt``).

    Parameters
    ----------
    step : float
        Ratio of neighbouring scales.
    penalty : float
        Factor of the response at every scale but the middle one.
    damping : float
        Learning rate of the size.
    window : float
        Weight of the cosine window.
    """

    step: float
    penalty: float
    damping: float
    window: float


#: By number of scales.
SCALES = {
    1: ScaleSearch(1.0, 1.0, 0.0, 0.176),
    3: ScaleSearch(1.0375, 0.9745, 0.59, 0.176),
    5: ScaleSearch(1.0255, 0.962, 0.34, 0.168),
}


@functools.cache
def _weighted_window(size, weight):
    """The cosine window with this share of the whole response."""
    window = np.outer(np.hanning(size), np.hanning(size))
    return weight * window / window.sum()


#: The tracker that used each matcher last, by the matcher's identity: a user's own need not be hashable.
_last_user: WeakValueDictionary[int, SiameseTracker] = WeakValueDictionary()


class SiameseTracker:
    """Tracks one object.

    Several trackers may share a matcher; each has its own exemplar.

    Parameters
    ----------
    matcher : Matcher
        `SpikingMatcher`, `ConvolutionalMatcher`, or any object with the two methods of `Matcher`.
    scales : {1, 3, 5}, optional
        Sizes of the search region that are tried in every frame; by default as
        many as the matcher takes crops, or 3 if it takes any number.
    templates : int
        Exemplars that are remembered, see `TemplateMemory`; 1 by default, that of the first frame only, as in SiamFC.
        Above 1, every fifth frame offers its exemplar to the memory, unless the target seems lost.

    Attributes
    ----------
    box : ndarray, shape (4,)
        x, y, width, height in pixels, zero-based; (x, y) is the top left pixel.
    score : float
        Highest response in the last frame; NaN before the first update, and
        where the response was not finite.
    response : ndarray, shape (17, 17)
        Response map of the best scale in the last frame; None before the first update.
    lost : bool
        Whether the target seems to be gone in the last frame: the response has no clear peak (`peak_quality`), or is
        not finite, or constant. False before the first update.

    Raises
    ------
    InputError
        If the matcher lacks a method, the number of scales is not one of these or differs from the matcher's, or
        `templates` is below 1.

    Examples
    --------
    >>> tracker = SiameseTracker(matcher)                        # doctest: +SKIP
    >>> tracker.init(frames[0], (200, 150, 17, 50))              # doctest: +SKIP
    >>> boxes = [tracker.update(frame) for frame in frames[1:]]  # doctest: +SKIP
    """

    def __init__(self, matcher: Matcher, scales: int | None = None, templates: int = 1) -> None:
        self._templates = whole_number("templates", templates)
        needed = ["set_exemplar", "match", *(["describe", "set_template"] if templates > 1 else [])]
        if missing := [name for name in needed if not callable(getattr(matcher, name, None))]:
            raise InputError(
                f"matcher: expected an object with {', '.join(needed)}, got {matcher!r:.60} without "
                f"{' and '.join(missing)}; TrackerConfig(model=...).build_tracker() makes a tracker of a model"
            )
        crops = getattr(matcher, "crops", None)
        scales = scales or crops or DEFAULT_SCALES
        if scales not in SCALES:
            raise InputError(f"scales: expected one of {list(SCALES)}, got {scales}")
        if crops not in (None, scales):
            raise InputError(f"scales: expected {crops}, as many as the matcher's crops, got {scales}")
        self.matcher, self.scales, self._search = matcher, scales, SCALES[scales]
        exponents = np.arange(scales) - scales // 2
        self._factors = self._search.step ** exponents.astype(float)
        self._penalties = np.where(exponents == 0, 1.0, self._search.penalty)
        self._middle = scales // 2
        self._centre: np.ndarray | None = None
        self._exemplar: np.ndarray | None = None
        self._template: Any = None
        self._memory: TemplateMemory | None = None
        self._frame = 0
        self.score = float("nan")
        self.response: np.ndarray | None = None
        self.lost = False

    def __repr__(self) -> str:
        box = "no box yet" if self._centre is None else f"box {self.box.round(1).tolist()}"
        return f"<SiameseTracker {self.scales} scales, {box}, {self.matcher!r}>"

    def prepare(self) -> None:
        """Prepare the matcher, if it can be: compile what it needs."""
        if prepare := getattr(self.matcher, "prepare", None):
            prepare()

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
            If the box has no area, is not finite, lies outside the image, or is
            more than twice as wide or high as the image.
        """
        image = rgb_image(image)
        box = checked_box(box)
        height, width = image.shape[:2]
        self._growth = min(SIZE_LIMITS[1], room_to_grow(box, width, height))
        centre = self._centre = box_centre(box)[::-1]  # y, x
        self._size = box[:1:-1].copy()  # h, w
        self._first_size = self._size.copy()
        self._fill = image.mean((0, 1)).tolist()
        exemplar = crop(image, centre, exemplar_side(*self._size), EXEMPLAR_SIZE, self._fill)
        self._set_exemplar(exemplar)
        self.score, self.response, self.lost = float("nan"), None, False
        self._memory, self._frame = None, 0

    @property
    def box(self) -> np.ndarray:
        """The object's box: x, y, w, h."""
        if self._centre is None:
            raise InputError("tracker: no box yet; call init(image, box) with the first frame")
        return np.concatenate([(self._centre - (self._size - 1) / 2)[::-1], self._size[::-1]])

    def update(self, image: np.ndarray) -> np.ndarray:
        """Find the object in the next frame.

        The box stays where it is if the response is not finite, or constant. The
        centre never leaves the image; the size stays within 0.2 to 5 times that of
        the first frame (as in MATLAB's ``tracker.m``) and below twice the image.

        Parameters
        ----------
        image : ndarray of uint8
            RGB or gray, see `crops.rgb_image`.

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
        self._frame += 1
        side = exemplar_side(*self._size) * SEARCH_SIZE / EXEMPLAR_SIZE
        crops = [crop(image, self._centre, side * factor, SEARCH_SIZE, self._fill) for factor in self._factors]
        self._own_exemplar()
        responses = self.matcher.match(crops)
        if not np.isfinite(responses).all() or responses.min() == responses.max():
            self.score, self.lost = float(responses.max()), True  # NaN if there is one
            return self.box
        upsampled = responses.shape[-1] * UPSAMPLING
        large = [cv2.resize(r, (upsampled, upsampled), interpolation=cv2.INTER_CUBIC) for r in responses]
        highest = [float(r.max()) for r in large]
        peaks = np.array(highest) * self._penalties
        best = int(np.argmax(peaks))
        if peaks[best] == peaks[self._middle]:  # a tie is no reason to change the size
            best = self._middle
        self.score, self.response = highest[best], responses[best]
        self.lost = peak_to_sidelobe(responses[best]) < LOST_BELOW
        self._move(self._peak(large[best]) * side * self._factors[best] / SEARCH_SIZE, self._factors[best], image)
        if self._templates > 1 and self._frame % INTERVAL == 0 and not self.lost:
            self._remember(image, self._centre)
        return self.box

    def _remember(self, image, centre):
        """Offer the target as it looks now to the memory of templates."""
        matcher: Any = self.matcher
        if self._memory is None:
            self._memory = TemplateMemory(matcher.describe(self._exemplar), self._templates)
        exemplar = crop(image, centre, exemplar_side(*self._size), EXEMPLAR_SIZE, self._fill)
        if self._memory.offer(matcher.describe(exemplar)):
            matcher.set_template(self._memory.template)
            self._template = getattr(matcher, "template", None)

    def _set_exemplar(self, crop):
        self.matcher.set_exemplar(crop)
        self._exemplar, self._template = crop, getattr(self.matcher, "template", None)
        _last_user[id(self.matcher)] = self

    def _own_exemplar(self):
        """Let the matcher compare with this tracker's exemplar, whichever tracker used it last."""
        if _last_user.get(id(self.matcher)) is self:
            return
        if self._template is None:
            self._set_exemplar(self._exemplar)
        else:
            matcher: Any = self.matcher
            matcher.template = self._template
            _last_user[id(self.matcher)] = self

    def _peak(self, response):
        """Displacement (y, x) of the windowed response's peak, in crop pixels."""
        size, weight = len(response), self._search.window
        above = response - response.min()
        combined = (1 - weight) * (above / (above.sum() + 1e-16)) + _weighted_window(size, weight)
        peak = np.array(np.unravel_index(np.argmax(combined), combined.shape))
        return (peak - (size - 1) / 2) * STRIDE / UPSAMPLING

    def _move(self, displacement, factor, image):
        centre = self._centre + displacement
        self._centre = np.clip(centre, 0, np.array(image.shape[:2]) - 1)
        size = self._size * (1 - self._search.damping + self._search.damping * factor)
        self._size = np.clip(size, SIZE_LIMITS[0] * self._first_size, self._growth * self._first_size)
