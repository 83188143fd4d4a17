"""The CNN of a directed graph of layers, in PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from .graph import split_weights
from .graph_layers import IMAGE, Gates, Neurons

if TYPE_CHECKING:
    from .files import SiameseModel
    from .graph_layers import Input

__all__ = ["graph_activations"]


def graph_activations(model: SiameseModel, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """Compute the output of every layer of a graph.

    Parameters
    ----------
    model : SiameseModel
        Its layers are `Neurons` and `Gates`.
    images : torch.Tensor, shape (B, C, H, W)
        Images; the result has their type.

    Returns
    -------
    dict of str to torch.Tensor, shape (B, C', H', W')
        Output by layer, after the rectifier; signed for a layer without one.
    """
    result = {IMAGE: images}
    for layer in model.layers:
        if isinstance(layer, Gates):
            view = _seen(result[layer.input.source], layer.input)
            result[layer.name] = functional.max_pool2d(view, layer.kernel, layer.stride)
            continue
        assert isinstance(layer, Neurons)
        weights, bias = model.weights[layer.name]
        total = torch.from_numpy(bias).to(images)[:, None, None]
        for one, w in zip(layer.inputs, split_weights(layer, weights), strict=True):
            kernel = torch.from_numpy(np.ascontiguousarray(w)).to(images)
            view = _seen(result[one.source], one)
            total = total + functional.conv2d(view, kernel, None, one.stride, 0, one.dilation, one.groups)
        result[layer.name] = torch.relu(total) if layer.rectify else total
    del result[IMAGE]
    return result


def _seen(source: torch.Tensor, one: Input) -> torch.Tensor:
    view = source[:, one.first : one.first + one.channels]
    for top, bottom, left, right in (tuple(-side for side in one.crop), one.padding):
        view = functional.pad(view, (left, right, top, bottom))
    return view
