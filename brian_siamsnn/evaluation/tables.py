"""Tables of an evaluation, in Markdown."""

from __future__ import annotations

from typing import Any

from .bootstrap import differences

__all__ = ["COLUMNS", "attribute_table", "difference_table", "markdown", "sequence_table"]

#: Columns of the paper's Table I.
COLUMNS = ("ALL", "BC", "DEF", "FM", "IPR", "IV", "LR", "MB", "OCC", "OPR", "OV", "SV")


def attribute_table(reports: list[dict[str, Any]]) -> str:
    """Format mean overlap by attribute, in the layout of the paper's Table I.

    Parameters
    ----------
    reports : list of dict
        Reports from `make_report`, on the same sequences.

    Returns
    -------
    str
        Markdown table with one row per tracker, in percent.
    """
    counts = reports[0]["attributes"]
    lines = [["overlap (%)", *COLUMNS, "AUC (%)", "precision (%)"]]
    for report in reports:
        cells = [report["attributes"][code]["overlap"] for code in COLUMNS]
        cells += [report["mean"]["auc"], report["mean"]["precision20"]]
        lines.append([report["label"], *("-" if cell is None else f"{100 * cell:.1f}" for cell in cells)])
    lines.append(["sequences", *(str(counts[code]["sequences"]) for code in COLUMNS), "", ""])
    return markdown(lines)


def difference_table(reports: list[dict[str, Any]]) -> str:
    """Format the differences of the trackers to the first one.

    Parameters
    ----------
    reports : list of dict
        Reports from `make_report`, on the same sequences.

    Returns
    -------
    str
        Markdown table with one row per tracker but the first, in points; empty if there is only one tracker.
    """
    rows = [
        [label, *(f"{100 * d.mean:+.1f} [{100 * d.low:+.1f}, {100 * d.high:+.1f}]" for d in of_label.values())]
        for label, of_label in differences(reports).items()
    ]
    return (
        markdown([[f"minus {reports[0]['label']} (points)", "AUC [95 %]", "precision [95 %]"], *rows]) if rows else ""
    )


def sequence_table(reports: list[dict[str, Any]]) -> str:
    """Format AUC and precision at 20 pixels by sequence.

    Parameters
    ----------
    reports : list of dict
        Reports from `make_report`, on the same sequences.

    Returns
    -------
    str
        Markdown table with one row per sequence and one column per tracker, in
        percent.
    """
    lines = [["AUC / precision (%)", "frames", *(report["label"] for report in reports)]]

    def cell(scores):
        return "-" if scores["auc"] is None else f"{100 * scores['auc']:.1f} / {100 * scores['precision20']:.1f}"

    for name, row in reports[0]["sequences"].items():
        lines.append([name, str(row["frames"]), *(cell(report["sequences"][name]) for report in reports)])
    lines.append(["mean", "", *(cell(report["mean"]) for report in reports)])
    return markdown(lines)


def markdown(lines: list[list[str]]) -> str:
    """Format a Markdown table whose columns also line up as plain text.

    Parameters
    ----------
    lines : list of list of str
        Cells of each row, all rows of the same length; the first is the header.

    Returns
    -------
    str
        The table: first column left-aligned, others right-aligned.
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [[line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in lines]
    padded.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return "".join(f"| {' | '.join(line)} |\n" for line in padded)
