"""Matchers that propose boxes: SiamRPN as a spiking network up to its correlation, or as the CNN that it was.

A region matcher has two methods: ``set_exemplar(crop)``, and ``propose(crop)``, which returns classification and
regression of all anchors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..crops import EXEMPLAR_SIZE
from ..errors import InputError
from ..network.runtime import SpikingBranch
from .spiking import active_steps

if TYPE_CHECKING:
    from ..model.siamrpn import SiamRPN
    from ..model.siamrpn_conversion import SpikingRPN
    from ..neurons.equations import Codings

__all__ = ["REGION_SIZE", "ConvolutionalRegionMatcher", "RegionMatcher", "SpikingRegionMatcher", "correlated"]

#: Side of SiamRPN's search crops, in pixels (pysot's siamrpn_alex_dwxcorr).
REGION_SIZE = 287


class RegionMatcher(Protocol):
    """What a `RegionTracker` needs.

    Attributes
    ----------
    size : int
        Side of the search crops, in pixels.
    """

    size: int

    def set_exemplar(self, crop: np.ndarray) -> None:
        """Store the object to look for.

        Parameters
        ----------
        crop : ndarray of uint8, shape (127, 127, 3)
            RGB, the object in the middle.
        """

    def propose(self, crop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score and regress the anchors of a search crop.

        Parameters
        ----------
        crop : ndarray of uint8, shape (size, size, 3)
            RGB.

        Returns
        -------
        cls : ndarray, shape (2 k, n, n)
            Logits of background, then of the target, of k anchors at each position.
        loc : ndarray, shape (4 k, n, n)
            dx of the k anchors, then dy, dw and dh.
        """


def correlated(z: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Correlate two maps channel by channel.

        y_c(i, j) = sum over u, v of z_c(u, v) x_c(i + u, j + v)

    Parameters
    ----------
    z : ndarray, shape (h, w, C)
        Counts or features of the exemplar.
    x : ndarray, shape (H, W, C)
        Those of the search crop.

    Returns
    -------
    ndarray of float64, shape (H - h + 1, W - w + 1, C)
        The maps.
    """
    rows, columns = x.shape[0] - z.shape[0] + 1, x.shape[1] - z.shape[1] + 1
    x = x.astype(np.float64)
    # a few shifted products are faster than one product over strided windows
    return sum(
        (z[u, v] * x[u : u + rows, v : v + columns] for u in range(z.shape[0]) for v in range(z.shape[1])),
        np.zeros((rows, columns, x.shape[2])),
    )


class SpikingRegionMatcher:
    """A SiamRPN whose branches are spiking networks.

    The spike counts of both are correlated channel by channel; both heads read the result. With a wave the counts are
    those of the network with p activation levels, as integers.

    Parameters
    ----------
    model : SpikingRPN
        The converted network.
    coding : str, path or NeuronEquations, optional
        Neuron equations as for `SpikingBranch`; ``"wave"`` by default, or ``"rate"`` if `steps` is given.
    size : int
        Side of the search crops, in pixels; 287 by default.
    steps : int, optional
        T; as many as a wave takes by default.
    threads : int, optional
        Threads of the kernels; by default all processors that this process may use.

    Attributes
    ----------
    exemplar_branch, search_branch : SpikingBranch
        The simulations of one crop each.
    template : ndarray, shape (h, w, 2 hidden), or None
        Spike counts of the exemplar.

    Raises
    ------
    InputError
        If an argument is invalid.
    """

    def __init__(
        self,
        model: SpikingRPN,
        coding: Codings | None = None,
        *,
        size: int = REGION_SIZE,
        steps: int | None = None,
        threads: int | None = None,
    ) -> None:
        self.model, self.size = model, size
        self.exemplar_branch = SpikingBranch(model.exemplar, EXEMPLAR_SIZE, steps, coding, threads=threads)
        self.search_branch = SpikingBranch(model.search, size, steps, coding, threads=threads)
        # steps in which the last layers can fire: a count of as many is the largest activation, the scale
        self._steps = [active_steps(branch) for branch in (self.exemplar_branch, self.search_branch)]
        self.template: np.ndarray | None = None

    def __repr__(self) -> str:
        return f"<SpikingRegionMatcher {self.search_branch!r}>"

    def prepare(self) -> None:
        """Generate and compile the code of the equations, which takes a while the first time on a machine."""
        self.exemplar_branch.prepare()
        self.search_branch.prepare()

    def set_exemplar(self, crop: np.ndarray) -> None:
        """Store the object to look for, see `RegionMatcher`."""
        self.template = self._counts(self.exemplar_branch, crop, self._steps[0])

    def propose(self, crop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score and regress the anchors of a search crop, see `RegionMatcher`."""
        if self.template is None:
            raise InputError("propose: no exemplar yet; call set_exemplar(crop) first")
        counts = self._counts(self.search_branch, crop, self._steps[1])
        maps = correlated(self.template, counts) * (self.model.gain / (len(self._steps[0]) * len(self._steps[1])))
        hidden = maps.shape[2] // 2
        return self.model.cls(maps[..., :hidden]), self.model.loc(maps[..., hidden:])

    def _counts(self, branch, crop, steps):
        branch.show_and_run(np.asarray(crop)[None])
        return branch.sent(steps, total=True)[0, 0]


class ConvolutionalRegionMatcher:
    """A SiamRPN in PyTorch, for comparison.

    Parameters
    ----------
    network : SiamRPN
        In evaluation mode.
    size : int
        Side of the search crops, in pixels; 287 by default.
    """

    def __init__(self, network: SiamRPN, *, size: int = REGION_SIZE) -> None:
        self.network, self.size = network, size
        self._exemplar: np.ndarray | None = None

    def __repr__(self) -> str:
        return f"<ConvolutionalRegionMatcher {self.size} px>"

    def set_exemplar(self, crop: np.ndarray) -> None:
        """Store the object to look for, see `RegionMatcher`."""
        self._exemplar = crop

    def propose(self, crop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score and regress the anchors of a search crop, see `RegionMatcher`."""
        import torch

        if self._exemplar is None:
            raise InputError("propose: no exemplar yet; call set_exemplar(crop) first")
        pair = (torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() for image in (self._exemplar, crop))
        with torch.inference_mode():
            cls, loc = self.network(*pair)
        return cls[0].numpy(), loc[0].numpy()
