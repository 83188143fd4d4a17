"""Scores existing boxes of one or several trackers, on the sequences that they all cover."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..files import printable
from .report import make_report
from .result_files import read_annotations, read_results
from .scores import score_boxes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..aliases import FilePath
    from ..sequences.datasets import Dataset

__all__ = ["annotated_truth", "compare", "dataset_truth", "named_results"]


def named_results(sources: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Read result files and name their trackers.

    Parameters
    ----------
    sources : iterable of str
        ``PATH`` or ``NAME=PATH``. Without a name, the output of an evaluation is
        named by its label, and anything else by the name of its file or folder.

    Returns
    -------
    dict of str to dict
        Boxes by tracker and sequence; see `read_results`.

    Raises
    ------
    InputError
        If a file is malformed, or two trackers have the same name.
    """
    trackers = {}
    for source in sources:
        name, equals, path = str(source).partition("=")
        if not equals or Path(source).exists():
            name, path = "", source
        label = name or _label(Path(path))
        if label in trackers:
            raise InputError(f"{source}: two trackers go by the name {label!r}; give NAME=PATH")
        trackers[label] = read_results(path)
    return trackers


def _label(path):
    try:
        return json.loads((path / "manifest.json").read_text(encoding="utf-8"))["label"]
    except (OSError, ValueError, KeyError, TypeError):
        return printable(path.stem if path.is_file() else path.absolute().name)


def dataset_truth(dataset: Dataset) -> dict[str, tuple[np.ndarray, tuple[str, ...]]]:
    """Read the ground truth of a data set.

    Parameters
    ----------
    dataset : Dataset
        Sequences to open, from `open_dataset`.

    Returns
    -------
    dict of str to (ndarray, tuple of str)
        Boxes (N, 4) in the data set's own coordinates (counted from 0 or 1), and attribute codes
        by sequence name.

    Raises
    ------
    InputError
        If a sequence cannot be opened or has no ground truth.
    """
    truth = {}
    for item in dataset.items:
        sequence = item.open()
        if sequence.boxes is None:
            raise InputError(f"{item.name}: has no ground-truth boxes")
        truth[item.name] = sequence.boxes + np.array([item.origin, item.origin, 0, 0]), sequence.attributes
    return truth


def annotated_truth(
    path: FilePath, names: Iterable[str] = (), subset: Iterable[str] = ()
) -> dict[str, tuple[np.ndarray, tuple[str, ...]]]:
    """Read the ground truth from an annotation file, without opening any sequence.

    Parameters
    ----------
    path : path-like
        Annotation file; see `read_annotations`.
    names : iterable of str
        Keep only the sequences with these names, which must all be in the file;
        by default, all are kept.
    subset : iterable of str
        Keep only sequences with these names, some of which may be absent; by
        default, all are kept.

    Returns
    -------
    dict of str to (ndarray, tuple of str)
        Boxes (N, 4) and attribute codes by sequence name.

    Raises
    ------
    InputError
        If the file is malformed, or one of ``names`` is not in it.
    """
    truth = read_annotations(path)
    if missing := sorted(set(names) - set(truth)):
        raise InputError(f"{path}: no sequence named {', '.join(missing)}")
    wanted = set(names or truth) & set(subset or truth)
    return {name: entry for name, entry in truth.items() if name in wanted}


def compare(
    trackers: dict[str, dict[str, Any]],
    truth: dict[str, tuple[np.ndarray, tuple[str, ...]]],
    frames: int | None = None,
    dataset: Dataset | None = None,
) -> list[dict[str, Any]]:
    """Score several trackers on the same sequences.

    A sequence for which one tracker has no boxes, or not one box per frame, is
    left out for all of them and listed under ``failed``.

    Parameters
    ----------
    trackers : dict of str to dict
        Boxes by tracker and sequence, from `named_results`.
    truth : dict of str to (ndarray, tuple of str)
        Ground truth, from `dataset_truth` or `annotated_truth`.
    frames : int, optional
        Number of frames to score from the start of each sequence; all by default.
    dataset : Dataset, optional
        Data set to describe in the reports; none by default.

    Returns
    -------
    list of dict
        One report per tracker; see `make_report`.

    Raises
    ------
    InputError
        If no sequence can be scored.
    """
    rows: dict[str, dict[str, Any]] = {label: {} for label in trackers}
    failed: dict[str, Any] = {}
    for name, (true_boxes, attributes) in truth.items():
        true_boxes, scores = true_boxes[:frames], {}
        for label, results in trackers.items():
            boxes = results.get(name)
            if boxes is None:
                failed[name] = f"{label} has no boxes"
            elif len(boxes[:frames]) != len(true_boxes):
                failed[name] = f"{label}: expected {len(true_boxes)} boxes, got {len(boxes)}"
            else:
                scores[label] = score_boxes(boxes[:frames], true_boxes, attributes)
        if name not in failed:
            for label, row in scores.items():
                rows[label][name] = row
    if not any(rows.values()):
        name, reason = next(iter(failed.items()), ("annotations", "no sequence"))
        raise InputError(f"none of the {len(truth)} sequences could be scored; {name}: {reason}")
    return [make_report(label, scored, dataset, failed) for label, scored in rows.items()]
