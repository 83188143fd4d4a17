"""Names of types that many signatures share."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias, Union

import numpy as np

if TYPE_CHECKING:
    from .neurons import NeuronEquations

__all__ = ["Coding", "Codings", "FilePath", "Shape", "Weights"]

#: A place of a file.
FilePath: TypeAlias = str | os.PathLike[str]

#: Height, width and channels of a layer.
Shape: TypeAlias = tuple[int, ...]

#: Weights (out, in/groups, kernel, kernel) and bias (out,) of each convolution.
Weights: TypeAlias = dict[str, tuple[np.ndarray, np.ndarray]]

#: A neuron model, or the name or file of one.
Coding: TypeAlias = Union[str, os.PathLike[str], "NeuronEquations"]

#: One for all layers, or one for each by the layer's name.
Codings: TypeAlias = Coding | Mapping[str, Coding]
