"""Spike trains of any layer, for one image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..model.conversion import SpikingModel
from .runtime import SpikingBranch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..aliases import FilePath
    from ..model.files import SiameseModel
    from ..neurons.equations import Codings
    from ..spikes.trains import SpikeTrains

__all__ = ["record_spikes", "recorded_layers"]


def record_spikes(
    model: FilePath | SiameseModel | SpikingModel,
    image: np.ndarray,
    layers: Iterable[str] | str | None = None,
    steps: int | None = None,
    coding: Codings | None = None,
    hidden_coding: Codings | None = None,
    pooling: Codings | None = None,
) -> dict[str, SpikeTrains]:
    """Show an image to the network and keep the spikes of its layers.

    Parameters
    ----------
    model : str, path, SiameseModel or SpikingModel
        Name of a shipped model, a model file, or a loaded model.
    image : ndarray, shape (S, S, 3)
        RGB, 0 to 255; `crops.target_crop` cuts one around a target.
    layers : iterable of str, str or "all", optional
        Layers to record; only the last one by default.
    steps : int, optional
        T; by default as many as a wave takes, or 20 with another coding.
    coding : str, path or NeuronEquations, optional
        Neuron equations of the last layer; by default ``"wave"``, the coding of all layers, or ``"rate"`` if `steps` is
        given.
    hidden_coding : str, path, NeuronEquations or dict, optional
        Neuron equations of the convolutions before it; by default those of the wave, or ``"rate"`` with another
        coding; a dict gives them by layer.
    pooling : str, path or NeuronEquations, optional
        Gate of the pooling layers; by default ``"or_pool"`` in a wave, or ``"max_pool"`` with another coding.

    Returns
    -------
    dict of str to SpikeTrains
        By layer, in the order of the network.

    Raises
    ------
    InputError
        If the model has no such layer, or another argument is invalid.
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[0] != image.shape[1]:
        raise InputError(f"image: expected a square, shape (S, S, 3), got {image.shape}; crops.target_crop cuts one")
    spiking = SpikingModel.of(model)
    wanted = recorded_layers(spiking, layers)
    branch = SpikingBranch(
        spiking, image.shape[0], steps, coding, hidden_coding=hidden_coding, pooling=pooling, record=wanted
    )
    branch.run(image)
    return {name: branch.trains(name) for name in wanted}


def recorded_layers(model: SiameseModel | SpikingModel, layers: Iterable[str] | str | None = None) -> list[str]:
    """Choose the layers to record.

    Parameters
    ----------
    model : SiameseModel or SpikingModel
        The network.
    layers : iterable of str, str or "all", optional
        Layers to record; only the last one by default.

    Returns
    -------
    list of str
        Their names, in the order of the network.

    Raises
    ------
    InputError
        If the model has no such layer.
    """
    names = [layer.name for layer in model.layers]
    chosen = [layers] if isinstance(layers, str) else layers
    wanted = names if layers == "all" else names[-1:] if chosen is None else list(chosen)
    if unknown := [name for name in wanted if name not in names]:
        raise InputError(f"layers: expected some of {', '.join(names)}, or 'all', got {unknown[0]!r}")
    return [name for name in names if name in wanted]
