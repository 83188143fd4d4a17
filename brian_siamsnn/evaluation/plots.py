"""Figures of an evaluation; `save` writes them to files."""

from __future__ import annotations

import io
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from ..files import write_whole
from ..palette import BLACK, PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..aliases import FilePath

__all__ = ["curve_figure", "draw_curves", "frames_figure", "latency_figure", "save"]

_STYLES = ("-", "--", ":", "-.")


def save(figure: Figure, path: FilePath, dpi: int = 150) -> None:
    """Write a figure to a PNG file atomically.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Figure to write.
    path : path-like
        File to write; an existing file is replaced.
    dpi : int
        Resolution in dots per inch; 150 by default.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=dpi)
    write_whole(path, content.getvalue())


def curve_figure(reports: list[dict[str, Any]], kind: str) -> Figure:
    """Success or precision plot, like the paper's Fig. 5.

    Parameters
    ----------
    reports : list of dict
        One report per tracker, from `make_report`.
    kind : {"success", "precision"}
        Which curves to draw.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    draw_curves(figure.subplots(), reports, kind)
    return figure


def draw_curves(axes: Axes, reports: list[dict[str, Any]], kind: str) -> None:
    """Draw success or precision curves, with the best tracker first in the legend.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Axes to draw on.
    reports : list of dict
        One report per tracker, from `make_report`.
    kind : {"success", "precision"}
        Which curves to draw.
    """
    success = kind == "success"
    value = "auc" if success else "precision20"
    # styles follow the order of the reports, so that a tracker looks the same in both plots
    styles: dict[int, dict[str, Any]] = {
        id(report): {"color": PALETTE[k % len(PALETTE)], "linestyle": _STYLES[k // len(PALETTE) % len(_STYLES)]}
        for k, report in enumerate(reports)
    }
    for report in sorted(reports, key=lambda report: -report["mean"][value]):
        label = f"{report['label']} [{report['mean'][value]:.3f}]"
        axes.plot(report[kind]["thresholds"], report[kind]["values"], label=label, linewidth=2, **styles[id(report)])
    axes.set_xlabel("overlap threshold" if success else "centre error threshold (pixels)")
    axes.set_ylabel("success rate" if success else "precision")
    count = reports[0]["attributes"]["ALL"]["sequences"]
    measure = "AUC" if success else "value at 20 pixels"
    axes.set_title(f"{kind.capitalize()}, {count} sequences [{measure}]")
    axes.set_xlim(0, 1 if success else 50)
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    if not success:
        axes.axvline(20, color=BLACK, linewidth=0.8, linestyle=":")
    axes.legend(loc="lower left" if success else "lower right", fontsize=9, framealpha=0.9)


def latency_figure(curves: dict[str, dict[int, float]], references: dict[str, float] | None = None) -> Figure:
    """AUC against the number of time steps T, like the paper's Fig. 7.

    Parameters
    ----------
    curves : dict of str to dict of int to float
        AUC by T, for each configuration by name.
    references : dict of str to float, optional
        AUC of trackers without time steps, drawn as horizontal lines; none by
        default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    axes = figure.subplots()
    for (name, curve), colour in zip(curves.items(), PALETTE, strict=False):
        axes.plot(list(curve), list(curve.values()), marker="o", label=name, color=colour, linewidth=2)
    for (name, value), dashes in zip((references or {}).items(), cycle(_STYLES[1:]), strict=False):
        axes.axhline(value, color=BLACK, linestyle=dashes, linewidth=1.2, label=name)
    axes.set_xlabel("time steps T")
    axes.set_ylabel("AUC of the success plot")
    axes.set_xticks(sorted({steps for curve in curves.values() for steps in curve}))
    axes.margins(y=0.12)  # no axis from 0 to 1: the lines are so close that they would overlap
    axes.grid(alpha=0.3)
    axes.legend(fontsize=9)
    return figure


def frames_figure(rows: dict[str, list[tuple[int, np.ndarray, dict[str, Any]]]]) -> Figure:
    """Frames of several sequences with the boxes of several trackers, like the paper's Fig. 6.

    Parameters
    ----------
    rows : dict of str to list of (int, ndarray, dict)
        For each sequence by name, one tuple per frame: frame number, image (H, W,
        3), and boxes x, y, w, h by tracker. A box named ``"truth"`` is the ground
        truth, which is drawn in white and dashed.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, with one row per sequence.
    """
    columns = max(len(pictures) for pictures in rows.values())
    heights = [max(image.shape[0] / image.shape[1] for _, image, _ in pictures) for pictures in rows.values()]
    width = 2.6
    figure = Figure(figsize=(width * columns, width * sum(heights) + 0.35 * len(rows) + 0.4), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False, height_ratios=heights)
    trackers = list(dict.fromkeys(name for row in rows.values() for _, _, boxes in row for name in boxes))
    colours = dict(zip([name for name in trackers if name != "truth"], PALETTE, strict=False)) | {"truth": "white"}
    handles = {}
    for line, (name, pictures) in zip(grid, rows.items(), strict=True):
        for axes in line:
            axes.axis("off")
        for axes, (number, image, boxes) in zip(line, pictures, strict=False):
            axes.imshow(image)
            axes.set_title(f"{name}, frame {number}", fontsize=8)
            for tracker, box in boxes.items():
                if np.isnan(box).any():
                    continue
                style = {"color": colours[tracker], "linestyle": "--" if tracker == "truth" else "-"}
                handles[tracker] = _draw_box(axes, box, style)
    legend = figure.legend(handles.values(), handles, loc="outside lower center", ncols=len(handles), fontsize=9)
    legend.get_frame().set_facecolor("#909090")
    return figure


def _draw_box(axes, box, style):
    x, y, w, h = box
    xs, ys = np.array([x, x + w, x + w, x, x]) - 0.5, np.array([y, y, y + h, y + h, y]) - 0.5
    return axes.plot(xs, ys, linewidth=1.6, scalex=False, scaley=False, **style)[0]
