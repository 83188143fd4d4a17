"""The interface between a tracker and its matcher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..crops import STRIDE
from ..errors import InputError
from ..model.graph import total_stride

if TYPE_CHECKING:
    import numpy as np

    from ..model.layers import Layer

__all__ = ["Matcher", "check_stride"]


class Matcher(Protocol):
    """What a tracker needs of a matcher: two methods, and no base class.

    `SpikingMatcher` and `ConvolutionalMatcher` are matchers, and so is
    `OperationCounter`, which wraps one. A matcher that can only take a fixed
    number of crops says so in an attribute ``crops``. A matcher that keeps its
    exemplar in an attribute ``template`` can be shared by several trackers at no
    cost: each of them sets its own before it calls `match`. On a matcher without
    it, a tracker calls `set_exemplar` again after another one has used it.

    For a `TemplateMemory`, a matcher also has ``describe(crop)``, which returns
    the features of an exemplar as an array, and ``set_template(features)``,
    which takes them, or a mean of several. Responses must be linear in them.
    """

    def set_exemplar(self, crop: np.ndarray) -> None:
        """Store the object to look for.

        Parameters
        ----------
        crop : ndarray of uint8, shape (127, 127, 3)
            RGB, the object in the middle.
        """

    def match(self, crops: list[np.ndarray]) -> np.ndarray:
        """Compare search crops with the exemplar.

        Parameters
        ----------
        crops : list of ndarray of uint8, each of shape (255, 255, 3)
            RGB, one per scale of the tracker, the smallest scale first.

        Returns
        -------
        ndarray, shape (crops, n, n)
            Response maps, higher where the object is more likely. Neighbouring
            values are 8 pixels of the crop apart, and the middle of the map is the
            middle of the crop; n is 17 for the networks of this package. The box
            stays where it is if the maps are not finite, or constant.
        """


def check_stride(layers: tuple[Layer, ...]) -> None:
    """Raise `InputError` unless neighbouring responses are as far apart as the tracker assumes.

    Parameters
    ----------
    layers : tuple of Layer
        The network.

    Raises
    ------
    InputError
        If its total stride is not `STRIDE` pixels, 8.
    """
    if (stride := total_stride(layers)) != STRIDE:
        raise InputError(
            f"model: expected layers with a total stride of {STRIDE} pixels, got {stride}; "
            "this tracker cannot use the model"
        )
