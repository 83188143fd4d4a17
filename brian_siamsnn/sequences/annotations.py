"""Boxes from the text files of the tracking benchmarks.

One line a frame, its numbers separated by commas, tabs or spaces: four of them
are a box x, y, w, h, eight are the corners of a polygon.  What leaves this
module is x, y, w, h in pixels with the corner counted from zero.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..aliases import FilePath

__all__ = ["polygon_to_box", "read_boxes"]

#: Larger coordinates are no pixels; their areas and overlaps would not be numbers either.
_FARTHEST = 1e7


def read_boxes(path: FilePath, origin: int = 0) -> np.ndarray:
    """Read an annotation file.

    Parameters
    ----------
    path : path-like
        Text, one line a frame: x, y, w, h or x1, y1, ..., x4, y4.
    origin : {0, 1}
        What the file calls the first pixel.  OTB counts from 1 (MATLAB), VOT
        and GOT-10k are read as counting from 0.

    Returns
    -------
    ndarray, shape (N, 4)
        Boxes, zero-based.  Rows are NaN where the file says NaN or gives no
        area, which is how the benchmarks write that the target is absent.

    Raises
    ------
    InputError
        If the file cannot be read, holds nothing, or a line is not four or
        eight numbers.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise InputError(
            f"{path}: expected a text file of boxes, but it cannot be read ({reason}); write it anew, or "
            "delete it to run without true boxes"
        ) from None
    if not lines:
        raise InputError(f"{path}: expected one box a frame, got an empty file; delete it to run without true boxes")
    boxes = np.array([_box(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1)])
    boxes[:, :2] -= origin
    boxes[~(boxes[:, 2:] > 0).all(axis=1) | np.isnan(boxes).any(axis=1)] = np.nan
    return boxes


def polygon_to_box(corners: npt.ArrayLike) -> np.ndarray:
    """Upright box with the centre and about the area of a polygon.

    With the extent x_min..x_max, y_min..y_max of the corners p1..p4,

        s = sqrt(|p1 - p2| |p2 - p3| / ((x_max - x_min) (y_max - y_min)))
        w = s (x_max - x_min) + 1,    h = s (y_max - y_min) + 1
        (x + (w - 1)/2, y + (h - 1)/2) = mean of the corners

    as in pysot's ``get_axis_aligned_bbox`` and the got10k toolkit's VOT reader.

    Parameters
    ----------
    corners : array_like, shape (8,)
        x1, y1, ..., x4, y4 in order around the polygon.

    Returns
    -------
    ndarray, shape (4,)
        x, y, w, h; NaN if the corners span no area.
    """
    corners = np.asarray(corners, dtype=float).reshape(4, 2)
    extent = np.ptp(corners, axis=0)
    if not extent.prod() > 0:
        return np.full(4, np.nan)
    area = np.linalg.norm(corners[0] - corners[1]) * np.linalg.norm(corners[1] - corners[2])
    size = np.sqrt(area / extent.prod()) * extent + 1
    return np.concatenate([corners.mean(axis=0) - (size - 1) / 2, size])


def _box(line, place):
    try:
        numbers = np.array([float(word) for word in re.split(r"\s*[,\s]\s*", line.strip())])
    except ValueError:
        numbers = np.empty(0)
    if len(numbers) not in (4, 8) or (np.abs(numbers) > _FARTHEST).any():
        raise InputError(
            f"{place}: expected 4 numbers (x, y, w, h) or 8 (a polygon) between commas, tabs or spaces, none beyond "
            f"{_FARTHEST:.0e}, got {line.strip()[:60]!r}; write NaN,NaN,NaN,NaN where the target is absent"
        )
    return polygon_to_box(numbers) if len(numbers) == 8 else numbers
