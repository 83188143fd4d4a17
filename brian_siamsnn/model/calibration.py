"""Activations of the CNN on natural images, from which the spiking network gets its scales."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from ..crops import SEARCH_SIZE, crop, rgb_image
from .conversion import PERCENTILE, with_activation_scales
from .layers import convolutions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..sequences.frames import Sequence
    from .files import SiameseModel

__all__ = ["CALIBRATION_CROPS", "convert", "calibration_crops"]

#: More crops change the scales by less than the 0.7 % that they are resolved to.
CALIBRATION_CROPS = 24


def calibration_crops(sequence: Sequence, count: int = CALIBRATION_CROPS) -> Iterator[np.ndarray]:
    """Search crops from a sequence of images, the whole height or width of each.

    Parameters
    ----------
    sequence : Sequence
        Any source, see `open_sequence`; the crops
        are spread evenly over it where its length is known.
    count : int
        How many to take at the most.

    Yields
    ------
    ndarray of uint8, shape (255, 255, 3)
    """
    step = max(1, (sequence.frame_count or count) // count)
    for frame in islice(sequence, 0, step * count, step):
        image = rgb_image(frame)
        height, width = image.shape[:2]
        side = min(height, width)
        yield crop(image, ((height - 1) / 2, (width - 1) / 2), side, SEARCH_SIZE, (0, 0, 0))


def convert(
    model: SiameseModel, crops: Iterable[np.ndarray], normalisation: str = "layer", percentile: float = PERCENTILE
) -> SiameseModel:
    """Convert a model with the activations of its CNN on these crops.

    Parameters
    ----------
    model : SiameseModel
    crops : iterable of ndarray, shape (H, W, 3)
        RGB, 0 to 255.
    normalisation, percentile
        See `convert`.

    Returns
    -------
    SiameseModel
        With scales.

    Raises
    ------
    InputError
        If PyTorch is not installed, there is no crop, or a layer never is active.
    """
    import torch

    from .cnn import SiamFC

    network = SiamFC.from_folded(model.layers, model.weights)
    names = [layer.name for layer in convolutions(model.layers)]

    def activations():
        for image in crops:
            with torch.inference_mode():
                tensor = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
                values = network.activations(tensor)
            yield {name: values[name].numpy() for name in names}

    return with_activation_scales(model, activations(), normalisation, percentile)
