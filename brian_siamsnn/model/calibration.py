"""Convert a CNN by measuring its activations on natural images."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from ..crops import SEARCH_SIZE, crop, rgb_image
from ..errors import InputError
from .activation_scales import LEVELS, PERCENTILE, with_activation_scales
from .files import load_model
from .layers import convolutions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import torch

    from ..aliases import FilePath
    from ..sequences.frames import Sequence
    from .conversion import SpikingModel
    from .files import SiameseModel

__all__ = ["CALIBRATION_CROPS", "convert", "calibration_crops"]

#: With more crops the scales change by less than their resolution of 0.7 %.
CALIBRATION_CROPS = 24


def calibration_crops(sequence: Sequence, count: int = CALIBRATION_CROPS) -> Iterator[np.ndarray]:
    """Take square crops of the full height or width of images, at the size of a search region.

    Parameters
    ----------
    sequence : Sequence
        Source of images, see `open_sequence`. If its length is known, the crops are spread evenly over it.
    count : int
        Maximum number of crops; 24 by default.

    Yields
    ------
    ndarray of uint8, shape (255, 255, 3)
        RGB crops, 0 to 255.
    """
    step = max(1, (sequence.frame_count or count) // count)
    for frame in islice(sequence, 0, step * count, step):
        image = rgb_image(frame)
        height, width = image.shape[:2]
        side = min(height, width)
        yield crop(image, ((height - 1) / 2, (width - 1) / 2), side, SEARCH_SIZE, (0, 0, 0))


@overload
def convert(
    model: FilePath | SiameseModel,
    images: Iterable[np.ndarray],
    normalisation: str = ...,
    percentile: float | None = ...,
    levels: int | None = ...,
) -> SiameseModel: ...


@overload
def convert(
    model: torch.nn.Module,
    images: Iterable[np.ndarray] | torch.Tensor,
    normalisation: str = ...,
    percentile: float | None = ...,
    levels: int | None = ...,
) -> SpikingModel: ...


def convert(
    model: Any,
    images: Any,
    normalisation: str = "layer",
    percentile: float | None = None,
    levels: int | None = None,
) -> Any:
    """Convert a CNN to a spiking network, with activation scales measured on images.

    Parameters
    ----------
    model : str, path or SiameseModel, or torch.nn.Module
        The CNN; scales that it already has are replaced. Or any network of PyTorch in evaluation mode that takes images
        and returns one tensor, traced with `torch.fx` and not changed; what cannot be converted is refused by name.
    images : iterable of ndarray, shape (H, H, C), or torch.Tensor, shape (N, C, H, H)
        Calibration images, all of one size: RGB, 0 to 255; for a module of PyTorch, what that module takes.
    normalisation : {"layer", "channel"}
        One scale per layer, or one per channel; see `ActivationScales`.
    percentile : float, optional
        Percentile of the activations that becomes the scale, for rate coding; 99.9 is usual. By default the scale is
        that of a wave.
    levels : int, optional
        Levels p of a wave that the scales are chosen for; see `with_activation_scales`. 4 by default, unless a
        percentile is given.

    Returns
    -------
    SiameseModel or SpikingModel
        The same network with ``scales``, which `SpikingModel.from_model` accepts. For a module of PyTorch, a
        `SpikingModel` that is a directed graph of layers with fixed-point weights.

    Raises
    ------
    InputError
        If PyTorch is not installed, there are no images, a layer is never active, `levels` is below 1 or given beside
        a percentile, or a part of a module cannot be converted.
    """
    if percentile is not None and levels is not None:
        raise InputError(f"levels: expected levels or percentile, got both ({levels} and {percentile:g})")
    if percentile is None:
        levels = LEVELS if levels is None else levels
        percentile = PERCENTILE  # of no effect beside levels
    import torch

    from .cnn import SiamFC

    if isinstance(model, torch.nn.Module):
        from .module_conversion import convert_module

        return convert_module(model, images, normalisation, percentile, levels)
    model = load_model(model)
    network = SiamFC.from_model(model)
    names = [layer.name for layer in convolutions(model.layers)]

    def activations():
        for image in images:
            with torch.inference_mode():
                tensor = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
                values = network.activations(tensor)
            yield {name: values[name].numpy() for name in names}

    return with_activation_scales(model, activations(), normalisation, percentile, levels)
