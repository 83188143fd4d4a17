"""The first layer of a graph as a plain convolution of the image, without padding, dilation and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..model.graph import split_weights
from ..model.graph_numpy import seen
from ..model.layers import Convolution

if TYPE_CHECKING:
    from ..model.graph_layers import Neurons

__all__ = ["ImageView"]


class ImageView:
    """Image and weights of the first layer of a graph as a dense kernel expects them.

    Parameters
    ----------
    layer : Neurons
        With one input, the image.

    Attributes
    ----------
    layer : Convolution
        With a square kernel and one group.
    """

    def __init__(self, layer: Neurons) -> None:
        (self._input,) = layer.inputs
        self._neurons = layer
        side = max(self._input.extent)
        self.layer = Convolution(layer.name, self._input.channels, layer.out_channels, side, self._input.stride)

    def seen(self, image: np.ndarray) -> np.ndarray:
        """Crop and pad an image.

        Parameters
        ----------
        image : ndarray, shape (H, W, C)
            The image.

        Returns
        -------
        ndarray, shape (H', W', C)
            With zeros around it, and as many more as a kernel that was made square needs.
        """
        view = seen(image, self._input)
        more = [self.layer.kernel - span for span in self._input.extent]
        return np.pad(view, ((0, more[0]), (0, more[1]), (0, 0))) if any(more) else view

    def dense(self, weights: np.ndarray) -> np.ndarray:
        """Weights of the square kernel.

        Parameters
        ----------
        weights : ndarray, shape (out, fan_in)
            Of the layer.

        Returns
        -------
        ndarray, shape (out, channels, side, side)
            With zeros between groups and between the rows of a dilated kernel.
        """
        one, side = self._input, self.layer.kernel
        (kernel,) = split_weights(self._neurons, weights)
        dense = np.zeros((len(kernel), one.channels, side, side), kernel.dtype)
        outputs, inputs = len(kernel) // one.groups, one.channels // one.groups
        for group in range(one.groups):
            rows = slice(group * outputs, (group + 1) * outputs)
            seen_rows = dense[rows, group * inputs : (group + 1) * inputs]
            seen_rows[..., : one.extent[0] : one.dilation, : one.extent[1] : one.dilation] = kernel[rows]
        return dense
