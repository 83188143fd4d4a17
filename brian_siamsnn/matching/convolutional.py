"""The CNN that a spiking network was converted from, as a matcher: crops in, response maps out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..model.files import load_model
from .protocol import check_stride

if TYPE_CHECKING:
    import torch

    from ..aliases import FilePath
    from ..model.files import SiameseModel

__all__ = ["ConvolutionalMatcher"]


class ConvolutionalMatcher:
    """SiamFC's own cross-correlation of CNN features (Eq. 1), for comparison.

    Parameters
    ----------
    model : str, path or SiameseModel
        Name of a shipped model, a model file, or a loaded model; it need not be converted.

    Attributes
    ----------
    template : torch.Tensor or None
        The exemplar that `set_exemplar` stored; each of several trackers that share the matcher sets its own.

    Raises
    ------
    InputError
        If PyTorch is not installed.
    """

    def __init__(self, model: FilePath | SiameseModel) -> None:
        from ..model.cnn import SiamFC  # nothing else in tracking needs PyTorch

        model = load_model(model)
        check_stride(model.layers)
        self._network = SiamFC.from_model(model)
        self.template: torch.Tensor | None = None
        self._model = model

    def __repr__(self) -> str:
        return f"<ConvolutionalMatcher {self._model!r}>"

    def _embed(self, crops):
        import torch

        with torch.inference_mode():
            images = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float()
            return self._network.embed(images.contiguous())

    def prepare(self) -> None:
        """Do nothing: a CNN needs no preparation."""

    def set_exemplar(self, crop: np.ndarray) -> None:
        """Store the object to look for.

        Parameters
        ----------
        crop : ndarray of uint8, shape (127, 127, 3)
            RGB, the object in the middle.
        """
        self.set_template(self.describe(crop))

    def describe(self, crop: np.ndarray) -> np.ndarray:
        """Compute the features of an exemplar, without storing them.

        Parameters
        ----------
        crop : ndarray of uint8, shape (127, 127, 3)
            RGB, the object in the middle.

        Returns
        -------
        ndarray, shape (1, C, h, w)
            The features.
        """
        return self._embed([crop]).numpy()

    def set_template(self, features: np.ndarray) -> None:
        """Look for what features describe: those of an exemplar, or a mean of several.

        Parameters
        ----------
        features : ndarray
            As from `describe`.
        """
        import torch

        self.template = torch.from_numpy(features)

    def match(self, crops: np.ndarray | list[np.ndarray]) -> np.ndarray:
        """Compare search crops with the exemplar.

        Parameters
        ----------
        crops : list of ndarray of uint8, each of shape (255, 255, 3)
            Any number of them.

        Returns
        -------
        ndarray, shape (crops, 17, 17)
            Response maps.

        Raises
        ------
        InputError
            If there is no exemplar yet.
        """
        import torch

        if self.template is None:
            raise InputError("match: no exemplar yet; call set_exemplar(crop) first")
        with torch.inference_mode():
            return self._network.response(self.template, self._embed(crops)).numpy()
