"""Spike trains of any layer, for the crops that a tracker would see around a target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .conversion import SpikingModel
from .errors import InputError
from .geometry import EXEMPLAR_SIZE, SEARCH_SIZE, box_centre, exemplar_side
from .network import SpikingBranch
from .tracker import crop, rgb_image
from .weights import SiameseModel, load

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from .aliases import Coding, FilePath
    from .spikes import SpikeTrains

__all__ = ["record_spikes", "target_crop"]

_SIZES = {"exemplar": EXEMPLAR_SIZE, "search": SEARCH_SIZE}


def target_crop(
    image: np.ndarray, box: npt.ArrayLike, branch: str = "search", fill: npt.ArrayLike | None = None
) -> np.ndarray:
    """The square around a target that one of the branches sees.

    Parameters
    ----------
    image : ndarray of uint8
        RGB or gray.
    box : sequence of 4 float
        x, y, w, h of the target, zero-based.
    branch : {"exemplar", "search"}
    fill : sequence of float, optional
        Colour of what lies outside the image; by default its mean, as a tracker
        takes it from the first frame.

    Returns
    -------
    ndarray of uint8, shape (127, 127, 3) or (255, 255, 3)

    Raises
    ------
    InputError
        If the image is none, or the box has no size, or there is no such branch.
    """
    if branch not in _SIZES:
        raise InputError(f"branch: expected one of {', '.join(_SIZES)}, got {branch!r}")
    box = np.asarray(box, float)
    if box.shape != (4,) or not np.isfinite(box).all() or not (box[2:] > 0).all():
        raise InputError(f"box: expected x, y, width, height with a positive size, got {box.tolist()}")
    image = rgb_image(image)
    side = exemplar_side(*box[2:]) * _SIZES[branch] / EXEMPLAR_SIZE
    fill = image.mean((0, 1)) if fill is None else np.ravel(fill)
    return crop(image, tuple(box_centre(box)[::-1]), side, _SIZES[branch], fill)


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
        RGB, 0 to 255; see :func:`target_crop`.
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
    spiking = SpikingModel.from_model(model if isinstance(model, SiameseModel) else load(model))
    names = [layer.name for layer in spiking.layers]
    wanted = names if layers == "all" else names[-1:] if layers is None else list(layers)
    if unknown := [name for name in wanted if name not in names]:
        raise InputError(f"layers: expected some of {', '.join(names)}, or 'all', got {unknown[0]!r}")
    branch = SpikingBranch(spiking, image.shape[0], steps, coding, record=tuple(wanted))
    branch.run(image)
    return {name: branch.trains(name) for name in names if name in wanted}
