"""Reads boxes and annotations from files, so that trackers can be scored without any frames.

The results of a tracker can be

- a JSON file ``{"Crossing": [[x, y, w, h], ...], ...}``;
- a folder with one text file per sequence, ``Crossing.txt`` or ``Crossing.csv``,
  with one line x, y, w, h per frame;
- a result folder of the got10k toolkit, with files ``NAME/NAME_001.txt``;
- an output folder of ``brian-siamsnn evaluate``.

Sequence names may use any of OTB's spellings. Boxes count from the same origin as
the data set's own annotations. NaN, null and boxes without area mean that the
target was lost.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..files import printable
from ..sequences.annotations import polygon_to_box, read_boxes
from ..sequences.otb import ATTRIBUTE_NAMES, ATTRIBUTES, canonical, window_rows

if TYPE_CHECKING:
    from ..aliases import FilePath

__all__ = ["read_annotations", "read_results"]

_CODES = {name: code for code, name in ATTRIBUTE_NAMES.items()}

#: Files in the output folder of an evaluation that are not boxes.
_TABLES = ("table.csv", "sequences.csv")


def read_results(path: FilePath) -> dict[str, np.ndarray]:
    """Read the boxes of a tracker.

    Parameters
    ----------
    path : path-like
        File or folder in one of the forms listed in this module's docstring.

    Returns
    -------
    dict of str to ndarray, shape (N, 4)
        Boxes by sequence name in the benchmark's spelling; NaN where the target
        was lost.

    Raises
    ------
    InputError
        If it cannot be read, or holds no boxes.
    """
    path = Path(path)
    if path.is_dir():
        folder = path / "boxes" if (path / "boxes").is_dir() else path
        files = sorted([*folder.glob("*.txt"), *folder.glob("*.csv"), *folder.glob("*/*_001.txt")])
        files = [file for file in files if not file.stem.endswith("_time") and file.name not in _TABLES]
        results = {_name(file): read_boxes(file) for file in files}
    else:
        results = {canonical(name): _rows(rows, f"{path}, {name}") for name, rows in _json(path).items()}
    if not results:
        raise InputError(f"{path}: expected files of boxes, one per sequence (NAME.txt), found none")
    return {name: window_rows(name, boxes) for name, boxes in results.items()}


def read_annotations(path: FilePath) -> dict[str, tuple[np.ndarray, tuple[str, ...]]]:
    """Read the ground truth and the attributes of a whole data set.

    Parameters
    ----------
    path : path-like
        JSON ``{"Crossing": {"gt_rect": [[x, y, w, h], ...], "attr": ["Scale Variation", ...]}, ...}``,
        the form in which collections of OTB annotations are distributed. ``attr``
        is optional, and a row may be a polygon of eight numbers.

    Returns
    -------
    dict of str to (ndarray, tuple of str)
        Boxes (N, 4), NaN where there is none, and attribute codes by sequence
        name in the benchmark's spelling.

    Raises
    ------
    InputError
        If the file cannot be read or is malformed.
    """
    annotations = {}
    for name, entry in _json(path).items():
        if not isinstance(entry, dict) or "gt_rect" not in entry:
            raise InputError(f"{path}, {name}: expected 'gt_rect' with one box per frame, got {str(entry)[:60]}")
        name = canonical(name)
        attributes = tuple(_CODES.get(str(text).lower(), str(text)) for text in entry.get("attr", ()))
        boxes = window_rows(name, _rows(entry["gt_rect"], f"{path}, {name}"))
        annotations[name] = boxes, attributes or ATTRIBUTES.get(name, ())
    if not annotations:
        raise InputError(f"{path}: expected sequences, found none")
    return annotations


def _name(file):
    name = file.stem
    if file.parent.name and name == f"{file.parent.name}_001":
        name = file.parent.name
    return canonical(printable(name))


def _json(path):
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise InputError(f"{path}: not a JSON file ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected an object with one entry per sequence, got a {type(content).__name__}")
    return content


def _rows(rows, location):
    try:
        boxes = [[np.nan if value is None else float(value) for value in row] for row in rows]
        boxes = np.array([polygon_to_box(row) if len(row) == 8 else row for row in boxes], dtype=float)
    except (TypeError, ValueError):
        boxes = np.empty(0)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise InputError(f"{location}: expected rows of 4 numbers (x, y, w, h) or 8 (a polygon)")
    # a box without area means an absent target in annotations, and a lost one in results
    boxes[~np.isfinite(boxes).all(axis=1) | ~(boxes[:, 2:] > 0).all(axis=1)] = np.nan
    return boxes
