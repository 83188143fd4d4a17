"""Convert a SiamRPN: its two branches to neurons, what follows the correlation to arrays.

The branches end where the correlation begins, in rectified features: these are spike counts. A count n of T steps
stands for lambda n / T, so the correlation of features is that of counts, up to a factor of each channel c:

    y_c = lambda^z_c lambda^x_c / T^2 sum over positions of n^z_c n^x_c

The head of 1 x 1 convolutions after it needs no PyTorch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .activation_scales import LEVELS
from .conversion import SpikingModel
from .fixed_point_weights import fixed_point
from .layers import convolutions

if TYPE_CHECKING:
    from .siamrpn import SiamRPN

__all__ = ["Head", "SpikingRPN", "convert_siamrpn"]


class Head(NamedTuple):
    """Two layers of each position, with batch norm folded in: outputs = w2 ReLU(w1 y + b1) + b2.

    Attributes
    ----------
    w1 : ndarray, shape (hidden, hidden)
        Weights of the first.
    b1 : ndarray, shape (hidden,)
        Bias of the first.
    w2 : ndarray, shape (outputs, hidden)
        Weights of the second.
    b2 : ndarray, shape (outputs,)
        Bias of the second.
    """

    w1: np.ndarray
    b1: np.ndarray
    w2: np.ndarray
    b2: np.ndarray

    def __call__(self, maps: np.ndarray) -> np.ndarray:
        """Compute the outputs of correlation maps.

        Parameters
        ----------
        maps : ndarray, shape (n, n, hidden)
            Correlation of features.

        Returns
        -------
        ndarray, shape (outputs, n, n)
            Outputs of each position.
        """
        hidden = np.maximum(maps @ self.w1.T + self.b1, 0)
        return np.moveaxis(hidden @ self.w2.T + self.b2, -1, 0)


@dataclass(frozen=True, eq=False, repr=False)
class SpikingRPN:
    """A converted SiamRPN.

    Attributes
    ----------
    exemplar, search : SpikingModel
        The branches, with fixed-point weights; their last layers hold the channels of classification, then those of
        regression.
    gain : ndarray, shape (2 hidden,)
        Product of both branches' scales, lambda^z lambda^x, of each channel.
    cls, loc : Head
        What follows the correlation.
    """

    exemplar: SpikingModel
    search: SpikingModel
    gain: np.ndarray
    cls: Head
    loc: Head

    def __repr__(self) -> str:
        return f"<SpikingRPN {len(self.gain)} channels, {len(self.loc.b2) // 4} anchors, {self.search!r}>"


def convert_siamrpn(network: SiamRPN, exemplars: Any, searches: Any, levels: int = LEVELS) -> SpikingRPN:
    """Convert a SiamRPN to spikes up to the correlation.

    Parameters
    ----------
    network : SiamRPN
        In evaluation mode, with rectified features. It is not changed.
    exemplars : iterable of ndarray, shape (127, 127, 3), or torch.Tensor, shape (N, 3, 127, 127)
        Exemplars that the scales are measured on.
    searches : iterable of ndarray, shape (H, H, 3), or torch.Tensor, shape (N, 3, H, H)
        Search regions, likewise.
    levels : int
        Levels p of the wave that the scales are chosen for; 4 by default.

    Returns
    -------
    SpikingRPN
        For a `SpikingRegionMatcher`.

    Raises
    ------
    InputError
        As `convert`; also if the features between backbone and heads are not rectified.
    """
    from .module_conversion import scaled_module

    models = [
        scaled_module(network.branch(side), images, levels=levels)
        for side, images in (("exemplar", exemplars), ("search", searches))
    ]
    z, x = (np.asarray(model.scales[convolutions(model.layers)[-1].name], np.float64) for model in models)
    spiking = [SpikingModel.from_model(fixed_point(model)) for model in models]
    cls, loc = (_head(head.head) for head in network.heads)
    return SpikingRPN(spiking[0], spiking[1], z * x, cls, loc)


def _head(parts):
    first, norm, _, last = parts
    w1, w2, b2, gamma, beta, mean, variance = (
        tensor.detach().cpu().numpy().astype(np.float64)
        for tensor in (
            first.weight,
            last.weight,
            last.bias,
            norm.weight,
            norm.bias,
            norm.running_mean,
            norm.running_var,
        )
    )
    gain = gamma / np.sqrt(variance + norm.eps)
    return Head(w1[:, :, 0, 0] * gain[:, None], beta - gain * mean, w2[:, :, 0, 0], b2)
