"""What tracker and training have to agree on: the crops around a box (Bertinetto 2016).

Boxes are x, y, w, h in pixels, zero-based: (x, y) is the centre of the top left pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from .errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

__all__ = [
    "EXEMPLAR_SIZE",
    "SEARCH_SIZE",
    "STRIDE",
    "box_centre",
    "checked_box",
    "crop",
    "exemplar_side",
    "rgb_image",
    "room_to_grow",
    "target_crop",
]

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
        raise InputError(
            "box: expected x, y, width, height with a positive size, such as 205, 151, 17, 50; "
            f"got {numbers.tolist() if numbers.size else box!r:.80}"
        )
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
        raise InputError(
            f"box: {box.tolist()} lies outside the image of {width} x {height} pixels; give x, y, width, "
            "height in pixels, x and y of its top left corner"
        )
    room = float(min(LARGEST * width / box[2], LARGEST * height / box[3]))
    if room < 1:
        raise InputError(
            f"box: {box.tolist()} is more than {LARGEST} times as large as the image of {width} x "
            f"{height} pixels; give the object's box x, y, width, height in pixels"
        )
    return room


def rgb_image(image: np.ndarray) -> np.ndarray:
    """Check an image; gray ones get three equal channels.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W), (H, W, 1) or (H, W, 3)
        Gray or RGB, 0 to 255.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)

    Raises
    ------
    InputError
        For another type or shape, or an image without pixels.
    """
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[:, :, None]
    if image.ndim != 3 or image.shape[2] not in (1, 3) or image.size == 0 or image.dtype != np.uint8:
        raise InputError(
            f"image: expected 8-bit gray (H, W) or RGB (H, W, 3), got {image.dtype} {image.shape}; "
            "scale it to 0-255 and convert it with astype(numpy.uint8)"
        )
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image


def crop(
    image: np.ndarray, centre: Iterable[float], size: float, output_size: int, fill: Iterable[float]
) -> np.ndarray:
    """Cut out a square and resize it.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
    centre : tuple of float
        (y, x) of its centre, zero-based pixels.
    size : float
        Its side in pixels; side and corner are rounded, as SiamFC does.
    output_size : int
        Side of the result.
    fill : sequence of float
        Colour of what lies outside the image: the mean of the first frame.

    Returns
    -------
    ndarray of uint8, shape (output_size, output_size, 3)
    """
    side = max(1, round(size))
    top, left = (round(c - (size - 1) / 2) for c in centre)
    height, width = image.shape[:2]
    inside = image[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
    if inside.size == 0:
        inside = np.empty((output_size, output_size, 3), np.uint8)
        inside[:] = np.round(list(fill))
        return inside
    border = (max(0, -top), max(0, top + side - height), max(0, -left), max(0, left + side - width))
    if any(border):
        inside = cv2.copyMakeBorder(inside, *border, cv2.BORDER_CONSTANT, value=list(fill))
    return cv2.resize(inside, (output_size, output_size), interpolation=cv2.INTER_LINEAR)


_SIZES = {"exemplar": EXEMPLAR_SIZE, "search": SEARCH_SIZE}


def target_crop(
    image: np.ndarray, box: npt.ArrayLike, branch: str = "search", fill: npt.ArrayLike | None = None
) -> np.ndarray:
    """The square around a target that one of the branches sees.

    Parameters
    ----------
    image : ndarray of uint8
        RGB or gray.
    box : sequence of 4 float
        x, y, w, h of the target, zero-based.
    branch : {"exemplar", "search"}
    fill : sequence of float, optional
        Colour of what lies outside the image; by default its mean, as a tracker
        takes it from the first frame.

    Returns
    -------
    ndarray of uint8, shape (127, 127, 3) or (255, 255, 3)

    Raises
    ------
    InputError
        If the image is none, or the box has no size, or there is no such branch.
    """
    if branch not in _SIZES:
        raise InputError(f"branch: expected one of {', '.join(_SIZES)}, got {branch!r}")
    box = np.asarray(box, float)
    if box.shape != (4,) or not np.isfinite(box).all() or not (box[2:] > 0).all():
        raise InputError(f"box: expected x, y, width, height with a positive size, got {box.tolist()}")
    image = rgb_image(image)
    side = exemplar_side(*box[2:]) * _SIZES[branch] / EXEMPLAR_SIZE
    fill = image.mean((0, 1)) if fill is None else np.ravel(fill)
    return crop(image, tuple(box_centre(box)[::-1]), side, _SIZES[branch], fill)
