"""Activations of the CNN in plain NumPy, to compare spikes with when PyTorch is not installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .layers import MaxPool
from .quantised_cnn import grouped_sums

if TYPE_CHECKING:
    from .files import SiameseModel

__all__ = ["cnn_activations"]


def cnn_activations(model: SiameseModel, image: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the output of every layer of the CNN for one image.

    Parameters
    ----------
    model : SiameseModel
        The CNN.
    image : ndarray, shape (H, W, 3)
        RGB, 0 to 255.

    Returns
    -------
    dict of str to ndarray, shape (H', W', C)
        Output by layer name, single precision, after the rectifier; signed for a layer without one.
    """
    x: np.ndarray = np.asarray(image, np.float32)
    result = {}
    for layer in model.layers:
        kernel = (layer.kernel, layer.kernel)
        # NumPy's stubs allow a single axis only
        windows = np.lib.stride_tricks.sliding_window_view(x, kernel, (0, 1))  # type: ignore[call-overload]
        windows = windows[:: layer.stride, :: layer.stride]
        if isinstance(layer, MaxPool):
            x = windows.max((3, 4))
        else:
            weights, bias = model.weights[layer.name]
            x = grouped_sums(windows, weights.astype(np.float32), layer.groups) + bias.astype(np.float32)
            x = np.maximum(x, 0) if layer.rectify else x
        result[layer.name] = x
    return result
