"""The connectivity of a layer as one shared kernel, driven by events.

A Brian2 object that runs between two groups, in place of their Synapses: it
reads the spikes of the step, and adds the kernel's rows to the potentials of
the postsynaptic group (``event_kernel.h``). The weights are stored once, not
once a synapse, and both forms give the same spikes.
"""

import os

import numpy as np
from brian2.core.base import BrianObject

from . import _events
from .architecture import Convolution
from .errors import InputError
from .neurons import load_equations

__all__ = [
    "SharedKernel",
    "SharedKernelConvolution",
    "SharedKernelPooling",
    "available_threads",
    "check_kernel_equations",
]

#: Output channels that the kernel can add together.
_BLOCKS = (16, 32, 48, 64)
#: Output rows that are swept together: enough for the kernel rows in the first-level cache to be used again.
STRIP = 4


def available_threads():
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class SharedKernel(BrianObject):
    """Base of the two: reads a step's spikes and their amplitudes.

    Parameters
    ----------
    source, target : brian2.NeuronGroup
    amplitude : str
        Variable of ``source`` that holds what a spike carries.
    layer : Convolution or MaxPool
    shape_in, shape_out : tuple
        (height, width, channels) of the two groups.
        of one image; the groups may hold several images side by side.
    steps : int
        T.
    order : int
        Its place among what runs in the slot ``thresholds``.

    Attributes
    ----------
    events : ndarray of int64, shape (T,)
        Synaptic events in each step: spikes times fan-out.
    """

    def __init__(self, source, target, amplitude, layer, shape_in, shape_out, steps, order):
        super().__init__(clock=source.clock, when="thresholds", order=order, name=f"{target.name}_input")
        self.source, self.target, self.layer = source, target, layer
        self.amplitude = amplitude
        self.shape_in, self.shape_out = shape_in, shape_out
        self.images = source.N // int(np.prod(shape_in))
        self.events = np.zeros(steps, np.int64)
        self._step = source.clock.variables["timestep"]

    def spikes(self):
        """Indices of the neurons that fired in this step, ascending, and what each spike carries.

        The amplitudes are one number if all neurons share it.
        """
        space = self.source.variables["_spikespace"].get_value()
        fired = space[: space[-1]]
        amplitude = self.source.variables[self.amplitude].get_value()
        return fired, amplitude if amplitude.size == 1 else amplitude[fired]

    def reset(self):
        """Forget the spikes of the last image."""
        self.events[:] = 0

    def count(self, events):
        """Note the events of this step."""
        self.events[self._step.get_value()[0]] = events

    def values(self, variable):
        """The array behind a variable of the postsynaptic group."""
        return self.target.variables[variable].get_value()


class SharedKernelConvolution(SharedKernel):
    """v_post += w * amplitude for every synapse of a convolution (Eq. 3).

    Parameters
    ----------
    weights : ndarray, shape (out, in/groups, kernel, kernel)
        Kept once, in the precision of the postsynaptic group.
    threads : int
        Threads that share the output.
    """

    def __init__(self, source, target, amplitude, layer, shape_in, shape_out, steps, order, weights, threads):
        super().__init__(source, target, amplitude, layer, shape_in, shape_out, steps, order)
        per_group = layer.out_channels // layer.groups
        self.block = _block(per_group)
        self.threads = threads
        self.kernel = _blocked(weights, layer.groups, self.block).astype(self.values("v").dtype)

    def run(self):
        """Add this step's spikes."""
        fired, amplitude = self.spikes()
        layer = self.layer
        self.count(_events.convolve(
            fired, amplitude, self.kernel, self.values("v"), self.images, self.shape_in, self.shape_out,
            layer.kernel, layer.stride, layer.groups, self.block, STRIP, self.threads,
        ))  # fmt: skip


class SharedKernelPooling(SharedKernel):
    """The synapses of ``max_pool.toml`` as one kernel: running maxima of cumulated amplitudes."""

    def __init__(self, source, target, amplitude, layer, shape_in, shape_out, steps, order):
        super().__init__(source, target, amplitude, layer, shape_in, shape_out, steps, order)
        self.sums = np.zeros(source.N, self.values("m").dtype)

    def reset(self):
        """Forget the spikes of the last image."""
        super().reset()
        self.sums[:] = 0

    def run(self):
        """Raise the maxima by this step's spikes."""
        fired, amplitude = self.spikes()
        self.count(_events.pool(
            fired, amplitude, self.sums, self.values("m"), self.values("emitted"), self.values("rise"),
            self.images, self.shape_in, self.shape_out, self.layer.kernel, self.layer.stride,
        ))  # fmt: skip


def check_kernel_equations(equations, layer):
    """Raise :class:`InputError` if a kernel would do something else than the equations' ``on_pre`` says.

    Parameters
    ----------
    equations : NeuronEquations
        Of the layer's neurons.
    layer : Convolution or MaxPool
    """
    known = "rate" if isinstance(layer, Convolution) else "max_pool"
    expected = load_equations(known).on_pre

    def plain(text):
        return "".join(text.split())

    if plain(equations.on_pre) != plain(expected):
        raise InputError(
            f"{equations.name}: a shared kernel does what {known} does on a spike ({expected.strip()!r}), "
            f"not {equations.on_pre.strip()!r}; build the network with connectivity='synapses' for that"
        )


def _block(outputs):
    """Output channels that are added together: all of them, or parts without a rest where they are too many.

    A last part that is narrower than the others is padded, which nearly doubles the time it takes.
    """
    if outputs <= _BLOCKS[-1]:
        return next(block for block in _BLOCKS if outputs <= block)
    return next((block for block in _BLOCKS[:1:-1] if outputs % block == 0), _BLOCKS[-1])


def _blocked(weights, groups, block):
    """Reorder weights to [group][block of outputs][ky][kx][input channel][output in the block], zero-padded."""
    out, in_group, kernel, _ = weights.shape
    per_group = out // groups
    blocks = -(-per_group // block)
    padded = np.zeros((groups, blocks * block, in_group, kernel, kernel), weights.dtype)
    padded[:, :per_group] = weights.reshape(groups, per_group, in_group, kernel, kernel)
    parts = padded.reshape(groups, blocks, block, in_group, kernel, kernel)
    return np.ascontiguousarray(parts.transpose(0, 1, 4, 5, 3, 2)).ravel()
