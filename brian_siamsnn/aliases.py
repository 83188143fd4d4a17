"""Names of types that many signatures share."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias, Union

import numpy as np

if TYPE_CHECKING:
    from .neurons import NeuronEquations

__all__ = ["Coding", "Codings", "FilePath", "Matcher", "Shape", "Weights"]

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


class Matcher(Protocol):
    """What a tracker needs of whatever turns crops into response maps: two methods, and no base class.

    Those that ship are in :mod:`brian_siamsnn.matchers`; :class:`brian_siamsnn.metering.Meter` is one around another.
    """

    def set_exemplar(self, crop: np.ndarray) -> None:
        """Take the object that is looked for.

        Parameters
        ----------
        crop : ndarray of uint8, shape (127, 127, 3)
            RGB, the object in its middle.
        """

    def match(self, crops: list[np.ndarray]) -> np.ndarray:
        """Compare search regions with the exemplar.

        Parameters
        ----------
        crops : list of ndarray of uint8, each of shape (255, 255, 3)
            RGB, one for each scale of the tracker, the smallest first.

        Returns
        -------
        ndarray, shape (crops, n, n)
            One response map each, higher where the object is more likely. Neighbours are 8 pixels of the crop apart,
            and the middle of the map is the middle of the crop; n is 17 for the networks here. Maps that are not
            finite, or the same everywhere, leave the box where it is.
        """
