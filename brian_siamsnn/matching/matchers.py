"""What turns crops into response maps: the spiking network, or the CNN it was converted from.

A matcher has ``set_exemplar(crop)`` and ``match(crops)``, which returns one
response map for each crop, shape (crops, 17, 17).
"""

from __future__ import annotations

import math
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..crops import EXEMPLAR_SIZE, SEARCH_SIZE, STRIDE
from ..errors import InputError
from ..model.conversion import SpikingModel
from ..model.layers import convolutions
from ..network.runtime import SpikingBranch
from .similarity import Template, matching_kernel

if TYPE_CHECKING:
    import torch

    from ..model.files import SiameseModel
    from ..neurons.equations import Codings

__all__ = ["ConvolutionalMatcher", "Matcher", "SpikingMatcher"]


class Matcher(Protocol):
    """What a tracker needs of whatever turns crops into response maps: two methods, and no base class.

    Those that ship are in `matchers`; `OperationCounter` wraps another one.
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


class SpikingMatcher:
    """Spike trains of exemplar and search crops, compared by PSM, TSM or HSM.

    The bias b of Eq. 9 is left out: it is the same everywhere, so it moves no
    peak.

    Parameters
    ----------
    model : SiameseModel
        Converted, see `conversion`.
    steps : int
        T.
    matching : {"hsm", "psm", "tsm"}
    coding, hidden_coding, pooling : str, NeuronEquations or dict
        Neuron models of the output layer, of the convolutions before it, and of
        the pools, see `SpikingBranch`.
    v_init : float, optional
        See `from_model`.
    threads : int, optional
        Of the kernels.
    crops : int
        Search crops that are embedded side by side: the tracker's scales.
    early_stop : int, optional
        Stop before T once the highest response, over all crops, has been in the
        same place for so many steps; responses then are means over fewer steps.
        By default all T steps are run.
    tau, lambda_v, lambda_t
        Constants of the matching, see `matching_kernel`.

    Attributes
    ----------
    spikes, operations, pooling_events : int
        Since the matcher was made, or `reset_counts`: spikes of all layers, synaptic operations
        of the convolutions (spikes times fan-out), and events into the pooling
        gates.
    """

    def __init__(
        self,
        model: SiameseModel,
        steps: int = 20,
        matching: str = "hsm",
        coding: Codings = "rate",
        threads: int | None = None,
        crops: int = 3,
        early_stop: int | None = None,
        *,
        hidden_coding: Codings = "rate",
        pooling: Codings = "max_pool",
        v_init: float | None = None,
        tau: int = 1,
        lambda_v: float = 1.0,
        lambda_t: float = 20.0,
    ) -> None:
        if early_stop is not None and early_stop < 1:
            raise InputError(f"early stop: expected 1 step or more, got {early_stop}")
        _check_stride(model.layers)
        spiking = SpikingModel.from_model(model, v_init)
        self._kernel = matching_kernel(matching, steps, tau, lambda_v, lambda_t)
        if not self._kernel.any():
            raise InputError(
                "matching: expected a weight above 0, got lambda_v = lambda_t = 0: nothing would be compared"
            )
        self.exemplar_branch, self.search_branch = (
            SpikingBranch(spiking, size, steps, coding, hidden_coding, pooling, threads=threads, images=images)
            for size, images in ((EXEMPLAR_SIZE, 1), (SEARCH_SIZE, crops))
        )
        self._convolutions = {layer.name for layer in convolutions(model.layers)}
        self._template: Template | None = None
        self._patience = early_stop
        self.reset_counts()

    def reset_counts(self) -> None:
        """Count spikes and operations from zero again."""
        self.spikes = self.operations = self.pooling_events = 0
        self._spikes: Counter[str] = Counter()
        self._neuron_steps: Counter[str] = Counter()

    @property
    def firing_rates(self) -> dict[str, float]:
        """Mean firing rate N / T (Eq. 5) of each layer, over what was counted, by its name."""
        return {layer: self._spikes[layer] / neuron_steps for layer, neuron_steps in self._neuron_steps.items()}

    def _embed(self, branch, crops):
        crops = np.asarray(crops)
        trains = branch.run(crops if branch.images > 1 else crops[0])
        self._count(branch)
        return [one.dense() for one in (trains if branch.images > 1 else [trains])]

    def _count(self, branch):
        for layer, spikes in branch.spikes.items():
            self.spikes += int(spikes.sum())
            self._spikes[layer] += int(spikes.sum())
            self._neuron_steps[layer] += branch.groups[layer].N * branch.steps_run
        for layer, events in branch.operations.items():
            if layer in self._convolutions:
                self.operations += int(events.sum())
            else:
                self.pooling_events += int(events.sum())

    def prepare(self) -> None:
        """Make the code of the equations, which takes a while the first time on a machine."""
        self.exemplar_branch.prepare()
        self.search_branch.prepare()

    def set_exemplar(self, crop: np.ndarray) -> None:
        """Take the exemplar: its spike trains are smoothed in time once."""
        self._template = Template.from_trains(self._embed(self.exemplar_branch, [crop])[0], self._kernel)

    def match(self, crops: np.ndarray | list[np.ndarray]) -> np.ndarray:
        """Response maps of search crops, shape (crops, 17, 17).

        Raises
        ------
        InputError
            If they are not as many as the matcher was made for.
        """
        if len(crops) != self.search_branch.images:
            raise InputError(
                f"match: this matcher was made for {self.search_branch.images} crops at a time, "
                f"got {len(crops)}; give SpikingMatcher crops={len(crops)}"
            )
        if self._template is None:
            raise InputError("match: no exemplar yet; call set_exemplar(crop) before")
        if self._patience is not None:
            return self._match_until_decided(np.asarray(crops), self._template)
        return np.stack([self._template.match(trains) for trains in self._embed(self.search_branch, crops)])

    def _match_until_decided(self, crops, templates):
        branch = self.search_branch
        responses, place, since = 0, None, 0
        with closing(branch.stepwise(crops if branch.images > 1 else crops[0])) as steps:
            for step, fired in enumerate(steps):
                template = templates.at(step)
                responses = responses + np.stack([template.match(one[None]) for one in fired])
                highest = int(responses.max(0).argmax())
                # a map without any spike has no peak
                since = since + 1 if highest == place and responses.any() else 0
                place = highest
                if since == self._patience:
                    break
        self._count(branch)
        return responses * np.float32(branch.steps / branch.steps_run)


class ConvolutionalMatcher:
    """SiamFC itself, for comparison (Eq. 1).

    Parameters
    ----------
    model : SiameseModel
        Its weights; it need not be converted.

    Raises
    ------
    InputError
        If PyTorch is not installed.
    """

    def __init__(self, model: SiameseModel) -> None:
        from ..model.cnn import SiamFC  # the only need for PyTorch while tracking

        _check_stride(model.layers)
        self._network = SiamFC.from_folded(model.layers, model.weights, model.response_scale, model.response_bias)
        self._exemplar: torch.Tensor | None = None

    def _embed(self, crops):
        import torch

        with torch.inference_mode():
            images = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float()
            return self._network.embed(images.contiguous())

    def prepare(self) -> None:
        """Nothing has to be made ready."""

    def set_exemplar(self, crop: np.ndarray) -> None:
        """Take the exemplar."""
        self._exemplar = self._embed([crop])

    def match(self, crops: np.ndarray | list[np.ndarray]) -> np.ndarray:
        """Response maps of search crops, shape (crops, 17, 17)."""
        import torch

        if self._exemplar is None:
            raise InputError("match: no exemplar yet; call set_exemplar(crop) before")
        with torch.inference_mode():
            return self._network.response(self._exemplar, self._embed(crops)).numpy()


def _check_stride(layers):
    """The tracker takes neighbours in a response to be `STRIDE` pixels apart: another model would mislead it."""
    if (stride := math.prod(layer.stride for layer in layers)) != STRIDE:
        raise InputError(
            f"model: expected strides of its layers that make {STRIDE} pixels together, got {stride}; "
            "it belongs to another tracker"
        )
