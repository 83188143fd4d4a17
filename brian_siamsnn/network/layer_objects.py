"""The Brian2 objects of a network: neurons of each layer, input from the layer before, counters and recorders."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..connectivity.kernel_equations import check_kernel_equations, plain
from ..connectivity.shared_kernel import SharedKernelConvolution, SharedKernelPooling
from ..connectivity.viewed_kernel import ViewedKernel
from ..connectivity.views import is_plain, neuron_fan_out
from ..errors import InputError
from ..model.fixed_point_weights import shared_units
from ..model.graph import sources_of
from ..model.layers import Convolution
from .brian2_code import FusedPass
from .brian2_state import initial_values, state_arrays, value_array, without_warning
from .layer_equations import check_input_current
from .recorders import SpikeRecorder, StateRecorder
from .step_objects import KernelInput, SpikeCounter
from .synapses import build_synapses, input_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import numpy.typing as npt
    from brian2 import Clock
    from brian2.core.base import BrianObject

    from ..model.conversion import SpikingModel
    from ..neurons.equations import NeuronEquations

__all__ = ["LayerObjects"]


class LayerObjects:
    """The objects of all layers. The thresholds of layer number k run in order 10 k of their slot.

    Parameters
    ----------
    model : SpikingModel
        The network.
    image_size : int
        Side of the square images, in pixels.
    equations : mapping of str to NeuronEquations
        By layer.
    clock : brian2.Clock
        Of all objects.
    dtype : dtype
        Precision of neurons and weights.
    batch_size : int
        Images side by side.
    explicit : bool
        Whether every weight is a Brian2 synapse; else there is a shared kernel per layer.
    threads : int
        Threads of the kernels.
    prefix : str
        What the names of the objects begin with.
    recorded : collection of str
        Layers whose spikes are kept.
    recorded_states : mapping of str to collection of str
        State variables that are kept, by layer.

    Attributes
    ----------
    groups : dict of str to brian2.NeuronGroup
        By layer.
    passes : dict of str to FusedPass
        By layer.
    inputs : dict of str to KernelInput or brian2.Synapses
        By postsynaptic layer; further inputs of a layer of a graph by the key of their `Projection`.
    counters : dict of str to SpikeCounter
        By layer.
    recorders : dict of str to SpikeRecorder
        By layer, for those recorded.
    state_recorders : dict of str to StateRecorder
        Likewise.

    Raises
    ------
    InputError
        If a shared kernel cannot do what the equations say, Brian2 does not accept them, or a variable to record does
        not exist.
    """

    def __init__(
        self,
        model: SpikingModel,
        image_size: int,
        equations: Mapping[str, NeuronEquations],
        *,
        clock: Clock,
        dtype: npt.DTypeLike,
        batch_size: int,
        explicit: bool,
        threads: int,
        prefix: str,
        recorded: Collection[str],
        recorded_states: Mapping[str, Collection[str]],
    ) -> None:
        self._model, self._equations, self._clock, self._dtype = model, equations, clock, dtype
        self._shapes, self._projections = model.shapes(image_size), model.projections(image_size)
        self._batch_size, self._explicit, self._threads, self._prefix = batch_size, explicit, threads, prefix
        self._recorded, self._recorded_states = recorded, recorded_states
        self.groups: dict[str, Any] = {}
        self.passes: dict[str, FusedPass] = {}
        self.inputs: dict[str, Any] = {}
        self.counters: dict[str, SpikeCounter] = {}
        self.recorders: dict[str, SpikeRecorder] = {}
        self.state_recorders: dict[str, StateRecorder] = {}
        self._event_counters: dict[str, SpikeCounter] = {}
        sources = sources_of(model.layers)
        carries_one: dict[str, bool] = {}  # whether every spike of a layer carries 1
        for k, layer in enumerate(model.layers):
            received = all(carries_one[source] for source in sources[layer.name])
            self._add_layer(k, layer, received)
            own = equations[layer.name]
            neurons = isinstance(layer, Convolution)  # a pooling layer passes on what it receives
            carries_one[layer.name] = own.parameters.get(own.amplitude) == 1 if neurons else received

    def __iter__(self) -> Iterator[BrianObject]:
        parts = (
            self.groups,
            self.inputs,
            self.counters,
            self._event_counters,
            self.recorders,
            self.state_recorders,
        )
        return (item for part in parts for item in part.values())

    @cached_property
    def _initial_values(self):
        """Arrays of all state variables and what they begin with; none is allocated anew later."""
        groups = [(group, self._equations[name].initial) for name, group in self.groups.items()]
        synapses: list[tuple[Any, dict[str, float]]] = [(item, {}) for item in self.inputs.values() if self._explicit]
        return [pair for item, initial in (*groups, *synapses) for pair in initial_values(item, initial)]

    def reset(self) -> None:
        """Set every state variable to its value before the first step, and forget all spikes."""
        for values, initial in self._initial_values:
            values[:] = initial
        for connection in () if self._explicit else self.inputs.values():
            connection.reset()
        for part in (self.counters, self._event_counters, self.recorders, self.state_recorders):
            for item in part.values():
                item.reset()

    def events(self) -> dict[str, list[int]]:
        """Synaptic events of each connection in each step since the last reset, by the key of its projection.

        Returns
        -------
        dict of str to list of int
            A kernel counts its own; explicit synapses are counted where the spikes come from.
        """
        counted = self._event_counters if self._explicit else self.inputs
        return {key: counter.events for key, counter in counted.items()}

    def _add_layer(self, k, layer, unit_spikes):
        """Add the neurons of one layer, its inputs from the layers before, and what counts and records it."""
        name, equations = layer.name, self._equations[layer.name]
        if not self._explicit:
            check_kernel_equations(equations, layer)
        weights = units = None
        if k > 0 and isinstance(layer, Convolution):
            weights, bias = self._model.weights[name]
            if unit_spikes:
                units = shared_units(weights, bias, equations.initial.get("v", 0.0))
        self.groups[name] = group = self._group(k, layer, equations, units is not None)
        if k > 0:
            if weights is not None:
                value_array(group, "I")[:] = np.tile(bias, group.N // len(bias))
            for key, projection in self._projections.items():
                if projection.layer.name == name:
                    self._connect(k, key, projection, units)
        self.counters[name] = SpikeCounter(group, 10 * k + 1)
        if name in self._recorded:
            self.recorders[name] = SpikeRecorder(group, equations.amplitude, 10 * k + 1)
        if name in self._recorded_states:
            self.state_recorders[name] = StateRecorder(group, self._recorded_states[name], 10 * k + 2)

    def _group(self, k, layer, equations, fixed_point):
        """The neurons of layer number k, which fire in its turn within a step."""
        size = self._batch_size * int(np.prod(self._shapes[layer.name]))
        group = without_warning(equations.group(size, f"{self._prefix}{layer.name}", self._clock, self._dtype))
        thresholder = group.thresholder["spike"]
        thresholder.when, thresholder.order = "thresholds", 10 * k
        check_input_current(equations, layer, group)
        if layer.name in self._recorded_states:
            for variable in self._recorded_states[layer.name]:
                if variable not in group.equations.names:
                    raise InputError(
                        f"record_states: {layer.name}: expected variables of {equations.name} "
                        f"{sorted(group.equations.names)}, got {variable!r}"
                    )
        update = k == 0 or (fixed_point and plain(equations.update) == "v+=I")
        self.passes[layer.name] = FusedPass(group, equations, update)
        return group

    def _connect(self, k, key, projection, units):
        """Connect one input of layer number k."""
        source, weights = projection.source, self._model.input_weights(projection)
        connect = self._connect_synapses if self._explicit else self._connect_kernel
        self.inputs[key] = connect(k, projection, weights, units)
        if self._explicit:
            group = self.groups[source]
            order, name = group.thresholder["spike"].order + 1, f"{self._prefix}{key}_events"
            self._event_counters[key] = SpikeCounter(group, order, neuron_fan_out(projection), name)

    def _connect_synapses(self, k, projection, weights, units):
        source, target = projection.source, projection.layer.name
        presynaptic, equations = self._equations[source], self._equations[target]
        synapses = build_synapses(
            projection,
            self.groups[source],
            self.groups[target],
            equations.synapse,
            equations.arriving(presynaptic),
            weights,
            self._dtype,
        )
        synapses.pre.when, synapses.pre.order = "thresholds", 10 * k - 5
        return without_warning(synapses)

    def _connect_kernel(self, k, projection, weights, units):
        source, target = projection.source, projection.layer.name
        common = projection, state_arrays(self.groups[target]), self._batch_size, self._threads
        kernel: Any
        if not is_plain(projection):
            kernel = ViewedKernel(*common, weights=weights, units=units)
        elif weights is None:
            kernel = SharedKernelPooling(*common)
        else:
            kernel = SharedKernelConvolution(*common, weights=weights, units=units)
        amplitude = self._equations[source].amplitude
        name = input_name(self.groups[target], projection)
        return KernelInput(kernel, self.groups[source], amplitude, name, 10 * k - 5)
