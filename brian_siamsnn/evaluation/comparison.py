"""Existing boxes of one or several trackers, scored on the sequences that all of them have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from .report import make_report, score_boxes
from .result_files import read_annotations, read_results

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..aliases import FilePath
    from ..sequences.datasets import Dataset

__all__ = ["annotated_truth", "compare", "dataset_truth", "named_results"]


def named_results(sources: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Read result files with the names that trackers go by.

    Parameters
    ----------
    sources : sequence of str
        ``PATH``, or ``NAME=PATH``. Without a name, an evaluation's output goes
        by its own label, and anything else by the name of the file or folder.

    Returns
    -------
    dict of str to dict
        Boxes by tracker and sequence, see `read_results`.

    Raises
    ------
    InputError
        If a file is not as expected, or two trackers have the same name.
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
        return path.stem if path.is_file() else path.absolute().name


def dataset_truth(dataset: Dataset) -> dict[str, tuple[np.ndarray, tuple[str, ...]]]:
    """True boxes, as the data set counts, and attributes of each sequence of a `Dataset`."""
    truth = {}
    for item in dataset.items:
        sequence = item.open()
        if sequence.boxes is None:
            raise InputError(f"{item.name}: has no true boxes")
        truth[item.name] = sequence.boxes + np.array([item.origin, item.origin, 0, 0]), sequence.attributes
    return truth


def annotated_truth(
    path: FilePath, names: Iterable[str] = (), subset: Iterable[str] = ()
) -> dict[str, tuple[np.ndarray, tuple[str, ...]]]:
    """The same from an annotation file, for these names, or those of a subset that are in it.

    Raises
    ------
    InputError
        If the file is not as expected, or a name is not in it.
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
    """Score trackers on the same sequences.

    Parameters
    ----------
    trackers : dict of str to dict
        Of `named_results`.
    truth : dict of str to (ndarray, tuple of str)
        Of `dataset_truth` or `annotated_truth`.
    frames : int, optional
        First frames of each sequence; all by default.
    dataset : Dataset, optional
        For the report.

    Returns
    -------
    list of dict
        Reports, see `make_report`.
        ``failed`` tells of the sequences that are left out for all trackers,
        because one of them has no boxes for it or not one for each frame.

    Raises
    ------
    InputError
        If no sequence is left.
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
        raise InputError(f"not one of {len(truth)} sequences could be scored; {name}: {reason}")
    return [make_report(label, scored, dataset, failed) for label, scored in rows.items()]
