"""Activations of the CNN in plain NumPy, to compare spikes with when PyTorch is not installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .layers import MaxPool

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
            w, b = model.weights[layer.name]
            x = _convolution(windows, w, b, layer)
        result[layer.name] = x
    return result


def _convolution(windows, weights, bias, layer):
    """Apply one convolution to windows (H', W', in, k, k), with its rectifier if it has one."""
    height, width = windows.shape[:2]
    inputs = layer.in_channels // layer.groups
    parts = [
        windows[:, :, g * inputs : (g + 1) * inputs].reshape(height * width, -1) @ w.reshape(len(w), -1).T
        for g, w in enumerate(np.split(weights.astype(np.float32), layer.groups))
    ]
    result = (np.concatenate(parts, axis=1) + bias.astype(np.float32)).reshape(height, width, -1)
    return np.maximum(result, 0) if layer.rectify else result
