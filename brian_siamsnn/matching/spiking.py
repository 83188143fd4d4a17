"""The spiking network as a matcher: crops in, response maps out."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

import brian2
import numpy as np

from ..crops import EXEMPLAR_SIZE, SEARCH_SIZE
from ..defaults import LAMBDA_T, LAMBDA_V, SCALES, TAU
from ..errors import InputError
from ..model.conversion import SpikingModel
from ..model.files import load_model
from ..model.layers import convolutions
from ..network.runtime import SpikingBranch
from ..neurons.waves import default_matching
from .protocol import check_stride
from .similarity import Template, matching_kernel

if TYPE_CHECKING:
    from ..aliases import FilePath
    from ..model.files import SiameseModel
    from ..neurons.equations import Codings

__all__ = ["SpikingMatcher", "active_steps"]


class SpikingMatcher:
    """Compares the spike trains of exemplar and search crops by PSM, TSM or HSM (Eq. 6-9).

    The bias b of Eq. 9 is left out: it is the same everywhere, so it moves no peak.

    Parameters
    ----------
    model : str, path or SiameseModel
        Name of a shipped model, a model file, or a loaded model; it must be converted.
    steps : int, optional
        T, the time steps that each crop is shown for; by default as many as a wave takes, or 20 with another coding.
    matching : {"hsm", "psm", "tsm"}, optional
        Similarity of spike trains; ``"hsm"`` by default, ``"psm"`` with a wave. See `similarity.matching_kernel`.
    coding : str, path or NeuronEquations, optional
        Neuron equations of the output layer; by default ``"wave"``, the coding of all layers, or ``"rate"`` if `steps`
        is given.
    hidden_coding : str, path, NeuronEquations or dict, optional
        Neuron equations of the convolutions before it; by default those of the wave, or ``"rate"`` with another
        coding; see `Branch`.
    pooling : str, path or NeuronEquations, optional
        Gate of the pooling layers; by default ``"or_pool"`` in a wave, or ``"max_pool"`` with another coding.
    v_init : float, optional
        Membrane potential before the first step, in thresholds; the model's own by default.
    tau : int
        Response period threshold of Eq. 8, in steps; 1 by default.
    lambda_v : float
        Weight of potential matching in Eq. 9, 1 by default.
    lambda_t : float
        Weight of temporal matching in Eq. 9, 20 by default.
    crops : int
        Search crops that are simulated side by side, the tracker's scales; 3 by default.
    early_stop : int, optional
        Stop before T once the highest response, over all crops, has stayed at the
        same position for this many steps; the response is then scaled up to T
        steps. By default all T steps are run.
    threads : int, optional
        Threads of the kernels; by default all processors that this process may use.
    seed : int, optional
        Seed of Brian2's random numbers, set with every exemplar, for neuron models with noise; by default a run
        differs from the next.

    Attributes
    ----------
    exemplar_branch : SpikingBranch
        Simulates one crop of 127 x 127 pixels.
    search_branch : SpikingBranch
        Simulates ``crops`` crops of 255 x 255 pixels side by side.
    template : Template or None
        The exemplar that `set_exemplar` stored; each of several trackers that share the matcher sets its own.
    spikes : int
        Spikes of all layers since the matcher was built, or since `reset_counts`.
    operations : int
        Synaptic operations of the convolutions (spikes times fan-out), counted likewise.
    pooling_events : int
        Spikes that arrived at pooling gates, counted likewise.

    Raises
    ------
    InputError
        If an argument is invalid.
    """

    def __init__(
        self,
        model: FilePath | SiameseModel,
        steps: int | None = None,
        matching: str | None = None,
        coding: Codings | None = None,
        *,
        hidden_coding: Codings | None = None,
        pooling: Codings | None = None,
        v_init: float | None = None,
        tau: int = TAU,
        lambda_v: float = LAMBDA_V,
        lambda_t: float = LAMBDA_T,
        crops: int = SCALES,
        early_stop: int | None = None,
        threads: int | None = None,
        seed: int | None = None,
    ) -> None:
        if early_stop is not None and early_stop < 1:
            raise InputError(f"early_stop: expected 1 step or more, got {early_stop}")
        model = load_model(model)
        check_stride(model.layers)
        spiking = SpikingModel.from_model(model, v_init)
        self.crops = crops
        network: dict[str, Any] = {"steps": steps, "coding": coding, "hidden_coding": hidden_coding, "pooling": pooling}
        self.exemplar_branch = SpikingBranch(spiking, EXEMPLAR_SIZE, threads=threads, **network)
        self.search_branch = SpikingBranch(spiking, SEARCH_SIZE, threads=threads, batch_size=crops, **network)
        self._convolutions = {layer.name for layer in convolutions(model.layers)}
        self._active = active_steps(self.search_branch)
        self._name = matching = matching or default_matching(self.search_branch.wave)
        kernel = matching_kernel(matching, self.search_branch.steps, tau, lambda_v, lambda_t)
        if not kernel.any():
            raise InputError(
                "matching: expected lambda_v or lambda_t above 0, got 0 for both: nothing would be compared"
            )
        self._kernel = kernel[np.ix_(self._active, self._active)]
        self.template: Template | None = None
        self._patience, self._seed = early_stop, seed
        self.reset_counts()

    def __repr__(self) -> str:
        return f"<SpikingMatcher {self._name}, {self.crops} crops, {self.search_branch!r}>"

    def reset_counts(self) -> None:
        """Count spikes and operations from zero again."""
        self.spikes = self.operations = self.pooling_events = 0
        self._spikes: Counter[str] = Counter()
        self._neuron_steps: Counter[str] = Counter()

    @property
    def firing_rates(self) -> dict[str, float]:
        """Mean firing rate N / T (Eq. 5) of each layer since counting began."""
        return {layer: self._spikes[layer] / neuron_steps for layer, neuron_steps in self._neuron_steps.items()}

    def _embed(self, branch, crops, total=False):
        branch.show_and_run(np.asarray(crops))
        self._count(branch)
        return branch.sent(self._active, total)

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
        """Generate and compile the code of the equations, which takes a while the first time on a machine."""
        self.exemplar_branch.prepare()
        self.search_branch.prepare()

    def set_exemplar(self, crop: np.ndarray) -> None:
        """Store the object to look for; its spike trains are smoothed in time once.

        Parameters
        ----------
        crop : ndarray of uint8, shape (127, 127, 3)
            RGB, the object in the middle.
        """
        if self._seed is not None:
            brian2.seed(self._seed)
        self.set_template(self.describe(crop))

    def describe(self, crop: np.ndarray) -> np.ndarray:
        """Simulate an exemplar, without storing it.

        Parameters
        ----------
        crop : ndarray of uint8, shape (127, 127, 3)
            RGB, the object in the middle.

        Returns
        -------
        ndarray, shape (T, h, w, C)
            Its smoothed spike trains, see `Template`; with a wave, over the steps of the last window.
        """
        return Template.from_trains(self._embed(self.exemplar_branch, [crop])[0], self._kernel).smoothed

    def set_template(self, features: np.ndarray) -> None:
        """Look for what features describe: those of an exemplar, or a mean of several.

        Parameters
        ----------
        features : ndarray
            As from `describe`.
        """
        self.template = Template(features)

    def match(self, crops: np.ndarray | list[np.ndarray]) -> np.ndarray:
        """Compare search crops with the exemplar.

        Parameters
        ----------
        crops : list of ndarray of uint8, each of shape (255, 255, 3)
            As many as the matcher was built for.

        Returns
        -------
        ndarray, shape (crops, 17, 17)
            Response maps.

        Raises
        ------
        InputError
            If there are more or fewer crops, or there is no exemplar yet.
        """
        if len(crops) != self.crops:
            raise InputError(
                f"match: this matcher was built with crops={self.crops}, got {len(crops)} crops; "
                f"build SpikingMatcher with crops={len(crops)}"
            )
        if self.template is None:
            raise InputError("match: no exemplar yet; call set_exemplar(crop) first")
        if self._patience is not None:
            return self._match_until_decided(np.asarray(crops), self.template)
        potential = self.template.potential
        sent = self._embed(self.search_branch, crops, total=potential is not None)
        return (potential or self.template).match_all(sent)

    def _match_until_decided(self, crops, template):
        branch, number_of = self.search_branch, {int(step): k for k, step in enumerate(self._active)}
        responses, peak, since, matched = 0, None, 0, 0
        with closing(branch.stepwise(crops)) as steps:
            for step, fired in enumerate(steps):
                if step not in number_of:  # the last layer of a wave still gathers
                    continue
                matched += 1
                part = template.at(number_of[step])
                responses = responses + np.stack([part.match(one[None]) for one in fired])
                highest = int(responses.max(0).argmax())
                # a map without any spike has no peak
                since = since + 1 if highest == peak and responses.any() else 0
                peak = highest
                if since == self._patience:
                    break
        self._count(branch)
        return responses * np.float32(len(self._active) / matched)


def active_steps(branch: SpikingBranch) -> np.ndarray:
    """Steps in which the last layer of a branch can fire: all, or those of the last window of a wave.

    Parameters
    ----------
    branch : SpikingBranch
        The branch.

    Returns
    -------
    ndarray of int, shape (n,)
        Steps, counted from 0.
    """
    if branch.wave is None:
        return np.arange(branch.steps)
    return np.flatnonzero(branch.wave.fires(branch.wave.onset(max(branch.depths.values())), branch.steps))
