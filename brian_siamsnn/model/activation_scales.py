"""Activation scales: the activation of the CNN that one spike per time step stands for.

For rate coding, a scale is a high percentile of the activations that calibration images cause, so that nearly all of
them are below it and can be expressed as firing rates. For a wave with p levels, that would waste the levels on the few
largest; its scale lambda has the least squared error of what p levels express, clipping and rounding together:

    sum over a of (a - lambda/p clip(floor(a p/lambda + 1/2), 0, p))^2
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .files import SiameseModel

__all__ = ["LEVELS", "PERCENTILE", "ActivationScales", "with_activation_scales"]

#: Activations above this percentile saturate; a scale set by a few outliers would lower the firing rate of all neurons.
PERCENTILE = 99.9

#: Levels p of a wave that scales are chosen for, unless another number is given.
LEVELS = 4

#: Number of histogram bins per channel.
_BINS = 4096

#: Scales that are tried for the least squared error, 1 to 2 % apart.
_CANDIDATES = 400


class ActivationScales:
    """Activation scales as percentiles, accumulated crop by crop in constant memory.

    Each channel has a histogram of ``log2`` of its positive activations. Its bins are 0.7 % wide, which is accurate
    enough for a scale.

    Parameters
    ----------
    normalisation : {"layer", "channel"}
        One scale per layer (layer-norm, the default), or one per channel (channel-norm, Kim 2019).
    percentile : float
        Percentile of all activations, zeros included, as Rueckauer (2017) defines it for layer-norm; 99.9 by default.
    levels : int, optional
        Levels p of a wave: the scale then has the least squared error instead. None by default.

    Raises
    ------
    InputError
        If `normalisation` is neither of the two, or `levels` is below 1.
    """

    _LOW, _HIGH = -20.0, 20.0

    def __init__(self, normalisation: str = "layer", percentile: float = PERCENTILE, levels: int | None = None) -> None:
        if normalisation not in ("layer", "channel"):
            raise InputError(f"normalisation: expected 'layer' or 'channel', got {normalisation!r}")
        self.normalisation, self.percentile = normalisation, percentile
        self.levels = None if levels is None else whole_number("levels", levels)
        self._histograms: dict[str, np.ndarray] = {}

    def add(self, activations: dict[str, np.ndarray]) -> None:
        """Add the activations of one crop, or of a batch of crops.

        Parameters
        ----------
        activations : dict of str to ndarray, shape (..., channels, height, width)
            Activations by layer name, after the rectifier. Negative ones count as zero.

        Raises
        ------
        InputError
            If an activation is not finite.
        """
        for name, a in activations.items():
            channels = a.shape[-3]
            a = np.moveaxis(np.asarray(a), -3, 0).reshape(channels, -1)
            if not np.isfinite(a).all():
                raise InputError(
                    f"{name}: its activations are not finite; were the weights trained for another input range?"
                )
            counts = self._histograms.setdefault(name, np.zeros((channels, _BINS + 1), np.int64))
            positive = a > 0
            level = (np.log2(a, where=positive, out=np.zeros_like(a)) - self._LOW) / (self._HIGH - self._LOW)
            bins = 1 + np.clip((level * _BINS).astype(np.int64), 0, _BINS - 1)
            bins[~positive] = 0
            index = bins + np.arange(channels)[:, None] * (_BINS + 1)
            counts += np.bincount(index.ravel(), minlength=counts.size).reshape(counts.shape)

    def scales(self) -> dict[str, np.ndarray]:
        """Compute the scale of every channel.

        Returns
        -------
        dict of str to ndarray, shape (channels,)
            Scales by layer name, in units of the activation.

        Raises
        ------
        InputError
            If nothing was added, or a layer was never active.
        """
        if not self._histograms:
            raise InputError("conversion: expected at least one calibration crop, got none")
        return {name: self._layer(name, counts) for name, counts in self._histograms.items()}

    def _layer(self, name, counts):
        scale = self._quantile if self.levels is None else self._best_scale
        whole = scale(counts.sum(0))
        if whole == 0:
            what = f"the {self.percentile} percentile" if self.levels is None else "the largest"
            raise InputError(f"{name}: {what} of its activations is 0; calibrate with other images")
        if self.normalisation == "layer":
            return np.full(len(counts), whole, np.float32)
        # a channel that was never active during calibration gets the scale of the layer
        return np.array([scale(row) or whole for row in counts], np.float32)

    def _quantile(self, counts):
        bin_ = int(np.searchsorted(np.cumsum(counts), self.percentile / 100 * counts.sum()))
        return 0.0 if bin_ == 0 else float(self._values(bin_))

    def least_squares(self, name: str, levels: int, scale: float | None = None) -> tuple[float, float]:
        """Scale of a whole layer with the least squared error, and that error.

        Parameters
        ----------
        name : str
            Layer.
        levels : int
            Levels p.
        scale : float, optional
            Scale whose error is asked for; the best one by default.

        Returns
        -------
        scale : float
            lambda, in units of the activation; 0 if the layer was never active.
        error : float
            Root mean square of a - lambda/p clip(floor(a p/lambda + 1/2), 0, p), relative to that of a.
        """
        counts = self._histograms[name].sum(0)
        scale = self._best_scale(counts, levels) if scale is None else scale
        active = np.flatnonzero(counts[1:]) + 1
        a, n = self._values(active), counts[active]
        if scale == 0:
            return 0.0, 0.0
        return scale, float(np.sqrt(_squared_error(a, n, scale, levels) / (n * a**2).sum()))

    def _best_scale(self, counts, levels=None):
        active = np.flatnonzero(counts[1:]) + 1
        if not len(active):
            return 0.0
        a, n = self._values(active), counts[active]
        # from where most activations are clipped to where half of the levels are never reached
        low = np.searchsorted(np.cumsum(n), n.sum() / 2)
        candidates = np.geomspace(a[low] / 2, a[-1] * 2, _CANDIDATES)
        errors = [_squared_error(a, n, scale, levels or self.levels) for scale in candidates]
        return float(candidates[int(np.argmin(errors))])

    def _values(self, bins):
        """Activation in the middle of each bin."""
        return 2 ** (self._LOW + (bins - 0.5) / _BINS * (self._HIGH - self._LOW))


def _squared_error(a, n, scale, levels):
    """Squared error of p levels, summed over activations a that occur n times."""
    return (n * (a - scale / levels * np.clip(np.floor(a * levels / scale + 0.5), 0, levels)) ** 2).sum()


def with_activation_scales(
    model: SiameseModel,
    activations: Iterable[dict[str, np.ndarray]],
    normalisation: str = "layer",
    percentile: float = PERCENTILE,
    levels: int | None = None,
) -> SiameseModel:
    """Add the activation scales that make a CNN a spiking network.

    Parameters
    ----------
    model : SiameseModel
        The CNN; scales that it already has are replaced.
    activations : iterable of dict of str to ndarray, shape (..., channels, height, width)
        Activations of the CNN by layer name, for each calibration crop or batch of crops, after the rectifier. Negative
        ones count as zero.
    normalisation : {"layer", "channel"}
        One scale per layer, or one per channel; see `ActivationScales`.
    percentile : float
        Percentile of the activations that becomes the scale; 99.9 by default. See `ActivationScales`.
    levels : int, optional
        Levels p of a wave that the scales are chosen for, in place of a percentile. The membrane potentials then start
        from half a threshold, which rounds to the nearest level. None by default.

    Returns
    -------
    SiameseModel
        The same network with ``scales``, which `SpikingModel.from_model` accepts.

    Raises
    ------
    InputError
        If there are no activations, a layer was never active, or `levels` is below 1.
    """
    statistics = ActivationScales(normalisation, percentile, levels)
    for crop in activations:
        statistics.add(crop)
    if levels is None:
        how = f"{normalisation}-norm, {percentile} percentile"
        return replace(model, scales=statistics.scales(), normalisation=how)
    how = f"{normalisation}-norm, least squared error with {levels} levels"
    return replace(model, scales=statistics.scales(), normalisation=how, initial_potential=0.5)
