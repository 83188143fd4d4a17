"""Objects of this package that run in every time step, beside Brian2's own.

They read the spike list of a group directly, so nothing has to be compiled for
them. Each runs in the slot ``thresholds``; its ``order`` says where among the
layers (see `runtime`). What they keep grows by one entry a step, however long
the network is run, and is part of what `Network.store` stores. See `recorders`
for those that keep spikes and state variables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .brian2_state import StepObject, value_array

if TYPE_CHECKING:
    from brian2 import NeuronGroup

    from ..connectivity.shared_kernel import SharedKernel

__all__ = ["KernelInput", "SpikeCounter"]


class SpikeCounter(StepObject):
    """Counts the spikes of a layer in each step, and their synaptic events where no kernel does.

    Parameters
    ----------
    group : brian2.NeuronGroup
        The layer.
    order : int
        When it runs within the slot.
    fan_out : ndarray of int, shape (H, W, C), optional
        Of each neuron of one image; without it no events are counted.
    name : str, optional
        Name of the Brian2 object; that of the group with ``_count`` by default.

    Attributes
    ----------
    spikes : list of int
        Spikes in each step since the last reset.
    events : list of int
        Spikes times fan-out, likewise.
    """

    def __init__(self, group: NeuronGroup, order: int, fan_out: np.ndarray | None = None, name: str = "") -> None:
        super().__init__(group, order, name or f"{group.name}_count")
        self.spikes: list[int] = []
        self.events: list[int] = []
        self._fan_out = None if fan_out is None else fan_out.ravel()

    def run(self) -> None:
        """Count the spikes of this step."""
        fired = self._spikes.neurons
        self.spikes.append(len(fired))
        if self._fan_out is not None:
            self.events.append(int(self._fan_out[fired % self._fan_out.size].sum()))

    def fill(self, first: int, spikes: list[int], steps: int) -> None:
        """Count the spikes of a window (`window_pass`).

        Parameters
        ----------
        first : int
            First step of the window.
        spikes : list of int
            Spikes in each of its steps.
        steps : int
            T; there are no spikes in steps outside the windows.
        """
        _fill(self.spikes, first, spikes, steps)

    def reset(self) -> None:
        """Start from zero."""
        self.spikes.clear()
        self.events.clear()

    def kept(self) -> tuple[list[int], list[int]]:
        """Return copies of the counts."""
        return list(self.spikes), list(self.events)

    def keep(self, kept: tuple[list[int], list[int]]) -> None:
        """Go on from copies of the counts.

        Parameters
        ----------
        kept : tuple of list
            What `kept` returned.
        """
        self.spikes[:], self.events[:] = kept


class KernelInput(StepObject):
    """Runs the shared kernel between two groups, in place of their Synapses.

    Parameters
    ----------
    kernel : SharedKernel
        Delivers the spikes.
    source : brian2.NeuronGroup
        Presynaptic neurons.
    amplitude : str
        Variable of ``source`` that holds what a spike carries.
    name : str
        Name of the Brian2 object.
    order : int
        When it runs within the slot.

    Attributes
    ----------
    events : list of int
        Synaptic events in each step since the last reset: spikes times fan-out.
    """

    def __init__(self, kernel: SharedKernel, source: NeuronGroup, amplitude: str, name: str, order: int) -> None:
        super().__init__(source, order, name)
        self.kernel = kernel
        self.events: list[int] = []
        self._amplitude = value_array(source, amplitude)

    def run(self) -> None:
        """Deliver the spikes of this step."""
        fired, amplitude = self._spikes.neurons, self._amplitude
        carried = amplitude if amplitude.size == 1 else amplitude[fired]
        self.events.append(self.kernel.deliver(fired, carried))

    def fill(self, first: int, events: list[int], steps: int) -> None:
        """Count the events of a window (`window_pass`).

        Parameters
        ----------
        first : int
            First step of the window.
        events : list of int
            Events in each of its steps.
        steps : int
            T; there are no events in steps outside the windows.
        """
        _fill(self.events, first, events, steps)

    def reset(self) -> None:
        """Forget the spikes of the last image."""
        self.events.clear()
        self.kernel.reset()

    def kept(self) -> tuple[list[int], Any]:
        """Return a copy of the events and of what the kernel keeps."""
        return list(self.events), self.kernel.kept()

    def keep(self, kept: tuple[list[int], Any]) -> None:
        """Go on from a copy of the events and of what the kernel keeps.

        Parameters
        ----------
        kept : tuple
            What `kept` returned.
        """
        self.events[:] = kept[0]
        self.kernel.keep(kept[1])


def _fill(by_step: list[int], first: int, numbers: list[int], steps: int) -> None:
    by_step.extend([0] * (steps - len(by_step)))
    by_step[first : first + len(numbers)] = numbers
