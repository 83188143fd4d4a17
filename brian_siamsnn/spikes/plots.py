"""Pictures of spike trains, membranes and responses.

Every function returns a `matplotlib.figure.Figure` that belongs to no
window; the caller saves it (``figure.savefig(path)``). Colours tell apart for any
colour vision: lines take `PALETTE`, images viridis,
whose lightness rises evenly.
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

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .trains import SpikeTrains

__all__ = ["feature_maps", "membrane_traces", "raster", "rate_histograms", "response_over_image"]

#: A layer of more neurons than this is drawn as a density: a row of dots needs about a pixel.
DOTS = 150
#: Rows and columns of a density image, at most: fewer than the panel has pixels, or the renderer would leave some out.
ROWS, COLUMNS = 96, 500


def raster(populations: dict[str, SpikeTrains], dots: int = DOTS) -> Figure:
    """Spikes over time, one panel a population, neurons sorted by channel.

    The row of a neuron is (c H + y) W + x: a channel's places lie together. Up to
    ``dots`` neurons, each spike is a dot. Above that, a row stands for a group of
    neurons of one channel, or of neighbouring channels where there are more than
    96, and its colour for the share of them that fire in a step, on a square-root
    scale that all panels share: a million neurons then still show which channels
    fire when. More than 500 steps are averaged in as many bins.

    Parameters
    ----------
    populations : dict of str to SpikeTrains
        By name, drawn from top to bottom.
    dots : int
        The largest layer that is drawn as dots.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no population.
    """
    figure, panels = _panels(populations, height=1.8)
    densities = {name: _density(trains) for name, trains in populations.items() if trains.size > dots}
    highest = max((density.max() for density in densities.values()), default=0)
    # most neurons are silent in most steps: a linear scale would show the onset alone
    norm, images = PowerNorm(0.5, 0, highest or 1), []
    for axes, (name, trains), colour in zip(panels, populations.items(), _colours(populations), strict=True):
        height, width, channels = trains.shape
        if name in densities:
            images.append(
                axes.imshow(
                    densities[name],
                    aspect="auto",
                    origin="lower",
                    cmap="viridis",
                    norm=norm,
                    interpolation="nearest",
                    extent=(-0.5, trains.steps - 0.5, -0.5, channels - 0.5),
                )
            )
            axes.set_ylabel(f"{name}\nchannel")
        else:
            y, x, c = trains.coordinates()
            # a row is about 100 / H W C points high
            diameter = min(5, max(2.5, 100 / trains.size))
            axes.scatter(trains.step, (c * height + y) * width + x, s=diameter**2, c=colour, linewidths=0)
            axes.set_ylim(-0.5, trains.size - 0.5)
            axes.set_ylabel(f"{name}\nneuron")
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.set_xlim(-0.5, trains.steps - 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_title(f"{len(trains):,} spikes of {trains.size:,} neurons", fontsize="small", loc="right")
    if images:
        figure.colorbar(
            images[0],
            ax=[image.axes for image in images],
            label="share firing",
            pad=0.01,
            aspect=18 * len(images),
            ticks=MaxNLocator(6),
        )
    panels[-1].set_xlabel("time step (ms)")
    return figure


def _density(trains):
    """Mean share of the neurons that fire, in groups of neurons and bins of steps: shape (rows, columns)."""
    height, width, channels = trains.shape
    places = height * width
    bands = min(channels, ROWS)
    parts = min(ROWS // bands, places)
    bins = min(trains.steps, COLUMNS)
    place, channel = np.divmod(trains.neuron.astype(np.int64), channels)
    row = channel * bands // channels * parts + place * parts // places
    column = trains.step.astype(np.int64) * bins // trains.steps
    counts = np.bincount(row * bins + column, minlength=bands * parts * bins).reshape(-1, bins)
    rows = np.outer(_members(channels, bands), _members(places, parts)).ravel()
    return counts / np.outer(rows, _members(trains.steps, bins))


def _members(number, groups):
    """How many of a number of things k are in each group, k groups // number."""
    return np.bincount(np.arange(number) * groups // number)


def membrane_traces(
    v: np.ndarray, v_th: np.ndarray, trains: SpikeTrains, labels: Iterable[str] | None = None
) -> Figure:
    """Membrane potential and threshold of some neurons, one panel each, with their spikes.

    Parameters
    ----------
    v : ndarray, shape (n, T)
        Potential at the time the threshold is compared: a spike is fired where v >= v_th.
    v_th : ndarray, shape (n, T)
        Threshold. Where it is out of reach, as in a status of depression, it leaves
        the panel.
    trains : SpikeTrains
        Of these n neurons alone, as ``trains.select`` gives them.
    labels : sequence of str, optional
        One a neuron; their indices by default.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If the shapes do not go together.
    """
    v, v_th = np.atleast_2d(v), np.atleast_2d(v_th)
    if v.shape != v_th.shape or v.shape != (trains.size, trains.steps):
        raise InputError(
            f"membrane traces: expected v and v_th of the shape {trains.size, trains.steps} of the spike "
            f"trains, got {v.shape} and {v_th.shape}"
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
    """How many neurons of each population fire at which rate, N / T (Eq. 5).

    Parameters
    ----------
    populations : dict of str to SpikeTrains

    Returns
    -------
    matplotlib.figure.Figure
        A panel a population; a bar for each number of spikes that is possible,
        0 to T, over the rate; the line is the mean.

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
        axes.set_title(
            f"mean {trains.mean_rate():.3f}, {neurons[0] / trains.size:.0%} silent", fontsize="small", loc="right"
        )
    panels[-1].set_xlabel("firing rate (spikes a step)")
    return figure


def feature_maps(trains: SpikeTrains, title: str = "") -> Figure:
    """Spike counts of every channel over its places, as a grid of small images on one scale.

    Parameters
    ----------
    trains : SpikeTrains
    title : str

    Returns
    -------
    matplotlib.figure.Figure
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
    figure.colorbar(
        image, ax=grid, label=f"spikes in {trains.steps} steps", shrink=0.8, pad=0.01, ticks=MaxNLocator(integer=True)
    )
    figure.set_layout_engine("constrained", w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    if title:
        figure.suptitle(title, fontsize="medium")
    return figure


def response_over_image(image: np.ndarray, response: np.ndarray, title: str = "") -> Figure:
    """A search crop, and beside it the same under its response map.

    Parameters
    ----------
    image : ndarray of uint8, shape (S, S, 3)
        Search crop.
    response : ndarray, shape (h, w)
        Each value stands for a place of the exemplar's centre, 8 pixels from the
        next, around the centre of the crop.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    height, width = response.shape
    centre = (len(image) - 1) / 2
    half_x, half_y = STRIDE * width / 2, STRIDE * height / 2
    # the response covers the places where the whole exemplar fits in
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
        raise InputError("plot: expected one population or more, got none")
    figure = Figure(figsize=(9, 0.7 + height * len(names)), layout="constrained")
    return figure, figure.subplots(len(names), 1, squeeze=False, sharex=False)[:, 0]


def _colours(names):
    return [PALETTE[k % len(PALETTE)] for k in range(len(names))]
