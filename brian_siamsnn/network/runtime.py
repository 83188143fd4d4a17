"""A branch on Brian2's runtime device: a `brian2.Network`, built once and stepped for every image.

Within a time step the layers take their turns (Brian2's ``order``), so that a
spike crosses all layers in the step in which it is fired, as Eq. 2-4 say:

    slot groups       every layer adds its input current       v += I
    slot thresholds   layer 1 fires; its spikes are added to layer 2;
                      layer 2 fires; its spikes are added to layer 3; ...
    slot resets       every neuron that fired is reset         v -= v_th

`Network.run` generates all code again at each call, which takes longer than
simulating a small network. The branch does that once, and then runs the
network's objects in their order, as `Network.run` does. Its clock is set to zero
for each image: ``t`` in an equation is the time since the image was shown.
"""

from __future__ import annotations

from contextlib import closing
from operator import methodcaller
from typing import TYPE_CHECKING, Any

import numpy as np
from brian2 import Clock, Network, ms

from ..connectivity.explicit import fan_out
from ..connectivity.kernel_equations import check_kernel_equations, plain
from ..connectivity.shared_kernel import SharedKernelConvolution, SharedKernelPooling
from ..defaults import CODING
from ..environment import available_threads
from ..errors import InputError, reason_of
from ..model.fixed_point_weights import shared_units
from ..model.layers import Convolution
from ..neurons.equations import TIME_STEP
from ..spikes.trains import SpikeTrains
from .branch import Branch, checked_connectivity
from .brian2_internals import (
    calls_of,
    check_compiled,
    code_generation,
    fuse_passes,
    remove_broken_modules,
    reset_state,
    set_step,
    state_arrays,
    step_counter,
    use_branchless_threshold,
    value_array,
)
from .layer_equations import check_input_current
from .memory import check_memory
from .step_objects import KernelInput, SpikeCounter, SpikeRecorder, StateRecorder
from .synapses import build_synapses

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from ..aliases import FilePath
    from ..model.conversion import SpikingModel
    from ..model.files import SiameseModel
    from ..neurons.equations import Codings
    from .brian2_internals import Call

__all__ = ["SpikingBranch"]


class SpikingBranch(Branch):
    """A spiking network that turns images into spike trains, stepped from Python.

    Parameters
    ----------
    model, image_size, steps, coding, **options
        See `Branch`.
    connectivity : {"kernel", "synapses"}
        Shared kernels (default), or every weight a Brian2 synapse; both give the same spikes.
    threads : int, optional
        Threads of the kernels; by default all processors that this process may use.

    Attributes
    ----------
    network : brian2.Network
        Everything that a step runs.
    groups : dict of str to brian2.NeuronGroup
        By layer. With a batch, image n has the neurons n*N to (n+1)*N - 1, N being those of one image.
    clock : brian2.Clock
        With a time step of 1 ms; it starts at 0 for every image.
    threads : int
        Threads of the kernels.

    Raises
    ------
    InputError
        If an argument is invalid, a shared kernel cannot do what the equations say, or the network does not fit
        into memory.

    Examples
    --------
    >>> branch = SpikingBranch("compact", 127, record=["conv2"])  # doctest: +SKIP
    >>> branch.run(image)                                         # doctest: +SKIP
    >>> branch.trains("conv2").firing_rates()                     # doctest: +SKIP
    """

    device = "runtime"

    def __init__(
        self,
        model: FilePath | SiameseModel | SpikingModel,
        image_size: int,
        steps: int | None = None,
        coding: Codings = CODING,
        *,
        connectivity: str = "kernel",
        threads: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(model, image_size, steps, coding, **options)
        self._explicit = checked_connectivity(connectivity) == "synapses"
        self.threads = threads or available_threads()
        check_memory(self.model, image_size, self.batch_size, connectivity)
        remove_broken_modules()
        self.clock = Clock(dt=TIME_STEP, name="image_clock")
        self.groups: dict[str, Any] = {}
        self._inputs: dict[str, Any] = {}
        self._counters: dict[str, SpikeCounter] = {}
        self._recorders: dict[str, SpikeRecorder] = {}
        self._state_recorders: dict[str, StateRecorder] = {}
        # whether every spike that the layer in hand receives carries 1
        unit_spikes = False
        for k, layer in enumerate(self.model.layers):
            self._add_layer(k, layer, unit_spikes)
            if isinstance(layer, Convolution):  # a pooling layer passes on what it receives
                equations = self.equations[layer.name]
                unit_spikes = equations.parameters.get(equations.amplitude) == 1
        parts = (self.groups, self._inputs, self._counters, self._recorders, self._state_recorders)
        self.network = Network(*(item for part in parts for item in part.values()))
        self._ready: list[Call] = []
        self._trains: dict[str, list[SpikeTrains]] = {}  # of the last run, made when they are asked for

    def _add_layer(self, k, layer, unit_spikes):
        """Add the neurons of one layer, its input from the layer before, and what counts and records it."""
        name, equations = layer.name, self.equations[layer.name]
        if not self._explicit:
            check_kernel_equations(equations, layer)
        weights = units = None
        if k > 0 and isinstance(layer, Convolution):
            weights, bias = self.model.weights[name]
            if unit_spikes:
                units = shared_units(weights, bias, equations.initial.get("v", 0.0))
        self.groups[name] = group = self._group(k, layer, equations, units is not None)
        if k > 0:
            if weights is not None:
                value_array(group, "I")[:] = np.tile(bias, group.N // len(bias))
            before = self.model.layers[k - 1].name
            connect = self._connect_synapses if self._explicit else self._connect_kernel
            self._inputs[name] = connect(k, self.groups[before], group, weights, units)
        # a kernel counts its own events; explicit synapses are counted where the spikes come from
        following = self.model.layers[k + 1].name if k + 1 < len(self.model.layers) else None
        counted = fan_out(self.projections[following]) if self._explicit and following else None
        self._counters[name] = SpikeCounter(group, self.steps, 10 * k + 1, counted, self.shapes[name][2])
        if name in self._recorded:
            self._recorders[name] = SpikeRecorder(group, equations.amplitude, 10 * k + 1)
        if name in self._recorded_states:
            self._state_recorders[name] = StateRecorder(group, self._recorded_states[name], 10 * k + 2)

    def _group(self, k, layer, equations, fixed_point):
        """The neurons of layer number k, which fire in its turn within a step."""
        size = self.batch_size * int(np.prod(self.shapes[layer.name]))
        group = equations.group(size, layer.name, self.clock, self._dtype)
        thresholder = group.thresholder["spike"]
        thresholder.when, thresholder.order = "thresholds", 10 * k
        use_branchless_threshold(group)
        check_input_current(equations, layer, group)
        if layer.name in self._recorded_states:
            for variable in self._recorded_states[layer.name]:
                if variable not in group.equations.names:
                    raise InputError(
                        f"record_states: {layer.name}: expected variables of {equations.name} "
                        f"{sorted(group.equations.names)}, got {variable!r}"
                    )
        else:  # a recorded layer keeps its passes apart, or v would be recorded after its reset
            fuse_passes(group, equations, update=k == 0 or (fixed_point and plain(equations.update) == "v+=I"))
        return group

    def _connect_synapses(self, k, source, target, weights, units):
        presynaptic, equations = self.equations[source.name], self.equations[target.name]
        synapses = build_synapses(
            self.projections[target.name],
            source,
            target,
            equations.synapse,
            equations.arriving(presynaptic),
            weights,
            self._dtype,
        )
        synapses.pre.when, synapses.pre.order = "thresholds", 10 * k - 5
        return synapses

    def _connect_kernel(self, k, source, target, weights, units):
        common = self.projections[target.name], state_arrays(target), self.batch_size, self.threads
        if weights is None:
            kernel: Any = SharedKernelPooling(*common)
        else:
            kernel = SharedKernelConvolution(*common, weights=weights, units=units)
        amplitude = self.equations[source.name].amplitude
        return KernelInput(kernel, source, amplitude, f"{target.name}_input", self.steps, 10 * k - 5)

    @property
    def codegen(self) -> str | None:
        """Code generation that Brian2 chose for the neurons: ``"cython"`` or ``"numpy"``; None before `prepare`."""
        return code_generation(self.groups[self.last_layer]) if self._ready else None

    def prepare(self) -> None:
        """Let Brian2 generate and compile the code of all equations; otherwise the first run does.

        Raises
        ------
        InputError
            If Brian2 cannot generate code for the equations, or Cython does not compile it.
        """
        if not self._ready:
            try:
                self.network.run(0 * ms, namespace={})
            except Exception as error:  # Brian2's code generation raises exceptions of many types
                raise InputError(f"Brian2 cannot generate code for these equations: {reason_of(error)}") from error
            check_compiled(self.network.sorted_objects)
            self._ready = [call for item in self.network.sorted_objects if item.active for call in calls_of(item)]

    def reset(self) -> None:
        """Set every state variable to its value before the first step, and forget all spikes."""
        for name, group in self.groups.items():
            reset_state(group, self.equations[name].initial)
        for connection in self._inputs.values():
            if self._explicit:
                reset_state(connection, {})
            else:
                connection.reset()
        for part in (self._counters, self._recorders, self._state_recorders):
            for item in part.values():
                item.reset()
        self._trains.clear()
        set_step(self.clock, 0)

    def _simulate(self, images):
        for _ in self._advance(images, methodcaller("run")):
            pass

    def stepwise(
        self, images: np.ndarray, execute: Callable[[Call], Any] = methodcaller("run")
    ) -> Generator[np.ndarray, None, None]:
        """Show images step by step, for as long as the caller iterates.

        Parameters
        ----------
        images : ndarray, shape (batch_size, image_size, image_size, 3)
            As for `run_batch`.
        execute : callable
            Runs one `Call` of a step; a profiler measures here. By default it just runs.

        Yields
        ------
        ndarray, shape (batch_size, H, W, C), single precision
            Amplitudes of the spikes that the last layer fired in this step, zero
            where there is none. Valid until the next step.

        Notes
        -----
        Close the generator (`contextlib.closing`) when leaving it early; then
        `spikes`, `operations`, `trains` and `states` cover the steps that were
        run, and `steps_run` says how many.
        """
        recorder = self._recorders[self.last_layer]
        fired = np.zeros((self.batch_size, *self.shapes[self.last_layer]), np.float32)
        flat = fired.reshape(-1)
        with closing(self._advance(self._checked_batch(images), execute)) as steps:
            for _ in steps:
                neurons = recorder.neurons[-1]
                flat[neurons] = recorder.amplitudes[-1]
                yield fired
                flat[neurons] = 0

    def _advance(self, images, execute):
        """Start afresh and run step by step; counts are gathered at the end, or when the generator is closed."""
        self.prepare()
        self.reset()
        current = value_array(self.groups[self.model.layers[0].name], "I").reshape(self.batch_size, -1)
        for row, image in zip(current, images, strict=True):
            row[:] = self.first_layer.current(image, self.threads).ravel()
        step = step_counter(self.clock)
        try:
            for k in range(1, self.steps + 1):
                for call in self._ready:
                    execute(call)
                set_step(self.clock, k)
                self._trains.clear()  # whoever asks for them between two steps gets those so far
                yield k
        except Exception as error:  # raised by the equations, such as a division by zero
            raise InputError(f"step {int(step[0])}: these equations cannot be run: {reason_of(error)}") from error
        finally:
            self.steps_run = int(step[0])
            self.spikes = {name: counter.spikes.copy() for name, counter in self._counters.items()}
            self.operations = {name: self._events(name).copy() for name in self._inputs}

    def _events(self, name):
        if not self._explicit:
            return self._inputs[name].events
        names = list(self.shapes)
        return self._counters[names[names.index(name) - 1]].events

    def _trains_of(self, layer, image):
        if layer not in self._trains:
            neuron, step, amplitude = self._recorders[layer].spikes()
            shape = self.shapes[layer]
            number, neuron = np.divmod(neuron, int(np.prod(shape)))
            self._trains[layer] = [
                SpikeTrains(neuron[mine], step[mine], amplitude[mine], shape, self.steps)
                for mine in (number == n for n in range(self.batch_size))
            ]
        return self._trains[layer][image]

    def _states_of(self, layer, variable):
        values = self._state_recorders[layer].values[variable]
        return np.array(values).reshape(len(values), len(self.groups[layer]))
