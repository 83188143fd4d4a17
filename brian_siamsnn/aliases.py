"""Type aliases that many signatures share."""

import os
from typing import TypeAlias

import numpy as np

__all__ = ["FilePath", "Shape", "Weights"]

#: Path to a file.
FilePath: TypeAlias = str | os.PathLike[str]

#: Shape of a layer, (H, W, C): height, width, channels.
Shape: TypeAlias = tuple[int, ...]

#: Weights (out, in/groups, kernel, kernel) and bias (out,) of each convolution, by layer name.
Weights: TypeAlias = dict[str, tuple[np.ndarray, np.ndarray]]
