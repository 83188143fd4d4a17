"""A layer together with the shapes on its two sides: what its synapses connect."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..aliases import Shape
    from .layers import Layer

__all__ = ["Projection"]


@dataclass(frozen=True)
class Projection:
    """The connection between two layers of neurons.

    Parameters
    ----------
    layer : Convolution or MaxPool
        The postsynaptic layer, with its kernel and stride.
    shape_in : tuple of int
        (height, width, channels) of the presynaptic layer, for one image.
    shape_out : tuple of int
        (height, width, channels) of the postsynaptic layer, for one image.
    source : str
        Name of the presynaptic layer; empty by default.
    number : int
        Which input of a layer of a graph this is, 0 by default.
    """

    layer: Layer
    shape_in: Shape
    shape_out: Shape
    source: str = ""
    number: int = 0

    @property
    def neurons_in(self) -> int:
        """Number of presynaptic neurons, for one image."""
        return math.prod(self.shape_in)

    @property
    def neurons_out(self) -> int:
        """Number of postsynaptic neurons, for one image."""
        return math.prod(self.shape_out)
