"""A branch as one C++ program, written by Brian2's ``cpp_standalone`` device.

With shared kernels, a function delivers the input of each layer. Brian2 calls it once per time step, after the
threshold of the presynaptic layer and before that of the postsynaptic one. It passes the arrays of the program to
``event_kernel.h`` and ``pooling_kernel.h``, the kernels of the runtime device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from brian2 import Function, NeuronGroup, defaultclock

from ..connectivity.blocks import KERNELS, blocked_kernel, kernel_block
from ..connectivity.kernel_equations import check_kernel_equations
from ..connectivity.shared_kernel import STRIP
from ..connectivity.views import ProjectionView, is_plain
from ..environment import available_threads
from ..errors import InputError
from ..model.layers import Convolution
from ..neurons.equations import TIME_STEP
from .branch import checked_connectivity
from .brian2_names import array_name, spike_list_name
from .compiled import CompiledBranch
from .standalone_build import build
from .synapses import input_name

if TYPE_CHECKING:
    from ..aliases import FilePath
    from ..model.conversion import SpikingModel
    from ..model.files import SiameseModel
    from ..neurons.equations import Codings

__all__ = ["StandaloneBranch"]

#: Where the headers of the kernels are. Every file includes them first, see `standalone_build`.
_KERNEL = {"include_dirs": [str(KERNELS)]}

_FUNCTION = """
static inline double {name}_kernel(const double none)
{{
    const int32_t* fired = {spikes};
    std::vector<int32_t> spikes;  // as the kernel sees them
    std::vector<{real}> amplitude;
    for (int q = 0; q < fired[{neurons}]; q++) {{
        const int32_t seen = {view};
        if (seen < 0) continue;
        spikes.push_back(seen);
        amplitude.push_back({amplitude}[{scalar} ? 0 : fired[q]]);
    }}
    const int n = spikes.size();
    siamsnn::ConvolutionGeometry g;
    g.images = 1;
    g.height = {sizes[0]}; g.width = {sizes[1]}; g.channels = {sizes[2]};
    g.out_height = {sizes[3]}; g.out_width = {sizes[4]}; g.out_channels = {sizes[5]};
    g.kernel = {layer.kernel}; g.stride = {layer.stride};
    {call}
    return none;
}}"""
_CALLS = {
    "convolution": "g.groups = {layer.groups}; g.block = {block}; siamsnn::convolve_events<{real}>(spikes.data(), n, "
    "amplitude.data(), 1, _namespace_{name}_weights, {v}, g, {strip}, {threads});",
    "max_pool": "g.groups = 1; g.block = 16; siamsnn::pool_events<{real}>(spikes.data(), n, amplitude.data(), 1, "
    "{count}, {m}, {emitted}, {rise}, g, {strip}, {threads});",
    "gate": "g.groups = 1; g.block = 16; siamsnn::gate_events<{real}>(spikes.data(), n, amplitude.data(), 1, "
    "{count}, {m}, {leader}, {passed}, g, {strip}, {threads});",
    "or_pool": "g.groups = 1; g.block = 16; siamsnn::or_events<{real}>(spikes.data(), n, amplitude.data(), 1, "
    "{arrived}, g, {strip}, {threads});",
}


class StandaloneBranch(CompiledBranch):
    """A spiking network that embeds images, as a compiled program.

    It is the network of `SpikingBranch` and gives the same spikes.

    Parameters
    ----------
    model : str, path, SiameseModel or SpikingModel
        Name of a shipped model, a model file, or a loaded model.
    image_size : int
        Side of the square images, in pixels: 127 (exemplar) or 255 (search region).
    steps : int, optional
        T, the time steps that each image is shown for; by default as many as a wave takes, or 20 with another coding.
    coding : str, path or NeuronEquations, optional
        Neuron equations of the last layer; by default ``"wave"``, the coding of all layers, or ``"rate"`` if `steps` is
        given.
    connectivity : {"kernel", "synapses"}
        Event-driven shared kernels (default), or explicit `brian2.Synapses`.
    threads : int, optional
        Threads of the kernels; all available processors by default.
    **options
        Other options of `CompiledBranch`.

    Raises
    ------
    InputError
        If an argument is invalid, or the program does not compile.
    """

    device = "cpp_standalone"

    def __init__(
        self,
        model: FilePath | SiameseModel | SpikingModel,
        image_size: int,
        steps: int | None = None,
        coding: Codings | None = None,
        *,
        connectivity: str = "kernel",
        threads: int | None = None,
        **options: Any,
    ) -> None:
        self._connectivity, self._threads = checked_connectivity(connectivity), threads or available_threads()
        super().__init__(model, image_size, steps, coding, **options)

    def _options(self):
        return {"build_on_run": False, "directory": str(self.directory)}

    def _group(self, k, equations, **options):
        group = super()._group(k, equations, **options)
        group.thresholder["spike"].when, group.thresholder["spike"].order = "thresholds", 10 * k
        return group

    def _monitor(self, k, group):
        monitor = super()._monitor(k, group)
        monitor.when, monitor.order = "thresholds", 10 * k + 1
        return monitor

    def _state_monitor(self, k, group):
        monitor = super()._state_monitor(k, group)
        monitor.when, monitor.order = "thresholds", 10 * k + 2
        return monitor

    def _connect(self, k, projection, source, target):
        if self._connectivity == "kernel":
            check_kernel_equations(self.equations[target.name], self.model.layers[k])
            return self._kernel(k, projection, source, target)
        synapses = super()._connect(k, projection, source, target)
        synapses.pre.when, synapses.pre.order = "thresholds", 10 * k - 5
        return synapses

    def _kernel(self, k, projection, source, target):
        """Make a group that calls the kernel of one input once per step and holds its state."""
        name = input_name(target, projection)
        view = None if is_plain(projection) else ProjectionView(projection)
        plain = projection if view is None else view.plain
        layer: Any = plain.layer
        amplitude = source.variables[self.equations[source.name].amplitude]
        convolution = isinstance(layer, Convolution)
        # `none` exists only so that a statement can call the kernel
        holder = NeuronGroup(
            plain.neurons_in,
            "none : 1 (shared)" + ("" if convolution else "\ncount : 1"),
            name=name,
            clock=defaultclock,
            dtype=self._dtype,
        )
        values = {
            "name": name,
            "layer": layer,
            "real": _real(self._dtype),
            "spikes": spike_list_name(source),
            "neurons": source.N,
            "amplitude": array_name(amplitude),
            "scalar": int(amplitude.scalar),
            "sizes": (*plain.shape_in, *plain.shape_out),
            "view": "fired[q]" if view is None else f"_namespace_{name}_view[fired[q]]",
            "strip": STRIP,
            "threads": self._threads,
        }
        tables = {} if view is None else {f"_{name}_view": view.index}
        if convolution:
            form = "convolution"
            values |= {"v": array_name(target.variables["v"]), "block": (block := kernel_block(layer))}
            square: Any = self.model.input_weights(projection)
            weights = blocked_kernel(square if view is None else view.embedded(square), layer.groups, block)
            tables[f"_{name}_weights"] = weights.astype(self._dtype)
        else:
            forms = {"arrived": "or_pool", "rise": "max_pool", "passed": "gate"}
            form = next(form for variable, form in forms.items() if variable in target.variables)
            held = {key: target.variables.get(key) for key in ("arrived", "m", "emitted", "rise", "leader", "passed")}
            values |= {key: array_name(variable) if variable else "(int32_t*)nullptr" for key, variable in held.items()}
            values["count"] = array_name(holder.variables["count"])
            holder.run_regularly(
                "count = 0", dt=self.presentation.length * TIME_STEP, when="start", name=f"{name}_start"
            )
        call = _CALLS[form].format(**values)
        kernel = Function(None, arg_units=[1], return_unit=1, stateless=False)
        kernel.implementations.add_implementation(
            "cpp", _FUNCTION.format(call=call, **values), name=f"{name}_kernel", namespace=tables, compiler_kwds=_KERNEL
        )
        holder.namespace[f"{name}_kernel"] = kernel
        holder.run_regularly(f"none = {name}_kernel(none)", when="thresholds", order=10 * k - 5, name=f"{name}_event")
        return holder

    def _restart(self):
        network = f"brian::{self.network.name}"
        return f"{network}.t = 0; for (auto& object : {network}.objects) object.first->t[0] = 0;"

    def _compile(self, device):
        real = _real(self._dtype) if self._connectivity == "kernel" else None
        try:
            self.network.run(self.batch_size * self.presentation.length * defaultclock.dt, namespace={})
            build(device, self.directory, real)
        except RuntimeError as error:
            message = f"{self.device}: the network does not compile: {error}; check that a C++ compiler is installed"
            raise InputError(message) from error


def _real(dtype):
    """The C++ type of a membrane potential."""
    return "float" if dtype == np.float32 else "double"
