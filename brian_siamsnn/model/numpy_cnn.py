"""The CNN's activations in plain NumPy, for comparison with spikes where PyTorch is not installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .layers import MaxPool

if TYPE_CHECKING:
    from .files import SiameseModel

__all__ = ["cnn_activations"]


def cnn_activations(model: SiameseModel, image: np.ndarray) -> dict[str, np.ndarray]:
    """Output of every layer of the CNN for one image.

    Parameters
    ----------
    model : SiameseModel
    image : ndarray, shape (H, W, 3)
        RGB, 0 to 255.

    Returns
    -------
    dict of str to ndarray, shape (H', W', C), single precision
        By layer name, after the rectifier where the layer has one.
    """
    x: np.ndarray = np.asarray(image, np.float32)
    result = {}
    for layer in model.layers:
        kernel = (layer.kernel, layer.kernel)
        # NumPy's stubs know one axis only
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
    """Windows (H', W', in, k, k) times weights (out, in/groups, k, k), plus bias, rectified where the layer says so."""
    height, width = windows.shape[:2]
    inputs = layer.in_channels // layer.groups
    parts = [
        windows[:, :, g * inputs : (g + 1) * inputs].reshape(height * width, -1) @ w.reshape(len(w), -1).T
        for g, w in enumerate(np.split(weights.astype(np.float32), layer.groups))
    ]
    result = (np.concatenate(parts, axis=1) + bias.astype(np.float32)).reshape(height, width, -1)
    return np.maximum(result, 0) if layer.rectify else result
