"""The connectivity of a layer as one shared kernel, driven by events.

A Brian2 object that runs between two groups, in place of their Synapses: it
reads the spikes of the step, and adds the kernel's rows to the potentials of
the postsynaptic group (``event_kernel.h``). The weights are stored once, not
once a synapse, and both forms give the same spikes.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from brian2.core.base import BrianObject

from ..model.layers import Convolution
from . import _events
from .blocks import blocked_kernel, kernel_block

if TYPE_CHECKING:
    from collections.abc import Callable

    from brian2 import NeuronGroup

    from ..aliases import Shape
    from ..model.layers import Layer

__all__ = ["SharedKernel", "SharedKernelConvolution", "SharedKernelPooling"]

#: Output rows that are swept together: enough for the kernel rows in the first-level cache to be used again.
STRIP = 8


class SharedKernel(BrianObject):
    """Base of the two: reads a step's spikes and their amplitudes.

    Parameters
    ----------
    source, target : brian2.NeuronGroup
    amplitude : str
        Variable of ``source`` that holds what a spike carries.
    layer : Convolution or MaxPool
    shape_in, shape_out : tuple
        (height, width, channels) of one image of the two groups; the groups may hold several images side by side.
    steps : int
        T.
    order : int
        Its place among what runs in the slot ``thresholds``.
    threads : int
        Threads that share the output.

    Attributes
    ----------
    events : ndarray of int64, shape (T,)
        Synaptic events in each step: spikes times fan-out.
    """

    def __init__(
        self,
        source: NeuronGroup,
        target: NeuronGroup,
        amplitude: str,
        layer: Layer,
        shape_in: Shape,
        shape_out: Shape,
        steps: int,
        order: int,
        threads: int,
    ) -> None:
        super().__init__(clock=source.clock, when="thresholds", order=order, name=f"{target.name}_input")
        self.source, self.target, self.layer = source, target, layer
        self.threads = threads
        self.shape_in, self.shape_out = shape_in, shape_out
        self.images = source.N // int(np.prod(shape_in))
        self.dtype = self.values("v" if isinstance(layer, Convolution) else "m").dtype
        self.events = np.zeros(steps, np.int64)
        self._step = source.clock.variables["timestep"].get_value()
        self._space = source.variables["_spikespace"].get_value()
        self._amplitude = source.variables[amplitude].get_value()

    def spikes(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the neurons that fired in this step, ascending, and what each spike carries.

        The amplitudes are one number if all neurons share it.
        """
        fired, amplitude = self._space[: self._space[-1]], self._amplitude
        return fired, np.asarray(amplitude if amplitude.size == 1 else amplitude[fired], self.dtype)

    def reset(self) -> None:
        """Forget the spikes of the last image."""
        self.events[:] = 0

    def count(self, events: int) -> None:
        """Note the events of this step."""
        self.events[self._step[0]] = events

    def values(self, variable: str) -> np.ndarray:
        """The array behind a variable of the postsynaptic group."""
        return self.target.variables[variable].get_value()


class SharedKernelConvolution(SharedKernel):
    """v_post += w * amplitude for every synapse of a convolution (Eq. 3).

    Parameters
    ----------
    weights : ndarray, shape (out, in/groups, kernel, kernel)
        Kept once, in the precision of the postsynaptic group.
    units : ndarray, shape (out,), optional
        Of fixed-point weights (`shared_units`): spikes that carry 1 are then summed as
        integers.
    """

    layer: Convolution

    def __init__(
        self,
        source: NeuronGroup,
        target: NeuronGroup,
        amplitude: str,
        layer: Convolution,
        shape_in: Shape,
        shape_out: Shape,
        steps: int,
        order: int,
        threads: int,
        weights: np.ndarray,
        units: np.ndarray | None = None,
    ) -> None:
        super().__init__(source, target, amplitude, layer, shape_in, shape_out, steps, order, threads)
        self._weights = weights
        self._v = self.values("v")
        self._fixed_point = None
        if units is not None:
            whole = (weights / units[:, None, None, None]).astype(np.int16)
            block = kernel_block(layer, fixed_point=True)
            self._fixed_point = blocked_kernel(whole, layer.groups, block), units.astype(self.dtype), block

    @cached_property
    def kernel(self) -> tuple[np.ndarray, int]:
        """The weights by blocks of so many output channels."""
        block = kernel_block(self.layer)
        return blocked_kernel(self._weights, self.layer.groups, block).astype(self.dtype), block

    def run(self) -> None:
        """Add this step's spikes."""
        fired, amplitude = self.spikes()
        layer = self.layer
        place = (self._v, self.images, self.shape_in, self.shape_out, layer.kernel, layer.stride, layer.groups)
        if self._fixed_point is not None and _all_one(amplitude):
            whole, units, block = self._fixed_point
            events = _events.convolve_fixed_point(fired, whole, units, *place, block, STRIP, self.threads)
        else:
            weights, block = self.kernel
            events = _events.convolve(fired, amplitude, weights, *place, block, STRIP, self.threads)
        self.count(events)


def _all_one(amplitude):
    return amplitude.item() == 1 if amplitude.size == 1 else bool((amplitude == 1).all())


class SharedKernelPooling(SharedKernel):
    """The synapses of ``max_pool.toml``, ``max_pool_first.toml`` or ``max_pool_all.toml`` as one kernel.

    Which of them follows from the variables of the postsynaptic group.
    """

    def __init__(
        self,
        source: NeuronGroup,
        target: NeuronGroup,
        amplitude: str,
        layer: Layer,
        shape_in: Shape,
        shape_out: Shape,
        steps: int,
        order: int,
        threads: int,
    ) -> None:
        super().__init__(source, target, amplitude, layer, shape_in, shape_out, steps, order, threads)
        self.sums = np.zeros(source.N, self.dtype)
        self.arrive: Callable[..., int]
        if "rise" in target.variables:
            self.arrive, state = _events.pool, (self.values("emitted"), self.values("rise"))
        else:
            leader = self.values("leader") if "leader" in target.variables else np.zeros(0, np.int32)
            self.arrive, state = _events.gate, (leader, self.values("passed"))
        self.state = (self.values("m"), *state)

    def reset(self) -> None:
        """Forget the spikes of the last image."""
        super().reset()
        self.sums[:] = 0

    def run(self) -> None:
        """Let this step's spikes arrive at their windows."""
        fired, amplitude = self.spikes()
        self.count(
            self.arrive(
                fired,
                amplitude,
                self.sums,
                *self.state,
                self.images,
                self.shape_in,
                self.shape_out,
                self.layer.kernel,
                self.layer.stride,
                STRIP,
                self.threads,
            )
        )
