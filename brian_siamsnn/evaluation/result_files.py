"""Result files of other trackers, and annotation files, so that boxes can be scored without a single frame.

A result is

- a JSON file ``{"Crossing": [[x, y, w, h], ...], ...}``;
- a folder with a text file a sequence, ``Crossing.txt`` or ``Crossing.csv``, one
  line x, y, w, h a frame;
- the got10k toolkit's folder, ``NAME/NAME_001.txt``;
- the output folder of ``brian-siamsnn evaluate``.

Names may be spelt in any of OTB's ways. Boxes count as the data set's own
annotations do. NaN, null and boxes without area are losses.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..sequences.annotations import polygon_to_box, read_boxes
from ..sequences.otb import ATTRIBUTE_NAMES, ATTRIBUTES, canonical, window_rows

if TYPE_CHECKING:
    from ..aliases import FilePath

__all__ = ["read_annotations", "read_results"]

_CODES = {name: code for code, name in ATTRIBUTE_NAMES.items()}


def read_results(path: FilePath) -> dict[str, np.ndarray]:
    """Read the boxes of a tracker.

    Parameters
    ----------
    path : path-like
        File or folder, see the module.

    Returns
    -------
    dict of str to ndarray, shape (N, 4)
        By sequence in the benchmark's spelling; NaN where a box is none.

    Raises
    ------
    InputError
        If it cannot be read, or holds no boxes.
    """
    path = Path(path)
    if path.is_dir():
        place = path / "boxes" if (path / "boxes").is_dir() else path
        files = sorted([*place.glob("*.txt"), *place.glob("*.csv"), *place.glob("*/*_001.txt")])
        files = [file for file in files if not file.stem.endswith("_time") and file.name not in _OWN]
        results = {_name(file): read_boxes(file) for file in files}
    else:
        results = {canonical(name): _rows(rows, f"{path}, {name}") for name, rows in _json(path).items()}
    if not results:
        raise InputError(f"{path}: expected files of boxes, one a sequence (NAME.txt), found none")
    return {name: window_rows(name, boxes) for name, boxes in results.items()}


def read_annotations(path: FilePath) -> dict[str, tuple[np.ndarray, tuple[str, ...]]]:
    """Read true boxes and attributes of a whole data set.

    Parameters
    ----------
    path : path-like
        JSON ``{"Crossing": {"gt_rect": [[x, y, w, h], ...], "attr": ["Scale Variation", ...]}, ...}``
        as the collections of OTB annotations have it; ``attr`` may be absent,
        and a row may be a polygon of eight numbers.

    Returns
    -------
    dict of str to (ndarray, tuple of str)
        Boxes (N, 4), NaN where there is none, and codes of the attributes, by
        sequence.

    Raises
    ------
    InputError
        If the file is not like that.
    """
    annotations = {}
    for name, entry in _json(path).items():
        if not isinstance(entry, dict) or "gt_rect" not in entry:
            raise InputError(f"{path}, {name}: expected 'gt_rect' with one box a frame, got {str(entry)[:60]}")
        name = canonical(name)
        attributes = tuple(_CODES.get(str(text).lower(), str(text)) for text in entry.get("attr", ()))
        boxes = window_rows(name, _rows(entry["gt_rect"], f"{path}, {name}"))
        annotations[name] = boxes, attributes or ATTRIBUTES.get(name, ())
    if not annotations:
        raise InputError(f"{path}: expected sequences, found none")
    return annotations


#: Files of an evaluation that are no boxes.
_OWN = ("table.csv", "sequences.csv")


def _name(file):
    name = file.stem
    if file.parent.name and name == f"{file.parent.name}_001":
        name = file.parent.name
    return canonical(name)


def _json(path):
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise InputError(f"{path}: not a JSON file ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected an object with one entry a sequence, got a {type(content).__name__}")
    return content


def _rows(rows, place):
    try:
        boxes = [[np.nan if value is None else float(value) for value in row] for row in rows]
        boxes = np.array([polygon_to_box(row) if len(row) == 8 else row for row in boxes], dtype=float)
    except (TypeError, ValueError):
        boxes = np.empty(0)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise InputError(f"{place}: expected rows of 4 numbers (x, y, w, h) or 8 (a polygon)")
    # what is no box: absent in annotations, a loss in results
    boxes[~np.isfinite(boxes).all(axis=1) | ~(boxes[:, 2:] > 0).all(axis=1)] = np.nan
    return boxes
