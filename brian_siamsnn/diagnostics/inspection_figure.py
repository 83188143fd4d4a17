"""Draw the conversion error of every layer in one figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..palette import BLACK, PALETTE
from .inspection import DENSITY_RANGE

if TYPE_CHECKING:
    from typing import Any

    from .inspection import LayerInspection

__all__ = ["inspection_figure"]

#: Largest number of panels in a row.
_COLUMNS = 5


def inspection_figure(layers: list[LayerInspection], title: str = "") -> Figure:
    """Plot the density of activation and estimate for each layer, and the error against the time step.

    Parameters
    ----------
    layers : list of LayerInspection
        Result of `inspect_conversion`, with at least one layer.
    title : str
        Title of the figure; empty by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    rows = -(-len(layers) // _COLUMNS)
    columns = -(-len(layers) // rows)
    figure = Figure(figsize=(2.9 * columns + 0.8, 2.8 * rows + 3.2), layout="constrained")
    figure.suptitle(title, fontsize=11)
    parts: Any = figure.subfigures(2, 1, height_ratios=[2.8 * rows, 2.8])
    above, below = parts
    panels = above.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    highest = max(layer.density.max() for layer in layers)
    for panel, layer in zip(panels, layers, strict=False):
        image = panel.imshow(
            layer.density.T,
            origin="lower",
            extent=np.ravel(DENSITY_RANGE),
            aspect="auto",
            cmap="viridis",
            norm=LogNorm(1, max(highest, 10)),
            interpolation="none",
        )
        panel.plot([0, 1, DENSITY_RANGE[0][1]], [0, 1, 1], color=BLACK, lw=1, ls="--")
        error = f"error {100 * layer.relative_error:.1f} %"
        panel.set_title(f"{layer.name}: r = {layer.correlation:.3f}, {error}", fontsize=9)
    for panel in panels[len(layers) :]:
        panel.set_visible(False)
    above.supxlabel("activation of the CNN / scale", fontsize=9)
    above.supylabel("estimate from its spikes / scale", fontsize=9)
    above.colorbar(image, ax=panels.tolist(), label="neurons", shrink=0.9)

    axes = below.subplots()
    for k, layer in enumerate(layers):
        steps = np.arange(1, len(layer.relative_error_by_step) + 1)
        # another line style when the colours repeat
        style = {"color": PALETTE[k % len(PALETTE)], "ls": ("-", "--", ":")[k // len(PALETTE) % 3], "lw": 1.5}
        axes.plot(steps, 100 * layer.relative_error_by_step, marker="o", ms=3, label=layer.name, **style)
    axes.set(xlabel="number of time steps", ylabel="mean error (% of scale)", xlim=(0.5, len(steps) + 0.5))
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend(ncols=min(len(layers), 8), fontsize=8)
    return figure
