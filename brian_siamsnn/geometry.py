"""What tracker and training have to agree on: the crops around a box (Bertinetto 2016).

Boxes are x, y, w, h in pixels, zero-based: (x, y) is the centre of the top left pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["EXEMPLAR_SIZE", "SEARCH_SIZE", "STRIDE", "box_centre", "checked_box", "exemplar_side"]

#: Sides of the two crops that the network sees, in pixels.
EXEMPLAR_SIZE, SEARCH_SIZE = 127, 255

#: Pixels of a search crop between two neighbours of the response map.
STRIDE = 8

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
