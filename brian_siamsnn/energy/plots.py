"""Figures of the cost of tracking: by layer, by time step, by hardware, and against accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..palette import BLACK, BLUE, GREEN, ORANGE, PALETTE, PINK, SKY, VERMILION

if TYPE_CHECKING:
    from collections.abc import Collection

    from .operations import OperationCounts
    from .pricing import EnergyBreakdown

__all__ = ["plot_energy_against_steps", "plot_energy_by_hardware", "plot_frontier", "plot_layers", "plot_steps"]

#: Field of `EnergyBreakdown`, its label and its colour.
_PARTS = (
    ("synapses", "convolutions", BLUE),
    ("pooling", "pooling gates", SKY),
    ("matching", "matching", GREEN),
    ("neurons", "neuron updates", ORANGE),
    ("spikes", "sending spikes", PINK),
    ("static", "static power", BLACK),
    ("first_layer", "first layer (no spikes)", VERMILION),
    ("host", "tracker (no spikes)", "#999999"),
)


def plot_layers(work: OperationCounts, title: str = "") -> Figure:
    """Plot the operations of each layer: synaptic operations, multiply-accumulates and neuron updates.

    Parameters
    ----------
    work : OperationCounts
        Operations of a frame, or their mean over frames.
    title : str
        Title of the figure; empty by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    figure = Figure(figsize=(7.5, 3.6), layout="constrained")
    axes = figure.subplots()
    names = [layer.name for layer in work.layers] + ["matching"]
    positions = np.arange(len(names))
    bars = {
        "multiply-accumulates": ([layer.macs for layer in work.layers] + [0], VERMILION),
        "synaptic operations": ([layer.operations.sum() for layer in work.layers] + [work.matching.sum()], BLUE),
        "neuron updates": ([layer.updates.sum() for layer in work.layers] + [0], ORANGE),
    }
    for k, (label, (values, colour)) in enumerate(bars.items()):
        values = np.array(values, float) / 1e6
        drawn = axes.bar(positions + 0.28 * (k - 1), values, 0.28, color=colour, label=label)
        axes.bar_label(drawn, [f"{v:.3g}" if v else "" for v in values], fontsize=7, padding=1)
    axes.set(xticks=positions, ylabel="millions per frame", title=title)
    axes.set_xticklabels(names)
    axes.legend(frameon=False)
    axes.margins(y=0.12)
    _plain(axes)
    return figure


def plot_steps(work: OperationCounts, title: str = "") -> Figure:
    """Plot the synaptic operations in each time step, stacked by layer.

    Parameters
    ----------
    work : OperationCounts
        Operations of a frame, or their mean over frames.
    title : str
        Title of the figure; empty by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    figure = Figure(figsize=(7.5, 3.2), layout="constrained")
    axes = figure.subplots()
    parts = [(layer.name, layer.operations) for layer in work.layers[1:]] + [("matching", work.matching)]
    base, step = 0, np.arange(len(work.matching))
    for (name, operations), colour in zip(parts, _cycle(), strict=False):
        axes.bar(step, operations / 1e6, 0.8, bottom=base, color=colour, label=name)
        base = base + operations / 1e6
    axes.set(xlabel="time step", ylabel="million synaptic\noperations per frame", title=title)
    axes.set_xlim(-0.6, step[-1] + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, ncols=2, fontsize=8)
    axes.margins(y=0.3)
    _plain(axes)
    return figure


def plot_energy_against_steps(
    bills: dict[str, list[EnergyBreakdown]], marked: dict[str, float] | None = None, title: str = ""
) -> Figure:
    """Plot the energy of a frame against the number of time steps T.

    One run gives all values, because the energy up to a step does not depend on later steps.

    Parameters
    ----------
    bills : dict of str to list of EnergyBreakdown
        Energy of the operations up to each time step, by title of the hardware.
    marked : dict of str to float, optional
        Energies in joules to compare with, by label, drawn as horizontal lines; none by default.
    title : str
        Title of the figure; empty by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    figure = Figure(figsize=(7.5, 3.8), layout="constrained")
    axes = figure.subplots()
    for k, ((name, rows), colour) in enumerate(zip(bills.items(), _cycle(), strict=False)):
        style = "-" if k < len(PALETTE) else "--"
        energies = [1e3 * energy.total for energy in rows]
        axes.plot(range(1, len(rows) + 1), energies, style, color=colour, label=name)
    for (name, energy), style in zip((marked or {}).items(), (":", "-.") * 4, strict=False):
        axes.axhline(1e3 * energy, color=BLACK, lw=1, ls=style, label=name)
    axes.set(xlabel="time steps T", ylabel="energy of a frame (mJ)", yscale="log", title=title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    _plain(axes)
    return figure


def plot_energy_by_hardware(bills: dict[str, EnergyBreakdown], title: str = "") -> Figure:
    """Plot the energy of a frame on each piece of hardware, by what it is spent on.

    Parameters
    ----------
    bills : dict of str to EnergyBreakdown
        Energy by title of the hardware.
    title : str
        Title of the figure; empty by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    figure = Figure(figsize=(8, 0.9 + 0.42 * len(bills)), layout="constrained")
    axes = figure.subplots()
    names = list(bills)[::-1]
    base = np.zeros(len(names))
    for part, label, colour in _PARTS:
        values = 1e3 * np.array([getattr(bills[name], part) for name in names])
        if values.any():
            # as percentages, because stacked bars on a logarithmic axis would distort their parts
            axes.barh(names, 100 * values / _totals(bills, names), left=base, color=colour, label=label)
            base += 100 * values / _totals(bills, names)
    for row, name in enumerate(names):
        axes.text(101, row, f"{1e3 * bills[name].total:.3g} mJ", va="center", fontsize=9)
    axes.set(xlabel="share of the energy of a frame (%)", xlim=(0, 116), title=title, xticks=range(0, 101, 20))
    axes.spines["bottom"].set_bounds(0, 100)
    figure.legend(*axes.get_legend_handles_labels(), frameon=False, fontsize=8, loc="outside right center")
    _plain(axes)
    return figure


def plot_frontier(
    rows: list[dict[str, Any]],
    best: Collection[int] = (),
    title: str = "",
    energy: str = "energy_mj",
    xlabel: str = "energy of a frame (mJ)",
) -> Figure:
    """Plot accuracy against energy, with a line through the Pareto frontier.

    Parameters
    ----------
    rows : list of dict
        Configurations, with keys ``group`` (sets the colour), ``family`` (sets the marker), ``label``, ``auc`` and the
        one named by `energy`.
    best : list of int
        Indices of the rows on the frontier, see `frontier`; none by default.
    title : str
        Title of the figure; empty by default.
    energy : str
        Key of the energy in each row; ``"energy_mj"`` by default.
    xlabel : str
        Label of the energy axis; ``"energy of a frame (mJ)"`` by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    figure = Figure(figsize=(8, 5.4), layout="constrained")
    axes = figure.subplots()
    groups, families = (list(dict.fromkeys(row[key] for row in rows)) for key in ("group", "family"))
    colours, markers = dict(zip(groups, _cycle(), strict=False)), dict(zip(families, "osDvP*X^" * 3, strict=False))
    # the labels of neighbouring groups are on different sides of their points
    corners = ((5, -11, "left"), (-4, 5, "right"), (5, 4, "left"), (-4, -11, "right"))
    offsets = dict(zip(groups, corners * 6, strict=False))
    for group, family in dict.fromkeys((row["group"], row["family"]) for row in rows):
        members = [row for row in rows if (row["group"], row["family"]) == (group, family)]
        members.sort(key=lambda row: row[energy])
        x, y = [row[energy] for row in members], [row["auc"] for row in members]
        axes.plot(x, y, marker=markers[family], color=colours[group], lw=0.8, ms=6, label=f"{group}, {family}")
        right, up, side = offsets[group]
        style = {"textcoords": "offset points", "fontsize": 7, "color": colours[group], "ha": side}
        for row in members:
            axes.annotate(row["label"], (row[energy], row["auc"]), (right, up), **style)
    line = sorted(best, key=lambda k: rows[k][energy])
    x, y = [rows[k][energy] for k in line], [rows[k]["auc"] for k in line]
    axes.plot(x, y, color=BLACK, lw=5, alpha=0.15, zorder=0, label="no other beats it")
    axes.set(xlabel=xlabel, ylabel="mean AUC", title=title)
    if max(row[energy] for row in rows) > 20 * min(row[energy] for row in rows):
        axes.set_xscale("log")
    else:
        axes.set_xlim(0, None)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    _plain(axes)
    return figure


def _totals(bills, names):
    return 1e3 * np.array([bills[name].total or 1.0 for name in names])


def _cycle():
    """Return the palette, repeated."""
    return [*PALETTE, *PALETTE, *PALETTE]


def _plain(axes):
    axes.spines[["top", "right"]].set_visible(False)
