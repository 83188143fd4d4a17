"""Scores of many sequences as one report, and as tables.

A report is a dict that goes into ``report.json``:

- ``label``; ``mean``: ``auc``, ``precision20``, ``overlap``;
- ``attributes``: the same and ``sequences``, by code of the attribute and ``ALL``;
- ``sequences``: the same by name, with ``frames``, ``attributes`` and, where a
  tracker was run, ``seconds``, ``fps``, ``spikes``, ``synaptic_operations``,
  ``pooling_events`` and ``firing_rates`` by layer;
- ``success`` and ``precision``: ``thresholds`` and ``values`` of the mean curves;
- ``total``: frames, seconds, spikes, operations;
- ``dataset``: its name, ``missing`` and ``ignored`` sequences; ``failed``:
  reasons by name; ``manifest``.

A mean weighs every sequence the same, and is over those that have true boxes.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..files import write_json, write_whole
from ..metrics import (
    PRECISION_THRESHOLDS,
    SUCCESS_THRESHOLDS,
    centre_error,
    overlap,
    precision_curve,
    score,
    success_curve,
)
from ..sequences.otb import ATTRIBUTE_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ..aliases import FilePath
    from ..sequences.datasets import Dataset
    from ..sequences.frames import Sequence

__all__ = [
    "COLUMNS",
    "METRICS",
    "attribute_table",
    "make_report",
    "markdown",
    "score_boxes",
    "score_sequence",
    "sequence_table",
    "write_csv",
    "write_report",
]

METRICS = ("auc", "precision20", "overlap")
_COUNTS = ("seconds", "spikes", "synaptic_operations", "pooling_events")
#: Columns of the paper's Table I.
COLUMNS = ("ALL", "BC", "DEF", "FM", "IPR", "IV", "LR", "MB", "OCC", "OPR", "OV", "SV")


def score_boxes(boxes: np.ndarray, truth: np.ndarray, attributes: Iterable[str] = ()) -> dict[str, Any]:
    """Score the boxes of one sequence.

    Parameters
    ----------
    boxes, truth : ndarray, shape (N, 4)
        Of the same origin.
    attributes : sequence of str
        Codes.

    Returns
    -------
    dict
        `METRICS`, ``frames``, ``attributes``, and the curves ``success`` (21,)
        and ``precision`` (51,).  Metrics and curves are None where no true box
        but the first is known.

    Raises
    ------
    InputError
        If the lists differ in length.
    """
    row = {"frames": len(boxes), "attributes": list(attributes), "success": None, "precision": None}
    known = ~np.isnan(truth).any(axis=1)
    if known.sum() < 2:
        return row | dict.fromkeys(METRICS)
    result = score(boxes, truth)
    ious, errors = overlap(boxes, truth)[known], centre_error(boxes, truth)[known]
    row |= {"auc": result["auc"], "precision20": result["precision20"], "overlap": result["mean_iou"]}
    return row | {"success": success_curve(ious), "precision": precision_curve(errors)}


def score_sequence(result: dict[str, Any], sequence: Sequence) -> dict[str, Any]:
    """Score what a tracker did on a sequence.

    Parameters
    ----------
    result : dict
        Of `load`.
    sequence : Sequence

    Returns
    -------
    dict
        Of `score_boxes`, with seconds, frames a second, spikes and operations.
    """
    boxes = result["boxes"]
    if sequence.boxes is None:
        raise InputError(f"{sequence.name}: has no true boxes to score against")
    row = score_boxes(boxes, sequence.boxes[: len(boxes)], sequence.attributes)
    row |= {key: result.get(key) for key in (*_COUNTS, "firing_rates")}
    # the first frame has no search
    row["fps"] = (len(boxes) - 1) / row["seconds"] if row["seconds"] else None
    return row


def make_report(
    label: str,
    rows: dict[str, dict[str, Any]],
    dataset: Dataset | None = None,
    failed: dict[str, str] | None = None,
    manifest: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Put the scores of sequences together.

    Parameters
    ----------
    label : str
        Name of the tracker.
    rows : dict of str to dict
        By name of the sequence, see `score_boxes`.
    dataset : Dataset, optional
    failed : dict of str to str, optional
        Reasons by name.
    manifest : dict, optional

    Returns
    -------
    dict
        See the module.
    """
    scored = {name: row for name, row in rows.items() if row["auc"] is not None}
    groups = {"ALL": list(scored.values())}
    groups |= {code: [row for row in scored.values() if code in row["attributes"]] for code in ATTRIBUTE_NAMES}
    attributes = {
        code: {**{key: _mean(row[key] for row in group) for key in METRICS}, "sequences": len(group)}
        for code, group in groups.items()
    }
    curves = {
        key: {
            "thresholds": thresholds.tolist(),
            "values": np.mean([row[key] for row in scored.values()], axis=0).tolist() if scored else None,
        }
        for key, thresholds in {"success": SUCCESS_THRESHOLDS, "precision": PRECISION_THRESHOLDS}.items()
    }
    present = {key: [row[key] for row in rows.values() if row.get(key) is not None] for key in ("frames", *_COUNTS)}
    return {
        "label": label,
        "mean": {key: attributes["ALL"][key] for key in METRICS},
        "attributes": attributes,
        "sequences": {
            name: {key: value for key, value in row.items() if key not in curves} for name, row in rows.items()
        },
        **curves,
        "total": {key: sum(values) if values else None for key, values in present.items()},
        "dataset": dataset and {"name": dataset.name, "missing": dataset.missing, "ignored": dataset.ignored},
        "failed": failed or {},
        "manifest": manifest,
    }


def _mean(values):
    values = list(values)
    return float(np.mean(values)) if values else None


def attribute_table(reports: list[dict[str, Any]]) -> str:
    """Markdown in the layout of the paper's Table I: mean overlap in percent by attribute, a row a tracker.

    Parameters
    ----------
    reports : list of dict
        Of `make_report`, over the same sequences.

    Returns
    -------
    str
    """
    counts = [report["attributes"] for report in reports][0]
    lines = [["overlap (%)", *COLUMNS, "AUC (%)", "precision (%)"]]
    for report in reports:
        cells = [report["attributes"][code]["overlap"] for code in COLUMNS]
        cells += [report["mean"]["auc"], report["mean"]["precision20"]]
        lines.append([report["label"], *("-" if cell is None else f"{100 * cell:.1f}" for cell in cells)])
    lines.append(["sequences", *(str(counts[code]["sequences"]) for code in COLUMNS), "", ""])
    return markdown(lines)


def sequence_table(reports: list[dict[str, Any]]) -> str:
    """Markdown: AUC / precision at 20 pixels, a row a sequence, a column a tracker."""
    lines = [["AUC / precision (%)", "frames", *(report["label"] for report in reports)]]

    def cell(scores):
        return "-" if scores["auc"] is None else f"{100 * scores['auc']:.1f} / {100 * scores['precision20']:.1f}"

    for name, row in reports[0]["sequences"].items():
        lines.append([name, str(row["frames"]), *(cell(report["sequences"][name]) for report in reports)])
    lines.append(["mean", "", *(cell(report["mean"]) for report in reports)])
    return markdown(lines)


def markdown(lines: list[list[str]]) -> str:
    """Make a table whose columns line up as text too.

    Parameters
    ----------
    lines : list of list of str
        The first one is the head; all of the same length.

    Returns
    -------
    str
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [[line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in lines]
    padded.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return "".join(f"| {' | '.join(line)} |\n" for line in padded)


def write_report(reports: list[dict[str, Any]], folder: Path) -> None:
    """Write ``report.json`` of a single tracker, tables and plots of one or several.

    Parameters
    ----------
    reports : list of dict
        Of `make_report`, over the same sequences.
    folder : Path
        Gets ``report.json`` (with several trackers, a list of reports),
        ``table.md`` (Table I, and the sequences), ``table.csv`` (a row a tracker
        and attribute), ``sequences.csv``, ``success.png`` and ``precision.png``.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    from .plots import curve_figure, save

    write_json(folder / "report.json", reports[0] if len(reports) == 1 else {"reports": reports})
    write_whole(folder / "table.md", f"{attribute_table(reports)}\n{sequence_table(reports)}".encode())
    by_attribute = [
        {"tracker": report["label"], "attribute": code, **scores}
        for report in reports
        for code, scores in report["attributes"].items()
    ]
    by_sequence = [
        {"tracker": report["label"], "sequence": name, **_flat(row)}
        for report in reports
        for name, row in report["sequences"].items()
    ]
    write_csv(folder / "table.csv", by_attribute)
    write_csv(folder / "sequences.csv", by_sequence)
    if all(report["success"]["values"] for report in reports):
        for kind in ("success", "precision"):
            save(curve_figure(reports, kind), folder / f"{kind}.png")


def _flat(row):
    rates = {f"rate {layer}": rate for layer, rate in (row.get("firing_rates") or {}).items()}
    row = {key: value for key, value in row.items() if key != "firing_rates"}
    return {**row, "attributes": " ".join(row["attributes"]), **rates}


def write_csv(path: FilePath, rows: list[dict[str, Any]]) -> None:
    """Write dicts as CSV, whole or not at all; the columns are the keys of all rows, in their order.

    Parameters
    ----------
    path : path-like
    rows : list of dict
    """
    text = io.StringIO(newline="")
    columns = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue().encode())
