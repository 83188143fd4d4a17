"""The common base of branches on compiled devices: the network is a program that runs again for other images.

Brian2 writes a C++ project, which is compiled once. The program starts with the first run and keeps running. For each
run, it gets the input currents of the images through a pipe, and writes its spikes to files (`brian2_program.py`).
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from abc import abstractmethod
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from brian2 import Network, SpikeMonitor, StateMonitor, defaultclock, get_device, prefs, set_device
from brian2.devices.device import reset_device

from ..connectivity.views import neuron_fan_out
from ..model.graph import turns
from ..model.layers import Convolution
from ..neurons.equations import TIME_STEP
from ..spikes.trains import SpikeTrains
from .branch import Branch
from .brian2_names import result_file
from .brian2_program import repeat_runs
from .layer_equations import check_input_current
from .presentation import CURRENTS, Presentation, image_current, initial_statements
from .resident_program import ResidentProgram
from .synapses import build_synapses

if TYPE_CHECKING:
    from ..aliases import FilePath
    from ..model.conversion import SpikingModel
    from ..model.files import SiameseModel
    from ..neurons.equations import Codings

__all__ = ["CompiledBranch"]

#: Preferences that a device or its branch changes.
_PREFERENCES = (
    "core.network.default_schedule",
    "core.default_float_dtype",
    "codegen.loop_invariant_optimisations",
    "codegen.generators.cpp.restrict_keyword",
)


class CompiledBranch(Branch):
    """Base of the compiled branches, `StandaloneBranch` and `GennBranch`.

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
    directory : path, optional
        Folder for the C++ project, to inspect it; by default a temporary folder that is removed with the branch.
    **options
        Other options of `Branch`. The images of a batch are shown one after another.

    Attributes
    ----------
    directory : Path
        Folder of the C++ project.
    network : brian2.Network
        The network that was compiled; it cannot be run from Python.

    Raises
    ------
    InputError
        If an argument is invalid, or the network does not compile.
    """

    #: Number of steps until a spike reaches the next layer on this device.
    lag: ClassVar[int] = 0

    def __init__(
        self,
        model: FilePath | SiameseModel | SpikingModel,
        image_size: int,
        steps: int | None = None,
        coding: Codings | None = None,
        *,
        directory: FilePath | None = None,
        **options: Any,
    ) -> None:
        super().__init__(model, image_size, steps, coding, **options)
        self.turns = turns(self.model.layers)
        self.presentation = Presentation(self.steps, max(self.turns) + 1, self.lag)
        names = list(self.shapes)
        self._spikes = {name: np.zeros(self.steps, np.int64) for name in names}
        self._operations = {name: np.zeros(self.steps, np.int64) for name in names[1:]}
        self._steps_run, self._loop_seconds = 0, 0.0
        self.equations = {name: self._translated(k, self.equations[name]) for k, name in enumerate(self.shapes)}
        self._trains = {
            name: [SpikeTrains.empty(shape, self.steps)] * self.batch_size for name, shape in self.shapes.items()
        }
        if directory is None:
            self.directory = Path(tempfile.mkdtemp(prefix=f"brian-siamsnn-{self.device}-"))
            weakref.finalize(self, shutil.rmtree, self.directory, ignore_errors=True)
        else:
            self.directory = Path(directory).resolve()
        with self._on_device():
            self._build()

    @abstractmethod
    def _compile(self, device: Any) -> None:
        """Compile the project that Brian2 wrote."""

    @abstractmethod
    def _options(self) -> dict[str, Any]:
        """Return the options that Brian2's device is activated with."""

    @abstractmethod
    def _restart(self) -> str:
        """Return C++ statements that set the time of the program to zero."""

    def _translated(self, k, equations):
        """Translate the equations of layer k for this device."""
        return self.presentation.equations(equations, self.turns[k])

    def _build(self):
        """Write and compile the project, and note which of its files hold which data."""
        spikes, states = self._network()
        repeat_runs(get_device(), CURRENTS, self._restart(), [*spikes.values(), *states.values()])
        self._compile(get_device())
        self._program = ResidentProgram(self.device, self._command(), self.directory)

        def file(variable):
            return self.directory / "results" / result_file(variable), variable.dtype

        self._spike_files = {
            name: {key: file(monitor.variables[key]) for key in self._variables(name)}
            for name, monitor in spikes.items()
        }
        self._state_files = {
            (name, key): file(monitor.variables[key])
            for name, monitor in states.items()
            for key in self._recorded_states[name]
        }

    def _network(self):
        """Make the network; return the spike monitor of each layer, and the state monitors."""
        groups, connections = {}, []
        names = list(self.shapes)
        for k, layer in enumerate(self.model.layers):
            equations, shape = self.equations[layer.name], self.shapes[layer.name]
            group = groups[layer.name] = self._group(k, equations)
            check_input_current(equations, layer, group)
            if isinstance(layer, Convolution) and k > 0:
                group.I = np.tile(self.model.weights[layer.name][1], shape[0] * shape[1])
            self._start(k, group, equations)
            for projection in self.projections.values():
                if projection.layer.name == layer.name:
                    connections.append(self._connect(k, projection, groups[projection.source], group))
        spikes = {name: self._monitor(k, groups[name]) for k, name in enumerate(names)}
        states = {name: self._state_monitor(names.index(name), groups[name]) for name in self._recorded_states}
        self.network = Network(*groups.values(), *connections, *spikes.values(), *states.values())
        return spikes, states

    def _group(self, k, equations, **options):
        name = self.model.layers[k].name
        return equations.group(int(np.prod(self.shapes[name])), name, defaultclock, self._dtype, **options)

    def _start(self, k, group, equations):
        """Set the initial state and the next image at the start of each presentation."""
        code = initial_statements(equations)
        if k == 0:
            group.namespace["image_current"] = image_current(np.zeros((self.batch_size, group.N), self._dtype))
            code += f"\nI = image_current(i, t/({self.presentation.length}*ms) + 0.5)"
        # Brian2GeNN recognises these operations by this part of their names
        name = f"{group.name}_run_regularly_start"
        group.run_regularly(code, dt=self.presentation.length * TIME_STEP, when="start", order=-1, name=name)

    def _connect(self, k, projection, source, target):
        """Make explicit synapses for one input of layer k."""
        equations, presynaptic = self.equations[target.name], self.equations[source.name]
        synapses = build_synapses(
            projection,
            source,
            target,
            equations.synapse,
            self._arriving(equations, presynaptic),
            self._weights(projection),
            self._dtype,
        )
        # the weight is constant and not reset
        changing = [e.varname for e in synapses.equations.values() if "constant" not in e.flags]
        if code := "\n".join(f"{name} = 0" for name in changing):
            synapses.run_regularly(
                code, dt=self.presentation.length * TIME_STEP, when="start", name=f"{synapses.name}_start"
            )
        return synapses

    def _arriving(self, equations, presynaptic):
        return equations.arriving(presynaptic)

    def _weights(self, projection):
        """Return the weights of a connection, or None for that of a pooling layer."""
        return self.model.input_weights(projection)

    def _monitor(self, k, group):
        return SpikeMonitor(group, variables=self._variables(group.name)[2:], name=f"{group.name}_spikes")

    def _state_monitor(self, k, group):
        return StateMonitor(
            group, self._recorded_states[group.name], record=True, name=f"{group.name}_states", clock=defaultclock
        )

    def _variables(self, name):
        """Return the variables that the monitor of a layer records with each spike."""
        return ("i", "t", self.equations[name].amplitude)

    @contextmanager
    def _on_device(self):
        """Select this device, and restore the previous one afterwards."""
        dt, before = defaultclock.dt, {name: prefs[name] for name in _PREFERENCES}
        set_device(self.device, build_on_run=False, directory=None)
        try:
            get_device().reinit()
            get_device().activate(**self._options())
            defaultclock.dt = TIME_STEP
            # precision of everything but the state variables
            prefs["core.default_float_dtype"] = self._dtype.type
            yield
        finally:
            get_device().reinit()
            reset_device()
            defaultclock.dt = dt
            prefs.update(before)

    @property
    def loop_seconds(self) -> float:
        """Processor time of the last run, of the simulation alone, as the program counts it; 0 before the first run."""
        return self._loop_seconds

    @property
    def spikes(self) -> dict[str, np.ndarray]:
        """Spikes of each layer in each step of the last run, shape (T,); zeros before the first run."""
        return self._spikes

    @property
    def operations(self) -> dict[str, np.ndarray]:
        """Synaptic events into each layer but the first, likewise."""
        return self._operations

    @property
    def steps_run(self) -> int:
        """Steps of the last run: T; 0 before the first run."""
        return self._steps_run

    def _simulate(self, images):
        currents = [self.first_layer.current(image).ravel() for image in images]
        self._loop_seconds = self._program.run(np.asarray(currents, self._dtype).tobytes())
        self._trains = {name: self._read(k, name) for k, name in enumerate(self.shapes)}
        self._count()
        self._steps_run = self.steps

    def _count(self):
        """Count spikes and synaptic events per step."""
        self._spikes = {name: sum(_by_step(train) for train in trains) for name, trains in self._trains.items()}
        self._operations = {name: np.zeros(self.steps, np.int64) for name in list(self.shapes)[1:]}
        for projection in self.projections.values():
            reached = neuron_fan_out(projection).ravel()
            for train in self._trains[projection.source]:
                self._operations[projection.layer.name] += _by_step(train, reached[train.neuron])

    def _command(self):
        """Return the program and its arguments."""
        return ["./main"]

    def _read(self, k, name):
        """Read the spike trains of a layer, one per image."""
        values = {key: np.fromfile(path, dtype) for key, (path, dtype) in self._spike_files[name].items()}
        return self._split(k, name, values)

    def _split(self, k, name, values):
        """Split the spikes of a run into the spike trains of each image."""
        step = np.round(values["t"] / float(TIME_STEP)).astype(np.int64)
        image, step = np.divmod(step, self.presentation.length)
        step = step - self.presentation.onset(self.turns[k])
        amplitude = self._amplitudes(name, values, step)
        trains = []
        for n in range(self.batch_size):
            mine = image == n
            # by step, then by neuron, as on the runtime device
            order = np.lexsort((values["i"][mine], step[mine]))
            trains.append(
                SpikeTrains(
                    values["i"][mine][order].astype(np.int32),
                    step[mine][order],
                    amplitude[mine][order],
                    self.shapes[name],
                    self.steps,
                )
            )
        return trains

    def _amplitudes(self, name, values, step):
        return values[self.equations[name].amplitude].astype(np.float32)

    def _trains_of(self, layer, image):
        return self._trains[layer][image]

    def _states_of(self, layer, variable):
        neurons = int(np.prod(self.shapes[layer]))
        if self.steps_run == 0:
            return np.zeros((0, self.batch_size * neurons))
        path, dtype = self._state_files[layer, variable]
        values = np.fromfile(path, dtype).reshape(self.batch_size, self.presentation.length, -1)
        # a shared variable is written once per step
        values = np.broadcast_to(values, (self.batch_size, self.presentation.length, neurons))
        return values.transpose(1, 0, 2).reshape(self.presentation.length, -1)


def _by_step(train, weights=None):
    return np.bincount(train.step, weights, train.steps).astype(np.int64)
