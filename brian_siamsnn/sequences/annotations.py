"""Reads boxes from the annotation files of tracking benchmarks.

A file has one line per frame, with numbers separated by commas, semicolons, tabs
or spaces: either four numbers, a box x, y, w, h, or eight, the corners of a
polygon. Where anything but a comma separates the numbers, a comma inside a number
is a decimal comma. Boxes are returned as x, y, w, h in zero-based pixels.
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

#: Larger coordinates cannot be pixels, and their areas and overlaps would overflow.
_LARGEST_COORDINATE = 1e7


def read_boxes(path: FilePath, origin: int = 0) -> np.ndarray:
    """Read an annotation file.

    Parameters
    ----------
    path : path-like
        Text file with one line per frame: x, y, w, h or x1, y1, ..., x4, y4.
    origin : {0, 1}
        Coordinate of the first pixel in the file. OTB counts from 1 (MATLAB);
        VOT and GOT-10k are read as counting from 0, the default.

    Returns
    -------
    ndarray, shape (N, 4)
        Zero-based boxes x, y, w, h. A row is NaN where the file says NaN or
        gives a box without area, which is how benchmarks mark an absent target.

    Raises
    ------
    InputError
        If the file cannot be read or is empty, if a line does not hold four or
        eight numbers, or if it can be read as either.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise InputError(
            f"{path}: expected a text file of boxes, but it cannot be read ({reason}); fix it, or delete it to run "
            "without ground truth"
        ) from None
    if not lines:
        raise InputError(
            f"{path}: expected one box per frame, got an empty file; delete it to run without ground truth"
        )
    boxes = np.array([_parse_line(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1)])
    boxes[:, :2] -= origin
    boxes[~(boxes[:, 2:] > 0).all(axis=1) | np.isnan(boxes).any(axis=1)] = np.nan
    return boxes


def polygon_to_box(corners: npt.ArrayLike) -> np.ndarray:
    """Upright box with the centre and approximately the area of a polygon.

    For corners p1..p4 with the extent x_min..x_max, y_min..y_max,

        s = sqrt(|p1 - p2| |p2 - p3| / ((x_max - x_min) (y_max - y_min)))
        w = s (x_max - x_min) + 1,    h = s (y_max - y_min) + 1
        (x + (w - 1)/2, y + (h - 1)/2) = mean of the corners

    as in pysot's ``get_axis_aligned_bbox`` and the VOT reader of the got10k
    toolkit.

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


def _words(line, location):
    """Text of each number, with a decimal point."""
    words = re.split(r"\s*[;\s]\s*", line)
    commas = sum(re.fullmatch(r"[-+]?\d+,\d+", word) is not None for word in words)
    if not commas or commas < sum("," in word for word in words) or len(words) not in (4, 8):
        return re.split(r"\s*[,;\s]\s*", line)
    if commas == len(words) == 4 and not re.search(r"[;\t]", line):
        raise InputError(
            f"{location}: {line[:60]!r} can be four numbers with decimal commas or the four corners of a polygon; "
            "write decimal points, or only commas between the coordinates of corners"
        )
    return [word.replace(",", ".") for word in words]


def _parse_line(line, location):
    try:
        numbers = np.array([float(word) for word in _words(line.strip(), location)])
    except InputError:
        raise
    except ValueError:
        numbers = np.empty(0)
    if len(numbers) not in (4, 8) or (np.abs(numbers) > _LARGEST_COORDINATE).any():
        raise InputError(
            f"{location}: expected 4 numbers (x, y, w, h) or 8 (a polygon), separated by commas, semicolons, tabs or "
            f"spaces, none beyond {_LARGEST_COORDINATE:.0e}, got {line.strip()[:60]!r}; write NaN,NaN,NaN,NaN where "
            "the target is absent"
        )
    return polygon_to_box(numbers) if len(numbers) == 8 else numbers
