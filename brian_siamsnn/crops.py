"""The image crops around a target that the tracker and the training share (Bertinetto et al., 2016).

Boxes are x, y, w, h in pixels and zero-based: (x, y) is the centre of the
box's top left pixel.
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

#: Side of the exemplar crop, in pixels.
EXEMPLAR_SIZE = 127

#: Side of the search crop, in pixels.
SEARCH_SIZE = 255

#: Distance in the search crop between neighbouring values of the response map, in pixels.
STRIDE = 8

#: Largest side of a target relative to the image; the region that is cut out around it has to fit into memory.
LARGEST = 2

#: Context around the target, as a fraction of w + h.
CONTEXT = 0.5

_SIZES = {"exemplar": EXEMPLAR_SIZE, "search": SEARCH_SIZE}


def exemplar_side(width: float, height: float) -> float:
    """Side of the square region around a target that becomes the exemplar crop.

        s_z = sqrt((w + p) (h + p)),    p = CONTEXT (w + h)

    The side of the search region is SEARCH_SIZE / EXEMPLAR_SIZE times s_z.

    Parameters
    ----------
    width : float
        Width w of the target, in pixels.
    height : float
        Height h of the target, in pixels.

    Returns
    -------
    float
        s_z, in pixels.
    """
    margin = CONTEXT * (width + height)
    return float(np.sqrt((width + margin) * (height + margin)))


def checked_box(box: npt.ArrayLike) -> np.ndarray:
    """Validate a box: four finite numbers, with a positive width and height.

    Parameters
    ----------
    box : array_like, shape (4,)
        x, y, w, h in pixels.

    Returns
    -------
    ndarray of float, shape (4,)
        The box.

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
        received = numbers.tolist() if numbers.size else f"{box!r:.80}"
        raise InputError(
            f"box: expected x, y, width, height with a positive size, such as 205, 151, 17, 50; got {received}"
        )
    return numbers


def box_centre(box: npt.ArrayLike) -> np.ndarray:
    """Centre of a box, (x + (w - 1)/2, y + (h - 1)/2).

    Parameters
    ----------
    box : array_like, shape (4,)
        x, y, w, h in pixels.

    Returns
    -------
    ndarray of float, shape (2,)
        x and y of the centre, in pixels.
    """
    box = np.asarray(box, float)
    return box[:2] + (box[2:] - 1) / 2


def room_to_grow(box: npt.ArrayLike, width: int, height: int) -> float:
    """Factor by which a target may grow before it exceeds the largest supported size.

        min(LARGEST width / w, LARGEST height / h)

    Parameters
    ----------
    box : array_like, shape (4,)
        x, y, w, h of the target, in pixels.
    width : int
        Width of the image, in pixels.
    height : int
        Height of the image, in pixels.

    Returns
    -------
    float
        The factor, 1 or more.

    Raises
    ------
    InputError
        If the box is invalid, lies outside the image, or is more than
        `LARGEST` times as wide or as high as the image.
    """
    box = checked_box(box)
    if box[0] >= width or box[1] >= height or box[0] + box[2] <= 0 or box[1] + box[3] <= 0:
        raise InputError(
            f"box: {box.tolist()} lies outside the image of {width} x {height} pixels; give x, y, width, height in "
            "pixels, where x and y are the top left corner"
        )
    room = float(min(LARGEST * width / box[2], LARGEST * height / box[3]))
    if room < 1:
        raise InputError(
            f"box: {box.tolist()} is more than {LARGEST} times as large as the image of {width} x {height} pixels; "
            "give the object's box as x, y, width, height in pixels"
        )
    return room


def rgb_image(image: np.ndarray) -> np.ndarray:
    """Validate an image and convert gray images to RGB.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W), (H, W, 1) or (H, W, 3)
        Gray or RGB, 0 to 255.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        RGB; a gray image has three equal channels.

    Raises
    ------
    InputError
        If the type or shape is another one, or the image has no pixels.
    """
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[:, :, None]
    if image.ndim != 3 or image.shape[2] not in (1, 3) or image.size == 0 or image.dtype != np.uint8:
        raise InputError(
            f"image: expected 8-bit gray (H, W) or RGB (H, W, 3), got {image.dtype} {image.shape}; scale it to 0-255 "
            "and convert it with astype(numpy.uint8)"
        )
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image


def crop(
    image: np.ndarray, centre: Iterable[float], size: float, output_size: int, fill: Iterable[float]
) -> np.ndarray:
    """Cut a square out of an image and resize it.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
        The image.
    centre : tuple of float
        Centre (y, x) of the square, in zero-based pixels.
    size : float
        Side of the square, in pixels. Side and corner are rounded to whole
        pixels, as in SiamFC.
    output_size : int
        Side of the result, in pixels.
    fill : sequence of float
        Colour for the parts that lie outside the image; a tracker uses the mean
        colour of the first frame.

    Returns
    -------
    ndarray of uint8, shape (output_size, output_size, 3)
        The crop, resized by linear interpolation.
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


def target_crop(
    image: np.ndarray, box: npt.ArrayLike, branch: str = "search", fill: npt.ArrayLike | None = None
) -> np.ndarray:
    """Crop around a target, as one of the two branches receives it.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W), (H, W, 1) or (H, W, 3)
        Gray or RGB image.
    box : array_like, shape (4,)
        x, y, w, h of the target, in zero-based pixels.
    branch : {"exemplar", "search"}
        Branch that the crop is for; "search" by default.
    fill : sequence of float, optional
        Colour for the parts that lie outside the image; by default, the mean
        colour of the image.

    Returns
    -------
    ndarray of uint8, shape (127, 127, 3) or (255, 255, 3)
        The crop: 127 pixels for the exemplar, 255 for the search region.

    Raises
    ------
    InputError
        If the image, the box or the name of the branch is invalid.
    """
    if branch not in _SIZES:
        raise InputError(f"branch: expected one of {', '.join(_SIZES)}, got {branch!r}")
    box = checked_box(box)
    image = rgb_image(image)
    side = exemplar_side(*box[2:]) * _SIZES[branch] / EXEMPLAR_SIZE
    fill = image.mean((0, 1)) if fill is None else np.ravel(fill)
    return crop(image, tuple(box_centre(box)[::-1]), side, _SIZES[branch], fill)
