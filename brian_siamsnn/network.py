"""One branch of the Siamese network as a :class:`brian2.Network`.

Built once, run for every image. Within a time step the layers take their turn
(Brian2's ``order``), so that a spike crosses all layers in the step in which it
is fired, as Eq. 2-4 say:

    slot groups       every layer adds its input current       v += I
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
from brian2 import Clock, Network, SpikeMonitor, Synapses, get_device, ms
from brian2.codegen.runtime.cython_rt import CythonCodeObject
from brian2.core.base import BrianObject, BrianObjectException

from .architecture import Convolution
from .code_cache import remove_broken
from .connectivity import convolution_synapses, fan_out, pooling_synapses, synapse_count
from .convolution import (
    SharedKernelConvolution,
    SharedKernelPooling,
    available_threads,
    check_kernel_equations,
)
from .errors import InputError
from .neurons import branch_equations, reset_state
from .resources import available_memory
from .spikes import SpikeTrains

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    import numpy.typing as npt

    from .aliases import Codings
    from .conversion import SpikingModel
    from .neurons import NeuronEquations

__all__ = ["SpikingBranch"]

#: Time step of the simulation, and of TrueNorth.
TIME_STEP = 1 * ms

#: Bytes that a neuron takes in single precision: its variables, spikes, and the kernel's lists, rounded up.
_BYTES_PER_NEURON = 32

#: Bytes that an explicit synapse takes while it is built, in single precision (measured: 28 with 29 million of them).
_BYTES_PER_SYNAPSE = 32


class _BranchlessCythonCode(CythonCodeObject):
    """Brian2's Cython code, with this package's ``templates/`` where it has one."""

    templater = CythonCodeObject.templater.derive("brian_siamsnn")


def _update_with_threshold(group, equations):
    """Let one pass over the neurons do both.

    Exactly the same where no synapse lies between the two, as in the first layer.
    """
    thresholder = group.thresholder["spike"]
    for operation in group.contained_objects:
        if operation.name == f"{group.name}_update":
            operation.active = False
            condition = thresholder.update_abstract_code

            def update_abstract_code(run_namespace):
                condition(run_namespace)
                thresholder.abstract_code = f"{equations.update}\n{thresholder.abstract_code}"

            thresholder.update_abstract_code = update_abstract_code


class _Tally(BrianObject):
    """Counts the spikes of a layer by step, and their synaptic events where no kernel does."""

    def __init__(self, group, steps, order):
        super().__init__(clock=group.clock, when="thresholds", order=order, name=f"{group.name}_tally")
        self._space = group.variables["_spikespace"]
        self._step = group.clock.variables["timestep"]
        self.spikes, self.events = np.zeros(steps, np.int64), np.zeros(steps, np.int64)
        self.fan_out, self.channels = None, 1

    def count_events(self, fan_out_per_pixel, channels):
        """Count synaptic events as well: each spike times the fan-out of its pixel."""
        self.fan_out, self.channels = fan_out_per_pixel.ravel(), channels

    def run(self):
        space, step = self._space.get_value(), self._step.get_value()[0]
        fired = space[: space[-1]]
        self.spikes[step] = len(fired)
        if self.fan_out is not None:
            self.events[step] = self.fan_out[fired // self.channels % self.fan_out.size].sum()


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
        Layers whose spikes are kept besides the last one's; see :meth:`trains`.
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
        Steps of the last run: T, or fewer where :meth:`stepwise` was left early.

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
            raise InputError("a branch steps its network from Python and needs Brian2's runtime device; "
                             f"set_device({get_device().__class__.__name__}) is in force")  # fmt: skip
        self.model, self.image_size, self.steps, self.images = model, image_size, steps, images
        self.shapes = model.shapes(image_size)
        names = list(self.shapes)
        for name in record:
            if name not in names:
                raise InputError(f"record: {name!r} is not a layer of this model {names}")
        self._dtype = np.dtype(dtype)
        self._explicit = connectivity == "synapses"
        self.threads = threads or available_threads()
        self._check_memory()
        remove_broken()
        self.clock = Clock(dt=TIME_STEP, name="image_clock")
        self.groups: dict[str, Any] = {}
        self.equations: dict[str, NeuronEquations] = {}
        self._inputs: dict[str, Any] = {}
        self._tallies: dict[str, _Tally] = {}
        codings = branch_equations(model, coding, hidden_coding, pooling)
        for k, layer in enumerate(model.layers):
            self._add_layer(k, layer, codings[layer.name])
        self._monitors = {
            name: self._monitor(name, 10 * names.index(name) + 1) for name in dict.fromkeys((*record, names[-1]))
        }
        self.network = Network(*self.groups.values(), *self._inputs.values(), *self._tallies.values(),
                               *self._monitors.values())  # fmt: skip
        self._ready: list[Any] | None = None

    def _check_memory(self):
        neurons = self.images * sum(height * width * channels for height, width, channels in self.shapes.values())
        free = available_memory()
        if neurons * _BYTES_PER_NEURON > free:
            raise InputError(
                f"model: it has {neurons / 1e6:,.0f} million neurons for images of {self.image_size} pixels, about "
                f"{neurons * _BYTES_PER_NEURON / 2**30:.0f} GiB, and {free / 2**30:.0f} GiB are free; take another"
            )
        if not self._explicit:
            return
        layers = list(zip(self.model.layers, self.model.layers[1:], strict=False))
        count = self.images * sum(synapse_count(self.shapes[a.name], self.shapes[b.name], b) for a, b in layers)
        if count * _BYTES_PER_SYNAPSE > free:
            raise InputError(
                f"explicit synapses: this network has {count / 1e6:,.0f} million of them for images of "
                f"{self.image_size} pixels, about {count * _BYTES_PER_SYNAPSE / 2**30:.0f} GiB while they are built, "
                f"and {free / 2**30:.0f} GiB are free; take connectivity='kernel', which gives the same spikes"
            )

    def _add_layer(self, k, layer, equations):
        """Add the group of one layer, and what joins it to the one before."""
        name, shape = layer.name, self.shapes[layer.name]
        if not self._explicit:
            check_kernel_equations(equations, layer)
        group = equations.group(self.images * int(np.prod(shape)), name, self.clock, self._dtype)
        thresholder = group.thresholder["spike"]
        thresholder.when, thresholder.order = "thresholds", 10 * k
        if get_device().code_object_class() is CythonCodeObject:
            thresholder.codeobj_class = _BranchlessCythonCode
        if isinstance(layer, Convolution) and "I" not in group.variables:
            raise InputError(f"{equations.name}: a neuron of a network needs a variable I, its input current; "
                             f"it has {sorted(group.equations.names)}")  # fmt: skip
        if isinstance(layer, Convolution) and k > 0:
            group.variables["I"].get_value()[:] = np.tile(self.model.weights[name][1], group.N // shape[2])
        if k == 0:
            _update_with_threshold(group, equations)
        else:
            before = self.model.layers[k - 1].name
            join = self._synapses if self._explicit else self._kernel
            self._inputs[name] = join(layer, self.groups[before], self.equations[before], group, equations, 10 * k - 5)
            if self._explicit:
                reached = fan_out(self.shapes[before], shape, layer)
                self._tallies[before].count_events(reached, self.shapes[before][2])
        self._tallies[name] = _Tally(group, self.steps, 10 * k + 1)
        self.groups[name], self.equations[name] = group, equations

    def _kernel(self, layer, source, sender, target, equations, order):
        shapes = self.shapes[source.name], self.shapes[target.name]
        common = source, target, sender.amplitude, layer, *shapes, self.steps, order, self.threads
        if isinstance(layer, Convolution):
            return SharedKernelConvolution(*common, self.model.weights[layer.name][0])
        return SharedKernelPooling(*common)

    def _synapses(self, layer, source, sender, target, equations, order):
        shapes = self.shapes[source.name], self.shapes[target.name]
        convolution = isinstance(layer, Convolution)
        synapses = Synapses(
            source, target, ("w : 1 (constant)\n" if convolution else "") + equations.synapse,
            on_pre=equations.arriving(sender), delay=0 * ms, name=f"{target.name}_input",
            clock=self.clock, dtype=self._dtype,
        )  # fmt: skip
        if convolution:
            i, j, w = convolution_synapses(*shapes, layer, self.model.weights[layer.name][0])
            self._connect(synapses, i, j, shapes)
            synapses.variables["w"].get_value()[:] = np.tile(w, self.images)
        else:
            self._connect(synapses, *pooling_synapses(*shapes, layer), shapes)
        synapses.pre.when, synapses.pre.order = "thresholds", order
        return synapses

    def _connect(self, synapses, i, j, shapes):
        """The same pairs of neurons in every image."""
        image = np.arange(self.images, dtype=np.int32)[:, None]
        before, after = (int(np.prod(shape)) for shape in shapes)
        synapses.connect(i=(i + image * before).ravel(), j=(j + image * after).ravel())

    def _monitor(self, name, order):
        return SpikeMonitor(self.groups[name], variables=[self.equations[name].amplitude], name=f"{name}_spikes",
                            when="thresholds", order=order)  # fmt: skip

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
        """Brian2's objects in the order in which a step runs them."""
        if self._ready is None:
            try:
                self.network.run(0 * ms, namespace={})
            except Exception as error:  # Brian2's code generation raises whatever it does
                reason = str(error.__cause__ or error).splitlines()[0]
                raise InputError(f"Brian2 cannot make code of these equations: {reason}") from error
            self._ready = [obj for obj in self.network.sorted_objects if obj.active]
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
            Runs one of Brian2's objects for one step; a profiler measures here.

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
            As for :meth:`run`.

        Yields
        ------
        ndarray, shape (images, H, W, C), single precision
            What the last layer fired in this step: amplitudes, zero where there is no spike. Valid until the next one.

        Notes
        -----
        Close the generator (:func:`contextlib.closing`) when it is left early; then :attr:`spikes`,
        :attr:`operations` and :meth:`trains` are of the steps that were run, and :attr:`steps_run` says how many.
        Run to its end it does what :meth:`run` does.
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
            current[:] = self.model.current(one).ravel()
        step, t = self.clock.variables["timestep"].get_value(), self.clock.variables["t"].get_value()
        try:
            for k in range(1, self.steps + 1):
                for obj in ready:
                    execute(obj)
                step[0], t[0] = k, k * self.clock.dt_
                yield k
        except BrianObjectException as error:
            reason = str(error.__cause__ or error).splitlines()[0]
            raise InputError(f"step {int(step[0]) + 1}: these equations cannot be run: {reason}") from error
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
            As :meth:`run`.
        """
        if layer not in self._monitors:
            raise InputError(f"{layer}: not recorded; recorded are {list(self._monitors)} (see record=)")
        monitor, shape = self._monitors[layer], self.shapes[layer]
        steps = np.round(np.asarray(monitor.t_[:]) / self.clock.dt_).astype(np.int64)
        amplitude = np.array(getattr(monitor, f"{self.equations[layer].amplitude}_")[:], np.float32)
        image, neuron = np.divmod(np.array(monitor.i[:]), int(np.prod(shape)))
        trains = [SpikeTrains(neuron[image == n], steps[image == n], amplitude[image == n], shape, self.steps)
                  for n in range(self.images)]  # fmt: skip
        return trains if self.images > 1 else trains[0]
