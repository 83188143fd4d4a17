"""Convert a CNN by measuring its activations on natural images."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from ..crops import SEARCH_SIZE, crop, rgb_image
from .activation_scales import PERCENTILE, with_activation_scales
from .files import load_model
from .layers import convolutions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..aliases import FilePath
    from ..sequences.frames import Sequence
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


def convert(
    model: FilePath | SiameseModel,
    crops: Iterable[np.ndarray],
    normalisation: str = "layer",
    percentile: float = PERCENTILE,
    levels: int | None = None,
) -> SiameseModel:
    """Convert a CNN to a spiking network, with activation scales measured on image crops.

    Parameters
    ----------
    model : str, path or SiameseModel
        The CNN; scales that it already has are replaced.
    crops : iterable of ndarray, shape (H, W, 3)
        Calibration crops, RGB, 0 to 255.
    normalisation : {"layer", "channel"}
        One scale per layer, or one per channel; see `ActivationScales`.
    percentile : float
        Percentile of the activations that becomes the scale; 99.9 by default. See `ActivationScales`.
    levels : int, optional
        Levels p of a wave that the scales are chosen for, in place of a percentile; see `with_activation_scales`. None
        by default.

    Returns
    -------
    SiameseModel
        The same network with ``scales``, which `SpikingModel.from_model` accepts.

    Raises
    ------
    InputError
        If PyTorch is not installed, there are no crops, a layer is never active, or `levels` is below 1.
    """
    import torch

    from .cnn import SiamFC

    model = load_model(model)
    network = SiamFC.from_folded(model.layers, model.weights)
    names = [layer.name for layer in convolutions(model.layers)]

    def activations():
        for image in crops:
            with torch.inference_mode():
                tensor = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
                values = network.activations(tensor)
            yield {name: values[name].numpy() for name in names}

    return with_activation_scales(model, activations(), normalisation, percentile, levels)
