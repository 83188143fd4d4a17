"""Names of types that many signatures share."""

import os
from typing import TypeAlias

import numpy as np

__all__ = ["FilePath", "Shape", "Weights"]

#: Path of a file.
FilePath: TypeAlias = str | os.PathLike[str]

#: Height, width and channels of a layer.
Shape: TypeAlias = tuple[int, ...]

#: Weights (out, in/groups, kernel, kernel) and bias (out,) of each convolution.
Weights: TypeAlias = dict[str, tuple[np.ndarray, np.ndarray]]
