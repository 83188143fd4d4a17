"""Step objects that keep the spikes and state variables of a layer (see `step_objects`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .brian2_state import StepObject, value_array

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brian2 import NeuronGroup

__all__ = ["SpikeRecorder", "StateRecorder"]


class SpikeRecorder(StepObject):
    """Keeps the spikes of a layer.

    Parameters
    ----------
    group : brian2.NeuronGroup
        The layer.
    amplitude : str
        Variable that holds what a spike carries.
    order : int
        When it runs within the slot.
    """

    def __init__(self, group: NeuronGroup, amplitude: str, order: int) -> None:
        super().__init__(group, order, f"{group.name}_spikes")
        self._amplitude = value_array(group, amplitude)
        self._neurons: list[np.ndarray] = []
        self._amplitudes: list[np.ndarray] = []
        self._windows: list[tuple[int, np.ndarray, int]] = []  # first step, counts, p
        self._steps = 0

    def run(self) -> None:
        """Keep the spikes of this step."""
        self._keep_step(self._spikes.neurons.copy())

    def _keep_step(self, fired):
        carried = self._amplitude if self._amplitude.size == 1 else self._amplitude[fired]
        self._neurons.append(fired)
        self._amplitudes.append(np.broadcast_to(carried, len(fired)).astype(np.float32))

    def fill(self, first: int, counts: np.ndarray, p: int, steps: int) -> None:
        """Keep the spikes of a window (`window_pass`), which are listed when they are asked for.

        Parameters
        ----------
        first : int
            First step of the window.
        counts : ndarray of uint8, shape (N,)
            How often each neuron fired, beginning with that step.
        p : int
            Steps of the window.
        steps : int
            T; there are no spikes in steps outside the windows.
        """
        self._windows.append((first, counts, p))
        self._steps = steps

    def _list_windows(self):
        """List the spikes of windows step by step."""
        if not self._windows:
            return
        window_of = {first + s: (counts, s) for first, counts, p in self._windows for s in range(p)}
        self._windows = []
        none = np.zeros(0, np.uint8), 0
        for counts, s in (window_of.get(step, none) for step in range(self._steps)):
            self._keep_step(np.flatnonzero(counts > s).astype(np.int32))

    @property
    def neurons(self) -> list[np.ndarray]:
        """Neurons that fired in each step since the last reset."""
        self._list_windows()
        return self._neurons

    @property
    def amplitudes(self) -> list[np.ndarray]:
        """What the spikes carried, likewise."""
        self._list_windows()
        return self._amplitudes

    def reset(self) -> None:
        """Forget all spikes."""
        self._neurons, self._amplitudes, self._windows = [], [], []

    def kept(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the spikes of each step and their amplitudes."""
        return list(self.neurons), list(self.amplitudes)

    def keep(self, kept: tuple[list[np.ndarray], list[np.ndarray]]) -> None:
        """Go on from the spikes of each step and their amplitudes.

        Parameters
        ----------
        kept : tuple of list
            What `kept` returned.
        """
        self.reset()
        self._neurons, self._amplitudes = map(list, kept)

    def spikes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All recorded spikes, by step and then by neuron.

        Returns
        -------
        neuron : ndarray of int32, shape (spikes,)
            Index of the neuron within the group.
        step : ndarray of int64, shape (spikes,)
            Step in which it fired, from 0.
        amplitude : ndarray of float32, shape (spikes,)
            What the spike carried.
        """
        if self._windows and self._amplitude.size == 1:
            fired = [(np.flatnonzero(counts > s), first + s) for first, counts, p in self._windows for s in range(p)]
            neuron = np.concatenate([neurons for neurons, _ in fired], dtype=np.int32, casting="same_kind")
            step = np.repeat([step for _, step in fired], [len(neurons) for neurons, _ in fired])
            return neuron, step, np.full(len(neuron), self._amplitude[0], np.float32)
        counts = [len(neurons) for neurons in self.neurons]
        neurons = np.concatenate([np.zeros(0, np.int32), *self.neurons])
        amplitudes = np.concatenate([np.zeros(0, np.float32), *self.amplitudes])
        return neurons, np.repeat(np.arange(len(counts)), counts), amplitudes

    def sent(self, steps: np.ndarray, total: bool) -> np.ndarray:
        """What each neuron sent.

        Parameters
        ----------
        steps : ndarray of int, shape (n,)
            Steps that were run, each once.
        total : bool
            Whether to add up the steps.

        Returns
        -------
        ndarray of float32, shape (n, N), or (1, N) for the total
            Amplitudes; zero where a neuron did not fire.
        """
        size = self._spikes.size
        if total and self._windows and self._amplitude.size == 1:
            inside = {first + s for first, _, p in self._windows for s in range(p)}
            if inside == set(steps.tolist()):
                counts = np.add.reduce([counts for _, counts, _ in self._windows], dtype=np.float32)
                return (counts * np.float32(self._amplitude[0]))[None]
        result = np.zeros((1 if total else len(steps), size), np.float32)
        for k, step in enumerate(steps):
            result[0 if total else k, self.neurons[step]] += self.amplitudes[step]
        return result


class StateRecorder(StepObject):
    """Keeps state variables of a layer, as they are when the threshold is tested.

    Parameters
    ----------
    group : brian2.NeuronGroup
        The layer.
    variables : iterable of str
        Variables or subexpressions of the group.
    order : int
        When it runs within the slot.
    """

    def __init__(self, group: NeuronGroup, variables: Iterable[str], order: int) -> None:
        super().__init__(group, order, f"{group.name}_states")
        self._group = group
        self.values: dict[str, list[np.ndarray]] = {name: [] for name in variables}

    def run(self) -> None:
        """Keep the values of this step."""
        for name, values in self.values.items():
            now = np.array(getattr(self._group, f"{name}_")[:])
            values.append(np.broadcast_to(now, len(self._group)))  # a shared variable is one number

    def reset(self) -> None:
        """Forget all values."""
        for values in self.values.values():
            values.clear()

    def kept(self) -> dict[str, list[np.ndarray]]:
        """Return the values of each step by variable."""
        return {name: list(values) for name, values in self.values.items()}

    def keep(self, kept: dict[str, list[np.ndarray]]) -> None:
        """Go on from the values of each step.

        Parameters
        ----------
        kept : dict of str to list
            What `kept` returned.
        """
        self.values = {name: list(values) for name, values in kept.items()}
