"""The report of an evaluation: the scores of many sequences, as a dict, tables and files.

A report is a dict, which is also written as ``report.json``:

- ``label``: name of the tracker;
- ``mean``: mean ``auc``, ``precision20`` and ``overlap``;
- ``attributes``: the same means and the number of ``sequences``, by attribute code
  and for ``ALL``;
- ``sequences``: the same scores by sequence name, with ``frames``, ``attributes``
  and, if a tracker was run, ``seconds``, ``fps``, ``spikes``,
  ``synaptic_operations``, ``pooling_events`` and ``firing_rates`` by layer;
- ``success`` and ``precision``: ``thresholds`` and ``values`` of the mean curves;
- ``total``: frames, seconds, spikes and operations;
- ``dataset``: its name, and the ``missing`` and ``ignored`` sequences;
- ``failed``: reasons by sequence name;
- ``manifest``: configuration and package versions.

Means give every sequence the same weight, and cover only sequences with ground
truth.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from ..files import write_json, write_whole
from ..metrics import PRECISION_THRESHOLDS, SUCCESS_THRESHOLDS
from ..sequences.otb import ATTRIBUTE_NAMES
from .bootstrap import differences
from .scores import COUNTS, METRICS
from .tables import attribute_table, difference_table, sequence_table

if TYPE_CHECKING:
    from pathlib import Path

    from ..aliases import FilePath
    from ..sequences.datasets import Dataset

__all__ = ["make_report", "write_csv", "write_report"]


def make_report(
    label: str,
    rows: dict[str, dict[str, Any]],
    dataset: Dataset | None = None,
    failed: dict[str, str] | None = None,
    manifest: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Combine the scores of sequences into a report.

    Parameters
    ----------
    label : str
        Name of the tracker.
    rows : dict of str to dict
        Scores by sequence name, from `score_boxes` or `score_sequence`.
    dataset : Dataset, optional
        Data set to describe in the report; none by default.
    failed : dict of str to str, optional
        Reasons by name of the sequences that could not be scored; none by default.
    manifest : dict, optional
        Manifest of the evaluation; none by default.

    Returns
    -------
    dict
        The report, as described in this module's docstring.
    """
    scored = {name: row for name, row in rows.items() if row["auc"] is not None}
    groups = {"ALL": list(scored.values())}
    groups |= {code: [row for row in scored.values() if code in row["attributes"]] for code in ATTRIBUTE_NAMES}
    attributes = {
        code: {**{key: _mean(row[key] for row in group) for key in METRICS}, "sequences": len(group)}
        for code, group in groups.items()
    }
    curves = {
        "success": _mean_curve("success", SUCCESS_THRESHOLDS, scored),
        "precision": _mean_curve("precision", PRECISION_THRESHOLDS, scored),
    }
    present = {key: [row[key] for row in rows.values() if row.get(key) is not None] for key in ("frames", *COUNTS)}
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


def _mean_curve(kind, thresholds, scored):
    values = np.mean([row[kind] for row in scored.values()], axis=0).tolist() if scored else None
    return {"thresholds": thresholds.tolist(), "values": values}


def write_report(reports: list[dict[str, Any]], folder: Path) -> None:
    """Write the files of an evaluation: report, tables and plots.

    Parameters
    ----------
    reports : list of dict
        Reports from `make_report`, on the same sequences.
    folder : Path
        Folder to write to: ``report.json`` (with several trackers, their
        reports are listed under ``reports``, and their differences to the first under ``differences``), ``table.md``
        (Table I, differences with intervals, and the sequences), ``table.csv`` (one row per tracker and attribute),
        ``sequences.csv``, ``success.png`` and ``precision.png``.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    from .plots import curve_figure, save

    several = {
        "reports": reports,
        "differences": {
            label: {key: difference._asdict() for key, difference in of_label.items()}
            for label, of_label in differences(reports).items()
        },
    }
    write_json(folder / "report.json", reports[0] if len(reports) == 1 else several)
    tables = [attribute_table(reports), difference_table(reports), sequence_table(reports)]
    write_whole(folder / "table.md", "\n".join(filter(None, tables)).encode())
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
    """Write dicts to a CSV file atomically.

    Parameters
    ----------
    path : path-like
        File to write; an existing file is replaced.
    rows : list of dict
        One dict per row. The columns are the keys of all rows, in the order in
        which they first occur; missing values are empty.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    text = io.StringIO(newline="")
    columns = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue().encode())
