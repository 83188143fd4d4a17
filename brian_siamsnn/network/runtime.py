"""One branch of the Siamese network as a `brian2.Network`.

Built once, run for every image. Within a time step the layers take their turn
(Brian2's ``order``), so that a spike crosses all layers in the step in which it
is fired, as Eq. 2-4 say:

    slot groups       every layer adds its input current       v += I
                      (the first one as it is asked whether it fires)
    slot thresholds   layer 1 fires; its spikes are added to layer 2;
                      layer 2 fires; its spikes are added to layer 3; ...
    slot resets       every neuron that fired is reset         v -= v_th

``Network.run`` prepares all code anew at each call, which takes longer than
simulating a small network. The branch prepares once and then steps through the
network's objects in their order, as ``Network.run`` does, with its own clock set
to zero for each image: ``t`` in an equation is the time within the image.
"""

from __future__ import annotations

from contextlib import closing
from operator import methodcaller
from typing import TYPE_CHECKING, Any

import numpy as np
from brian2 import Clock, Network, SpikeMonitor, get_device, ms

from ..connectivity.explicit import fan_out
from ..connectivity.first_layer import FirstLayer
from ..connectivity.kernel_equations import check_kernel_equations
from ..connectivity.shared_kernel import SharedKernelConvolution, SharedKernelPooling
from ..environment import available_threads
from ..errors import InputError, reason_of
from ..model.fixed_point_weights import shared_units
from ..model.layers import Convolution
from ..neurons.equations import TIME_STEP, reset_state
from ..spikes.trains import SpikeTrains
from .code_cache import check_compiled, remove_broken
from .layer_equations import branch_equations
from .layer_objects import Tally, calls_of, check_memory, explicit_synapses, layer_group

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    import numpy.typing as npt

    from ..model.conversion import SpikingModel
    from ..neurons.equations import Codings, NeuronEquations

__all__ = ["SpikingBranch"]


class SpikingBranch:
    """A spiking network that embeds images.

    Parameters
    ----------
    model : SpikingModel
    image_size : int
        Side of the square images, in pixels: 127 (exemplar) or 255 (search).
    steps : int
        T, the time steps each image is shown for.
    coding : str or NeuronEquations
        Neuron model of the last layer.
    hidden_coding : str, NeuronEquations or dict
        Neuron model of the convolutions before it; a dict gives that of each by
        the layer's name, and ``"rate"`` to those that it does not name.
    pooling : str or NeuronEquations
        Gate of the pooling layers: ``"max_pool"``, ``"max_pool_first"``, ``"max_pool_all"``.
    connectivity : {"kernel", "synapses"}
        Shared kernels driven by events, or explicit Synapses.
    dtype : dtype
        Precision of the neurons and weights.
    record : tuple of str
        Layers whose spikes are kept besides the last one's; see `trains`.
    threads : int, optional
        Threads of the kernels; as many as there are processors by default.
    images : int
        Images that are simulated side by side, each in neurons of its own.

    Attributes
    ----------
    network : brian2.Network
    groups : dict of str to brian2.NeuronGroup
    spikes : dict of str to ndarray, shape (T,)
        Spikes of each layer in each step of the last run, of all images together.
    operations : dict of str to ndarray, shape (T,)
        Synaptic events into each layer but the first, counted likewise.
    threads : int
    steps_run : int
        Steps of the last run: T, or fewer where `stepwise` was left early.

    Raises
    ------
    InputError
        If an argument is off, or explicit synapses would not fit into memory.
    """

    def __init__(
        self,
        model: SpikingModel,
        image_size: int,
        steps: int = 20,
        coding: Codings = "rate",
        hidden_coding: Codings = "rate",
        pooling: Codings = "max_pool",
        connectivity: str = "kernel",
        dtype: npt.DTypeLike = np.float32,
        record: Iterable[str] = (),
        threads: int | None = None,
        images: int = 1,
    ) -> None:
        for name, number in {"steps": steps, "images": images}.items():
            if number < 1:
                raise InputError(f"{name}: expected 1 or more, got {number}")
        if connectivity not in ("kernel", "synapses"):
            raise InputError(f"connectivity: expected 'kernel' or 'synapses', got {connectivity!r}")
        if get_device().__class__.__name__ != "RuntimeDevice":
            raise InputError(
                "a branch steps its network from Python and needs Brian2's runtime device; "
                f"set_device({get_device().__class__.__name__}) is in force"
            )
        self.model, self.image_size, self.steps, self.images = model, image_size, steps, images
        self.shapes = model.shapes(image_size)
        self.first_layer = FirstLayer(model)
        names = list(self.shapes)
        for name in record:
            if name not in names:
                raise InputError(f"record: {name!r} is not a layer of this model {names}")
        self._dtype = np.dtype(dtype)
        self._explicit = connectivity == "synapses"
        self.threads = threads or available_threads()
        check_memory(model, image_size, images, self._explicit)
        remove_broken()
        self.clock = Clock(dt=TIME_STEP, name="image_clock")
        self.groups: dict[str, Any] = {}
        self.equations: dict[str, NeuronEquations] = {}
        self._inputs: dict[str, Any] = {}
        self._tallies: dict[str, Tally] = {}
        self._carries_one = False  # whether every spike of the last layer so far does
        codings = branch_equations(model, coding, hidden_coding, pooling)
        for k, layer in enumerate(model.layers):
            self._add_layer(k, layer, codings[layer.name])
        self._monitors = {
            name: self._monitor(name, 10 * names.index(name) + 1) for name in dict.fromkeys((*record, names[-1]))
        }
        self.network = Network(
            *self.groups.values(), *self._inputs.values(), *self._tallies.values(), *self._monitors.values()
        )
        self._ready: list[Any] | None = None

    def _add_layer(self, k, layer, equations):
        """Add the group of one layer, and what joins it to the one before."""
        name, shape = layer.name, self.shapes[layer.name]
        if not self._explicit:
            check_kernel_equations(equations, layer)
        weights = units = None
        if k > 0 and isinstance(layer, Convolution):
            weights, bias = self.model.weights[name]
            if self._carries_one:
                units = shared_units(weights, bias, equations.initial.get("v", 0.0))
        group = layer_group(
            equations, layer, k, self.images * int(np.prod(shape)), self.clock, self._dtype, units is not None
        )
        if k > 0:
            if weights is not None:
                group.variables["I"].get_value()[:] = np.tile(bias, group.N // shape[2])
            self._inputs[name] = self._join(k, layer, group, equations, weights, units)
        if isinstance(layer, Convolution):  # a pool passes on what it gets
            self._carries_one = equations.parameters.get(equations.amplitude) == 1
        self._tallies[name] = Tally(group, self.steps, 10 * k + 1)
        self.groups[name], self.equations[name] = group, equations

    def _join(self, k, layer, group, equations, weights, units):
        """What brings the spikes of the layer before."""
        before, order = self.model.layers[k - 1].name, 10 * k - 5
        source, sender = self.groups[before], self.equations[before]
        shapes = self.shapes[before], self.shapes[layer.name]
        if self._explicit:
            self._tallies[before].count_events(fan_out(*shapes, layer), shapes[0][2])
            return explicit_synapses(layer, source, group, shapes, sender, equations, weights, order, self._dtype)
        common = source, group, sender.amplitude, layer, *shapes, self.steps, order, self.threads
        return SharedKernelPooling(*common) if weights is None else SharedKernelConvolution(*common, weights, units)

    def _monitor(self, name, order):
        return SpikeMonitor(
            self.groups[name],
            variables=[self.equations[name].amplitude],
            name=f"{name}_spikes",
            when="thresholds",
            order=order,
        )

    @property
    def codegen(self) -> str | None:
        """Code generation that Brian2 chose for the neurons: ``"cython"`` or ``"numpy"``; known after a run."""
        if self._ready is None:
            return None
        code = next(iter(self.groups.values())).thresholder["spike"].code_objects[0]
        return code.generator_class.class_name

    def prepare(self) -> None:
        """Let Brian2 make the code of all equations; the first run does so otherwise."""
        self._prepared()

    def _prepared(self):
        """What a step runs of Brian2's objects, in their order."""
        if self._ready is None:
            try:
                self.network.run(0 * ms, namespace={})
            except Exception as error:  # Brian2's code generation raises whatever it does
                raise InputError(f"Brian2 cannot make code of these equations: {reason_of(error)}") from error
            check_compiled(self.network.sorted_objects)
            self._ready = [call for obj in self.network.sorted_objects if obj.active for call in calls_of(obj)]
        return self._ready

    def reset(self) -> None:
        """Put every state variable back to its value before the first step."""
        for name, group in self.groups.items():
            reset_state(group, self.equations[name].initial)
        for join in self._inputs.values():
            if self._explicit:
                reset_state(join, {})
            else:
                join.reset()
        for tally in self._tallies.values():
            tally.spikes[:] = 0
            tally.events[:] = 0
        for monitor in self._monitors.values():
            # SpikeMonitor.reinit is not implemented in Brian2; these three are all that it keeps
            monitor.resize(0)
            monitor.variables["N"].set_value(0)
            monitor.variables["count"].get_value()[:] = 0
        self.clock.variables["timestep"].set_value(0)
        self.clock.variables["t"].set_value(0.0)

    def run(self, image: np.ndarray, execute: Callable[..., Any] = methodcaller("run")) -> SpikeTrains | Any:
        """Show an image, or several side by side, for T steps.

        Parameters
        ----------
        image : ndarray, shape (image_size, image_size, 3)
            RGB, 0 to 255; with ``images=n`` shape (n, image_size, image_size, 3).
        execute : callable
            Runs one of Brian2's objects, which has a name and a method ``run``, for one step; a profiler measures here.

        Returns
        -------
        SpikeTrains or list of SpikeTrains
            Of the last layer; a list with ``images=n``, n > 1.

        Raises
        ------
        InputError
            If the image has another shape.
        """
        for _ in self._advance(image, execute):
            pass
        return self.trains(self.model.layers[-1].name)

    def stepwise(self, image: np.ndarray) -> Generator[np.ndarray, None, None]:
        """Show an image step by step, for as long as is wanted.

        Parameters
        ----------
        image : ndarray
            As for `run`.

        Yields
        ------
        ndarray, shape (images, H, W, C), single precision
            What the last layer fired in this step: amplitudes, zero where there is no spike. Valid until the next one.

        Notes
        -----
        Close the generator (`contextlib.closing`) when it is left early; then `spikes`,
        `operations` and `trains` are of the steps that were run, and `steps_run` says how many.
        Run to its end it does what `run` does.
        """
        last = self.model.layers[-1].name
        monitor = self._monitors[last].variables
        fired = np.zeros((self.images, *self.shapes[last]), np.float32)
        flat, seen = fired.reshape(-1), 0
        with closing(self._advance(image)) as steps:
            for _ in steps:
                neuron = monitor["i"].get_value()[seen:].copy()
                flat[neuron] = monitor[self.equations[last].amplitude].get_value()[seen:]
                seen += len(neuron)
                yield fired
                flat[neuron] = 0

    def _advance(self, image, execute=methodcaller("run")):
        """Start afresh and run step by step; what was counted is put together at the end, or when it is closed."""
        image = np.asarray(image)
        expected = (self.image_size, self.image_size, 3)
        if self.images > 1:
            expected = (self.images, *expected)
        if image.shape != expected:
            raise InputError(f"image: expected shape {expected}, got {image.shape}")
        ready = self._prepared()
        self.reset()
        first = self.groups[self.model.layers[0].name].variables["I"].get_value().reshape(self.images, -1)
        for current, one in zip(first, image.reshape(-1, *expected[-3:]), strict=True):
            current[:] = self.first_layer.current(one, self.threads).ravel()
        step, t = self.clock.variables["timestep"].get_value(), self.clock.variables["t"].get_value()
        try:
            for k in range(1, self.steps + 1):
                for call in ready:
                    execute(call)
                step[0], t[0] = k, k * self.clock.dt_
                yield k
        except Exception as error:  # the equations' own, such as a division by zero
            raise InputError(f"step {int(step[0]) + 1}: these equations cannot be run: {reason_of(error)}") from error
        finally:
            self.steps_run = int(step[0])
            self.spikes = {name: tally.spikes.copy() for name, tally in self._tallies.items()}
            self.operations = {name: self._events(name).copy() for name in self._inputs}

    def _events(self, name):
        if not self._explicit:
            return self._inputs[name].events
        layers = [layer.name for layer in self.model.layers]
        return self._tallies[layers[layers.index(name) - 1]].events

    def trains(self, layer: str) -> SpikeTrains | Any:
        """Spikes of a recorded layer in the last run.

        Parameters
        ----------
        layer : str
            The last one, or one that was named in ``record``.

        Returns
        -------
        SpikeTrains or list of SpikeTrains
            As `run`.
        """
        if layer not in self._monitors:
            raise InputError(f"{layer}: not recorded; recorded are {list(self._monitors)} (see record=)")
        monitor, shape = self._monitors[layer], self.shapes[layer]
        steps = np.round(np.asarray(monitor.t_[:]) / self.clock.dt_).astype(np.int64)
        amplitude = np.array(getattr(monitor, f"{self.equations[layer].amplitude}_")[:], np.float32)
        image, neuron = np.divmod(np.array(monitor.i[:]), int(np.prod(shape)))
        trains = [
            SpikeTrains(neuron[image == n], steps[image == n], amplitude[image == n], shape, self.steps)
            for n in range(self.images)
        ]
        return trains if self.images > 1 else trains[0]
