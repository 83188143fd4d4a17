"""Figures of spike trains, membrane potentials and response maps.

Every function returns a `matplotlib.figure.Figure` that is not attached to a
window; save it with ``figure.savefig(path)``. The colours suit any colour vision:
lines use `PALETTE`, and images use viridis, whose lightness increases evenly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..crops import STRIDE
from ..errors import InputError
from ..palette import BLUE, PALETTE, VERMILION
from .density import firing_density

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .trains import SpikeTrains

__all__ = ["feature_maps", "membrane_traces", "raster", "rate_histograms", "response_over_image"]

#: Largest layer whose spikes are drawn as dots: a row of dots needs about one pixel.
DOTS = 150

#: Largest number of rows and columns of a density image. A panel has more pixels than that; otherwise the renderer
#: would skip some of the values.
ROWS, COLUMNS = 96, 500


def raster(populations: dict[str, SpikeTrains], dots: int = DOTS) -> Figure:
    """Raster plot: spikes over time, one panel per population, neurons sorted by channel.

    The row of a neuron is (c H + y) W + x, so that the neurons of a channel are
    adjacent. A layer of up to ``dots`` neurons shows every spike as a dot. A larger
    layer is drawn as a density: a row is a group of neurons of one channel, or of
    neighbouring channels if there are more than 96, and its colour is the share of
    them that fire in a step, on a square-root scale common to all panels. Even a
    million neurons then show which channels fire when. More than 500 steps are
    averaged in 500 bins.

    Parameters
    ----------
    populations : dict of str to SpikeTrains
        Spike trains by population name, drawn from top to bottom.
    dots : int
        Number of neurons up to which spikes are drawn as dots; 150 by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    InputError
        If there is no population.
    """
    figure, panels = _panels(populations, height=1.8)
    densities = {
        name: firing_density(trains, ROWS, COLUMNS) for name, trains in populations.items() if trains.size > dots
    }
    highest = max((density.max() for density in densities.values()), default=0)
    # most neurons are silent in most steps, so a linear scale would show little but the onset
    norm, images = PowerNorm(0.5, 0, highest or 1), []
    for axes, (name, trains), colour in zip(panels, populations.items(), _colours(populations), strict=True):
        if name in densities:
            images.append(_draw_density(axes, densities[name], trains, norm))
        else:
            _draw_dots(axes, trains, colour)
        axes.set_ylabel(f"{name}\n{'channel' if name in densities else 'neuron'}")
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.set_xlim(-0.5, trains.steps - 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_title(f"{len(trains):,} spikes of {trains.size:,} neurons", fontsize="small", loc="right")
    if images:
        # the ticks are where the scale says, not evenly spaced
        bar = {
            "label": "share firing (square-root scale)",
            "pad": 0.01,
            "aspect": 18 * len(images),
            "ticks": MaxNLocator(6),
        }
        figure.colorbar(images[0], ax=[image.axes for image in images], **bar)
    panels[-1].set_xlabel("time step (ms)")
    return figure


def _draw_density(axes, density, trains, norm):
    extent = (-0.5, trains.steps - 0.5, -0.5, trains.shape[2] - 0.5)
    style = {"aspect": "auto", "origin": "lower", "cmap": "viridis", "interpolation": "nearest"}
    return axes.imshow(density, norm=norm, extent=extent, **style)


def _draw_dots(axes, trains, colour):
    height, width, _ = trains.shape
    y, x, c = trains.coordinates()
    # a row is about 100 / H W C points high
    diameter = min(5, max(2.5, 100 / trains.size))
    axes.scatter(trains.step, (c * height + y) * width + x, s=diameter**2, c=colour, linewidths=0)
    axes.set_ylim(-0.5, trains.size - 0.5)


def membrane_traces(
    v: np.ndarray, v_th: np.ndarray, trains: SpikeTrains, labels: Iterable[str] | None = None
) -> Figure:
    """Membrane potential, threshold and spikes over time, one panel per neuron.

    Parameters
    ----------
    v : ndarray, shape (n, T)
        Membrane potential when it is compared with the threshold: a neuron fires
        where v >= v_th.
    v_th : ndarray, shape (n, T)
        Threshold. Where it is out of reach, as in the depression status, it leaves
        the panel.
    trains : SpikeTrains
        Spikes of only these n neurons, as returned by ``trains.select``.
    labels : sequence of str, optional
        One label per neuron; "neuron 0", "neuron 1", ... by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    InputError
        If the shapes do not match.
    """
    v, v_th = np.atleast_2d(v), np.atleast_2d(v_th)
    if v.shape != v_th.shape or v.shape != (trains.size, trains.steps):
        raise InputError(
            f"membrane traces: expected v and v_th of the shape {trains.size, trains.steps} of the spike trains, "
            f"got {v.shape} and {v_th.shape}"
        )
    names = labels or [f"neuron {k}" for k in range(len(v))]
    figure, panels = _panels(names, height=1.1)
    for k, (axes, name) in enumerate(zip(panels, names, strict=True)):
        steps, fired = np.arange(trains.steps), trains.times_of(k)
        axes.plot(steps, v[k], ".-", color=BLUE, lw=1.2, ms=4, label="membrane potential $v$")
        axes.step(steps, v_th[k], where="mid", color=VERMILION, lw=1.2, ls="--", label="threshold $v_{th}$")
        axes.plot(fired, v[k][fired], "o", color="black", ms=5, label="spike")
        reached = np.append(v[k], v_th[k][v_th[k] <= 4 * max(1.0, np.abs(v[k]).max())])
        axes.set_ylim(min(0.0, reached.min()) - 0.1, 1.15 * max(reached.max(), 1.0))
        axes.set_ylabel(name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[-1].set_xlabel("time step (ms)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    return figure


def rate_histograms(populations: dict[str, SpikeTrains]) -> Figure:
    """Histogram of firing rates, N / T (Eq. 5), one panel per population.

    Parameters
    ----------
    populations : dict of str to SpikeTrains
        Spike trains by population name, drawn from top to bottom.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, with one bar for each possible spike count from 0 to T, and a
        line at the mean rate.

    Raises
    ------
    InputError
        If there is no population.
    """
    figure, panels = _panels(populations, height=1.3)
    for axes, (name, trains), colour in zip(panels, populations.items(), _colours(populations), strict=True):
        neurons = np.bincount(trains.counts().ravel(), minlength=trains.steps + 1)
        axes.bar(np.arange(trains.steps + 1) / trains.steps, neurons, width=0.8 / trains.steps, color=colour)
        axes.axvline(trains.mean_rate(), color="black", lw=1)
        axes.set_yscale("log", nonpositive="clip")
        axes.set_ylim(0.7, 2 * neurons.max())
        axes.set_ylabel(f"{name}\nneurons")
        title = f"mean {trains.mean_rate():.3f}, {neurons[0] / trains.size:.0%} silent"
        axes.set_title(title, fontsize="small", loc="right")
    panels[-1].set_xlabel("firing rate (spikes per step)")
    return figure


def feature_maps(trains: SpikeTrains, title: str = "") -> Figure:
    """Spike counts of every channel, as a grid of small images on a common colour scale.

    Parameters
    ----------
    trains : SpikeTrains
        Spikes of a layer.
    title : str
        Title of the figure; none by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    channels = trains.shape[2]
    columns = int(np.ceil(np.sqrt(1.6 * channels)))
    rows = -(-channels // columns)
    counts = trains.counts()
    figure = Figure(figsize=(9, 0.6 + 9 * rows / columns), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for c, axes in zip(range(channels), grid.flat, strict=False):
        image = axes.imshow(counts[:, :, c], cmap="viridis", vmin=0, vmax=max(counts.max(), 1), interpolation="none")
        axes.set_title(str(c), fontsize=7, pad=1)
    label = f"spikes in {trains.steps} steps"
    figure.colorbar(image, ax=grid, label=label, shrink=0.8, pad=0.01, ticks=MaxNLocator(integer=True))
    figure.set_layout_engine("constrained", w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    if title:
        figure.suptitle(title, fontsize="medium")
    return figure


def response_over_image(image: np.ndarray, response: np.ndarray, title: str = "") -> Figure:
    """A search crop, alone and overlaid with its response map; the peak is marked.

    Parameters
    ----------
    image : ndarray of uint8, shape (S, S, 3)
        Search crop.
    response : ndarray, shape (h, w)
        Response map. Its values belong to positions of the exemplar's centre, 8
        pixels apart and centred on the crop.
    title : str
        Title of the figure; none by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    height, width = response.shape
    centre = (len(image) - 1) / 2
    half_x, half_y = STRIDE * width / 2, STRIDE * height / 2
    # the response covers only the positions where the whole exemplar fits into the crop
    extent = (centre - half_x, centre + half_x, centre + half_y, centre - half_y)
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    plain, covered = figure.subplots(1, 2)
    for axes in (plain, covered):
        axes.imshow(image)
        axes.set_axis_off()
    drawn = covered.imshow(response, cmap="viridis", alpha=0.65, extent=extent, interpolation="none")
    y, x = np.unravel_index(np.argmax(response), response.shape)
    peak = extent[0] + STRIDE * (x + 0.5), extent[3] + STRIDE * (y + 0.5)
    for axes in (plain, covered):
        axes.plot(*peak, "+", color="white", ms=14, mew=4)
        axes.plot(*peak, "+", color="black", ms=13, mew=1.5)
    covered.set(xlim=plain.get_xlim(), ylim=plain.get_ylim())
    figure.colorbar(drawn, ax=covered, label="response", shrink=0.9)
    if title:
        figure.suptitle(title, fontsize="medium")
    return figure


def _panels(names, height):
    if not names:
        raise InputError("plot: expected at least one population, got none")
    figure = Figure(figsize=(9, 0.7 + height * len(names)), layout="constrained")
    return figure, figure.subplots(len(names), 1, squeeze=False, sharex=False)[:, 0]


def _colours(names):
    return [PALETTE[k % len(PALETTE)] for k in range(len(names))]
