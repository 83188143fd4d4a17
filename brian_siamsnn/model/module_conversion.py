"""Convert any convolutional network of PyTorch to a spiking network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ..errors import InputError
from .activation_scales import PERCENTILE, with_activation_scales
from .conversion import SpikingModel
from .fixed_point_weights import fixed_point
from .graph_cnn import graph_activations
from .layers import convolutions
from .tracing import traced_model

if TYPE_CHECKING:
    from .files import SiameseModel

__all__ = ["convert_module", "scaled_module"]

#: Images whose activations are computed at once.
_BATCH = 16

#: Largest difference between the network and its graph, relative to the largest output: rounding in single precision.
_TOLERANCE = 1e-3


def convert_module(
    module: nn.Module,
    images: Any,
    normalisation: str = "layer",
    percentile: float = PERCENTILE,
    levels: int | None = None,
) -> SpikingModel:
    """Convert a network, as `convert` does for a module of PyTorch.

    Parameters
    ----------
    module, images, normalisation, percentile, levels
        As for `scaled_module`.

    Returns
    -------
    SpikingModel
        A directed graph of layers with fixed-point weights.

    Raises
    ------
    InputError
        If a module cannot be converted, or the images are invalid.
    """
    return SpikingModel.from_model(fixed_point(scaled_module(module, images, normalisation, percentile, levels)))


def scaled_module(
    module: nn.Module,
    images: Any,
    normalisation: str = "layer",
    percentile: float = PERCENTILE,
    levels: int | None = None,
) -> SiameseModel:
    """Trace a network, and measure the scales of its layers.

    Parameters
    ----------
    module : torch.nn.Module
        A network in evaluation mode that takes images and returns one tensor. It is not changed.
    images : torch.Tensor, shape (N, C, H, H), or iterable of ndarray, shape (H, H, C)
        Images as the network takes them, all of one size.
    normalisation, percentile, levels
        As for `convert`.

    Returns
    -------
    SiameseModel
        A directed graph of layers with scales; its weights are not rounded.

    Raises
    ------
    InputError
        If a module cannot be converted, or the images are invalid.
    """
    tensor = _tensor(images)
    model = traced_model(module, tensor[:1])
    batches = tensor.split(_BATCH)
    with torch.inference_mode():
        _check_same(module, model, batches[0])
        names = [layer.name for layer in convolutions(model.layers)]

        def activations():
            for batch in batches:
                values = graph_activations(model, batch)
                yield {name: values[name].numpy() for name in names}

        return with_activation_scales(model, activations(), normalisation, percentile, levels)


def _tensor(images):
    if not isinstance(images, torch.Tensor):
        arrays = [np.asarray(image, np.float32) for image in images]
        if len({array.shape for array in arrays}) != 1 or arrays[0].ndim != 3:
            shapes = sorted({array.shape for array in arrays})
            raise InputError(f"images: expected arrays of one shape (H, H, C), got {shapes or 'none'}")
        images = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous()
    images = images.detach().cpu().float()
    if images.ndim != 4 or not len(images) or images.shape[2] != images.shape[3]:
        raise InputError(f"images: expected square images, shape (N, C, H, H), got {tuple(images.shape)}")
    if not torch.isfinite(images).all():
        raise InputError("images: expected finite pixels, got NaN or infinity; replace these pixels")
    return images


def _check_same(module, model, images):
    """Raise an error if the graph computes something else than the network."""
    expected = module(images)
    found = graph_activations(model, images)[model.layers[-1].name]
    expected = expected.reshape(found.shape) if expected.numel() == found.numel() else expected
    largest = max(float(expected.abs().max()), float(found.abs().max()), 1e-30)
    difference = float((expected - found).abs().max()) / largest if expected.shape == found.shape else np.inf
    if difference > _TOLERANCE:
        raise InputError(
            f"{type(module).__name__}: the traced graph gives outputs that differ by {difference:.2g} of the largest; "
            "does the network change with every call? Please report it otherwise"
        )
