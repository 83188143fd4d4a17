"""Spike trains of any layer, for the crops that a tracker would see around a target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..model.conversion import SpikingModel
from ..model.files import SiameseModel, load_model
from .runtime import SpikingBranch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..aliases import FilePath
    from ..neurons.equations import Coding
    from ..spikes.trains import SpikeTrains

__all__ = ["record_spikes"]


def record_spikes(
    model: FilePath | SiameseModel,
    image: np.ndarray,
    layers: Iterable[str] | str | None = None,
    steps: int = 20,
    coding: Coding = "rate",
) -> dict[str, SpikeTrains]:
    """Show an image to the network and keep the spikes of its layers.

    Parameters
    ----------
    model : str, path or SiameseModel
        A model that ships, a model file, or one that is loaded.
    image : ndarray, shape (S, S, 3)
        RGB, 0 to 255; see `target_crop`.
    layers : sequence of str or "all", optional
        Which to record; the last one by default.
    steps : int
        T.
    coding : str or NeuronEquations
        Neuron model of the last layer.

    Returns
    -------
    dict of str to SpikeTrains
        By layer, in the order of the network.

    Raises
    ------
    InputError
        If the model has no such layer, or an argument is off.
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[0] != image.shape[1]:
        raise InputError(f"image: expected a square (S, S, 3), got {image.shape}; see target_crop")
    spiking = SpikingModel.from_model(model if isinstance(model, SiameseModel) else load_model(model))
    names = [layer.name for layer in spiking.layers]
    wanted = names if layers == "all" else names[-1:] if layers is None else list(layers)
    if unknown := [name for name in wanted if name not in names]:
        raise InputError(f"layers: expected some of {', '.join(names)}, or 'all', got {unknown[0]!r}")
    branch = SpikingBranch(spiking, image.shape[0], steps, coding, record=tuple(wanted))
    branch.run(image)
    return {name: branch.trains(name) for name in names if name in wanted}
