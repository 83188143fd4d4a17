"""What tracker and training have to agree on: the crops around a box (Bertinetto 2016).

Boxes are x, y, w, h in pixels, zero-based: (x, y) is the centre of the top left pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["EXEMPLAR_SIZE", "SEARCH_SIZE", "STRIDE", "box_centre", "checked_box", "exemplar_side", "room_to_grow"]

#: Sides of the two crops that the network sees, in pixels.
EXEMPLAR_SIZE, SEARCH_SIZE = 127, 255

#: Pixels of a search crop between two neighbours of the response map.
STRIDE = 8

#: How large a target may be, relative to the image: what is cut out around it has to fit into memory.
LARGEST = 2

#: Share of (w + h) that is added around the target.
CONTEXT = 0.5


def exemplar_side(width: float, height: float) -> float:
    """Side of the region around a target that becomes the exemplar crop, in pixels.

    s_z = sqrt((w + p)(h + p)),  p = context (w + h); the search region is
    SEARCH_SIZE / EXEMPLAR_SIZE times as large.
    """
    margin = CONTEXT * (width + height)
    return float(np.sqrt((width + margin) * (height + margin)))


def checked_box(box: npt.ArrayLike) -> np.ndarray:
    """Four finite numbers x, y, w, h with a positive size, as an array.

    Raises
    ------
    InputError
        If ``box`` is anything else.
    """
    try:
        numbers = np.asarray(box, float)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.shape != (4,) or not np.isfinite(numbers).all() or not (numbers[2:] > 0).all():
        raise InputError("box: expected x, y, width, height with a positive size, such as 205, 151, 17, 50; "
                         f"got {numbers.tolist() if numbers.size else box!r:.80}")  # fmt: skip
    return numbers


def box_centre(box: npt.ArrayLike) -> np.ndarray:
    """Centre (x, y) of a box: x + (w - 1)/2, y + (h - 1)/2."""
    box = np.asarray(box, float)
    return box[:2] + (box[2:] - 1) / 2


def room_to_grow(box: npt.ArrayLike, width: int, height: int) -> float:
    """How many times as large as it is a target may become in an image: until a side is twice the image's.

    Parameters
    ----------
    box : sequence of 4 float
        x, y, w, h of the target.
    width, height : int
        Of the image, pixels.

    Raises
    ------
    InputError
        If the box is none, lies outside the image, or is more than twice as wide or high as it.
    """
    box = checked_box(box)
    if box[0] >= width or box[1] >= height or box[0] + box[2] <= 0 or box[1] + box[3] <= 0:
        raise InputError(f"box: {box.tolist()} lies outside the image of {width} x {height} pixels; give x, y, width, "
                         "height in pixels, x and y of its top left corner")  # fmt: skip
    room = float(min(LARGEST * width / box[2], LARGEST * height / box[3]))
    if room < 1:
        raise InputError(f"box: {box.tolist()} is more than {LARGEST} times as large as the image of {width} x "
                         f"{height} pixels; give the object's box x, y, width, height in pixels")  # fmt: skip
    return room
