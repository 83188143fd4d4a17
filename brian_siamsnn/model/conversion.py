"""From a CNN to integrate-and-fire neurons: weights scaled so that one spike a step is the largest activation.

With the activation a^l = ReLU(w^l a^(l-1) + b^l) of the CNN and a scale
lambda^l for each layer, the spiking layer uses

    w^l -> w^l lambda^(l-1) / lambda^l,      b^l -> b^l / lambda^l,

so that its firing rate approximates a^l / lambda^l (Diehl 2015; Rueckauer 2017).
The first layer sees the pixels themselves (real coding), so lambda^0 = 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from .files import SiameseModel, load_model
from .layers import Convolution, MaxPool, convolutions, sizes
from .projection import Projection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..aliases import FilePath, Shape, Weights
    from .layers import Layer

__all__ = [
    "PERCENTILE",
    "ActivationScales",
    "SpikingModel",
    "with_activation_scales",
    "scale_thresholds",
    "unit_scales",
]

#: Activations above this percentile saturate: a few outliers would otherwise cost everyone their firing rate.
PERCENTILE = 99.9

_BINS = 4096


class ActivationScales:
    """Percentiles of activations, gathered crop by crop in constant memory.

    Each channel keeps a histogram of ``log2`` of its positive activations, with
    bins so narrow (0.7 %) that the percentile is exact enough for a scale.

    Parameters
    ----------
    normalisation : {"layer", "channel"}
        One scale a layer (layer-norm), or one a channel (channel-norm, Kim 2019).
    percentile : float
        Of all activations, zeros counted in, as Rueckauer (2017) has it for layer-norm.
    """

    _LOW, _HIGH = -20.0, 20.0

    def __init__(self, normalisation: str = "layer", percentile: float = PERCENTILE) -> None:
        if normalisation not in ("layer", "channel"):
            raise InputError(f"normalisation: expected 'layer' or 'channel', got {normalisation!r}")
        self.normalisation, self.percentile = normalisation, percentile
        self._histograms: dict[str, np.ndarray] = {}

    def add(self, activations: dict[str, np.ndarray]) -> None:
        """Count activations: a dict of layer name to an array (..., channels, height, width)."""
        for name, a in activations.items():
            channels = a.shape[-3]
            # channels first, whatever stands before them
            a = np.moveaxis(np.asarray(a), -3, 0).reshape(channels, -1)
            if not np.isfinite(a).all():
                raise InputError(f"{name}: its activations are not finite; are the weights of another input range?")
            counts = self._histograms.setdefault(name, np.zeros((channels, _BINS + 1), np.int64))
            positive = a > 0
            level = (np.log2(a, where=positive, out=np.zeros_like(a)) - self._LOW) / (self._HIGH - self._LOW)
            bins = 1 + np.clip((level * _BINS).astype(np.int64), 0, _BINS - 1)
            bins[~positive] = 0
            index = bins + np.arange(channels)[:, None] * (_BINS + 1)
            counts += np.bincount(index.ravel(), minlength=counts.size).reshape(counts.shape)

    def scales(self) -> dict[str, np.ndarray]:
        """Scale of every channel, by layer name; each an array (channels,).

        Raises
        ------
        InputError
            If nothing was added, or a layer never was active.
        """
        if not self._histograms:
            raise InputError("conversion needs activations of at least one calibration crop, got none")
        return {name: self._layer(name, counts) for name, counts in self._histograms.items()}

    def _layer(self, name, counts):
        whole = self._quantile(counts.sum(0))
        if whole == 0:
            raise InputError(
                f"{name}: below its {self.percentile} percentile no neuron was ever active; calibrate with other images"
            )
        if self.normalisation == "layer":
            return np.full(len(counts), whole, np.float32)
        # a channel that calibration never saw active keeps the layer's scale
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
    """Give a CNN the scales that make it a spiking network.

    Parameters
    ----------
    model : SiameseModel
    activations : iterable of dict
        For each calibration crop (or batch of them) the CNN's activations, layer
        name to array (..., channels, height, width), after the rectifier; of a
        layer without one only the positive ones count.
    normalisation, percentile
        See `ActivationScales`.

    Returns
    -------
    SiameseModel
        The same, with ``scales``; `SpikingModel` takes it.
    """
    gathered = ActivationScales(normalisation, percentile)
    for crop in activations:
        gathered.add(crop)
    return replace(model, scales=gathered.scales(), normalisation=f"{normalisation}-norm, {percentile} percentile")


def scale_thresholds(model: SiameseModel, factor: float) -> SiameseModel:
    """Raise or lower all thresholds, and with them what a spike stands for.

    A neuron with the threshold ``factor`` whose spikes carry ``factor`` (Eq. 2-3)
    does what one with the threshold 1 does in a network whose scales lambda^l are
    all ``factor`` times as large; so this multiplies the scales, and works with
    every neuron model. Potentials start at the same part of the threshold. Above 1
    there are fewer spikes, and each stands for more.

    Parameters
    ----------
    model : SiameseModel
        Converted.
    factor : float

    Returns
    -------
    SiameseModel

    Raises
    ------
    InputError
        If the factor is not positive and finite.
    """
    if not 0 < factor < np.inf:
        raise InputError(f"threshold scale: expected a positive number, got {factor}")
    return replace(model, scales={name: np.asarray(scale) * np.float32(factor) for name, scale in model.scales.items()})


@dataclass(frozen=True)
class SpikingModel:
    """Weights of the spiking network, in plain NumPy.

    Attributes
    ----------
    layers : tuple
        As in the CNN; every convolution becomes a layer of neurons with a
        threshold of 1, so the last one is rectified whatever the CNN had.
    weights : dict of str to (ndarray, ndarray)
        w lambda^(l-1) / lambda^l and b / lambda^l, single precision.
    initial_potential : float
        Membrane potential before the first step; a neuron model that has a
        parameter ``v_init`` starts there unless another value is asked for.
    """

    layers: tuple[Layer, ...]
    weights: Weights
    initial_potential: float = 0.0

    @classmethod
    def from_model(cls, model: SiameseModel, v_init: float | None = None) -> SpikingModel:
        """Scale the weights of a converted model.

        Parameters
        ----------
        model : SiameseModel
        v_init : float, optional
            Initial membrane potential in place of the model's own.

        Raises
        ------
        InputError
            If the model has no scales yet, or ``v_init`` is not finite.
        """
        v_init = model.initial_potential if v_init is None else v_init
        if not np.isfinite(v_init):
            raise InputError(f"v_init: expected a finite number, got {v_init}")
        if not model.scales:
            raise InputError(
                "the model is not converted: it has no activation scales; "
                "convert it with 'brian-siamsnn weights import'"
            )
        weights, before = {}, np.ones(convolutions(model.layers)[0].in_channels)
        for layer in convolutions(model.layers):
            w, b = model.weights[layer.name]
            after = np.asarray(model.scales[layer.name], np.float64)
            # input channels of each output channel's group
            per_group = before.reshape(layer.groups, 1, -1)
            incoming = np.broadcast_to(
                per_group, (layer.groups, layer.out_channels // layer.groups, per_group.shape[2])
            )
            factor = incoming.reshape(layer.out_channels, -1) / after[:, None]
            with np.errstate(over="ignore"):
                scaled = (w * factor[:, :, None, None]).astype(np.float32), (b / after).astype(np.float32)
            if not all(np.isfinite(part).all() for part in scaled):
                raise InputError(
                    f"{layer.name}: its weights in units of spikes exceed single precision; its scales "
                    f"go down to {after.min():g}"
                )
            weights[layer.name] = scaled
            before = after
        return cls(model.layers, weights, float(v_init))

    @classmethod
    def of(cls, model: FilePath | SiameseModel | SpikingModel) -> SpikingModel:
        """Accept a network in any form.

        Parameters
        ----------
        model : str, path, SiameseModel or SpikingModel
            Name of a shipped model, path of a model file, or a loaded model.

        Raises
        ------
        InputError
            If there is no such model, or it is not converted.
        """
        return model if isinstance(model, SpikingModel) else cls.from_model(load_model(model))

    def shapes(self, image_size: int) -> dict[str, Shape]:
        """(height, width, channels) of every layer, by name, for a square image."""
        result: dict[str, Shape] = {}
        channels, sides = 3, sizes(self.layers, image_size)
        for layer in self.layers:
            side = sides[layer.name]
            channels = layer.out_channels if isinstance(layer, Convolution) else channels
            result[layer.name] = (side, side, channels)
        return result

    def projections(self, image_size: int) -> dict[str, Projection]:
        """Connection into every layer but the first, by the layer's name, for a square image.

        Parameters
        ----------
        image_size : int
            Side of the image, in pixels.
        """
        shapes = self.shapes(image_size)
        pairs = zip(self.layers, self.layers[1:], strict=False)
        return {layer.name: Projection(layer, shapes[before.name], shapes[layer.name]) for before, layer in pairs}

    def __post_init__(self) -> None:
        first = self.layers[0]
        if isinstance(first, MaxPool) or first.groups != 1 or first.in_channels != 3:
            raise InputError(
                f"{first.name}: the first layer must be a convolution of 3 channels in one group, it sees the image"
            )


def unit_scales(model: SpikingModel, provenance: dict[str, Any] | None = None) -> SiameseModel:
    """A spiking network in the form of a model file: its weights are in units of spikes, so all scales are 1.

    Parameters
    ----------
    model : SpikingModel
    provenance : dict, optional

    Returns
    -------
    SiameseModel
        `SpikingModel.from_model` gives the same weights again, bit by bit.

    Raises
    ------
    InputError
        If the initial potential is not 0 or more and below the threshold, as model files have it.
    """
    scales = {layer.name: np.ones(layer.out_channels, np.float32) for layer in convolutions(model.layers)}
    return SiameseModel(
        model.layers,
        model.weights,
        scales=scales,
        normalisation="in units of spikes",
        initial_potential=model.initial_potential,
        provenance=provenance or {},
    )
