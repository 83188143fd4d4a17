"""The first layer: a dense convolution of the image, once an image.

The input is coded by real values (paper, III.D), so the current that the first
layer receives is the same in every step. It is rounded to a multiple of 2^-16 of
the threshold, so that sums over steps are exact and all devices give the same
spikes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..model.graph_layers import Neurons
from ..model.layers import output_size
from . import _events
from .blocks import blocked_kernel
from .image_view import ImageView

if TYPE_CHECKING:
    from ..model.conversion import SpikingModel

__all__ = ["FirstLayer"]


class FirstLayer:
    """Input current of the first layer: I = w * image + b.

    Parameters
    ----------
    model : SpikingModel
        Its first layer is a convolution of three channels in one group, or the first layer of a graph.
    """

    def __init__(self, model: SpikingModel) -> None:
        self.layer = model.layers[0]
        weights, bias = model.weights[self.layer.name]
        self._view: ImageView | None = None
        if isinstance(self.layer, Neurons):
            self._view = ImageView(self.layer)
            self.layer, weights = self._view.layer, self._view.dense(weights)
        self._weights = blocked_kernel(weights, 1, _events.image_block)
        self._bias = np.pad(bias, (0, -len(bias) % _events.image_block))
        self._channels = len(bias)

    def current(self, image: np.ndarray, threads: int = 1, out: np.ndarray | None = None) -> np.ndarray:
        """Convolve an image (``kernels/image_kernel.h``).

        Parameters
        ----------
        image : ndarray, shape (H, W, 3)
            RGB, 0 to 255.
        threads : int
            Threads that share the rows, 1 by default; the result does not depend on their number.
        out : ndarray, single precision, contiguous, optional
            Where to write the result; a new array by default.

        Returns
        -------
        ndarray, shape (H', W', channels), single precision
            In units of the threshold, per step.
        """
        if self._view is not None:
            image = self._view.seen(image)
        image = np.ascontiguousarray(image, np.uint8 if image.dtype == np.uint8 else np.float32)
        height, width = (output_size(self.layer, side) for side in image.shape[:2])
        shape = height, width, self._channels
        current = np.empty(shape, np.float32) if out is None else out.reshape(shape)
        _events.convolve_image(image, self._weights, self._bias, current, self.layer.kernel, self.layer.stride, threads)
        return current
