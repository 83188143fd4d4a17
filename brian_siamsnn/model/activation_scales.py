"""Activation scales: the activation of the CNN that one spike per time step stands for.

A scale is a high percentile of the activations that calibration images cause, so that nearly all activations are below
it and can be expressed as firing rates.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .files import SiameseModel

__all__ = ["PERCENTILE", "ActivationScales", "with_activation_scales"]

#: Activations above this percentile saturate; a scale set by a few outliers would lower the firing rate of all neurons.
PERCENTILE = 99.9

#: Number of histogram bins per channel.
_BINS = 4096


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

    Raises
    ------
    InputError
        If `normalisation` is neither of the two.
    """

    _LOW, _HIGH = -20.0, 20.0

    def __init__(self, normalisation: str = "layer", percentile: float = PERCENTILE) -> None:
        if normalisation not in ("layer", "channel"):
            raise InputError(f"normalisation: expected 'layer' or 'channel', got {normalisation!r}")
        self.normalisation, self.percentile = normalisation, percentile
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
        whole = self._quantile(counts.sum(0))
        if whole == 0:
            raise InputError(
                f"{name}: the {self.percentile} percentile of its activations is 0; calibrate with other images"
            )
        if self.normalisation == "layer":
            return np.full(len(counts), whole, np.float32)
        # a channel that was never active during calibration gets the scale of the layer
        return np.array([self._quantile(row) or whole for row in counts], np.float32)

    def _quantile(self, counts):
        bin_ = int(np.searchsorted(np.cumsum(counts), self.percentile / 100 * counts.sum()))
        return 0.0 if bin_ == 0 else float(2 ** (self._LOW + (bin_ - 0.5) / _BINS * (self._HIGH - self._LOW)))


def with_activation_scales(
    model: SiameseModel,
    activations: Iterable[dict[str, np.ndarray]],
    normalisation: str = "layer",
    percentile: float = PERCENTILE,
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

    Returns
    -------
    SiameseModel
        The same network with ``scales``, which `SpikingModel.from_model` accepts.

    Raises
    ------
    InputError
        If there are no activations, or a layer was never active.
    """
    statistics = ActivationScales(normalisation, percentile)
    for crop in activations:
        statistics.add(crop)
    return replace(model, scales=statistics.scales(), normalisation=f"{normalisation}-norm, {percentile} percentile")
