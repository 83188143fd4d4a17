"""What branches on compiled devices share: the network is written out as a program, and run again for other images.

Brian2 writes a project (C++), which is compiled once. The images' input currents
are a file of it, and its spikes are files too: a run overwrites the one, starts
the program and reads the others.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import weakref
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from brian2 import Network, SpikeMonitor, Synapses, defaultclock, get_device, ms, prefs, set_device
from brian2.devices.device import reset_device

from ..connectivity.explicit import convolution_synapses, fan_out, pooling_synapses
from ..connectivity.first_layer import FirstLayer
from ..errors import InputError
from ..model.layers import Convolution
from ..neurons.equations import TIME_STEP
from ..spikes.trains import SpikeTrains
from .layer_equations import branch_equations
from .layer_objects import check_input
from .presentation import Frame, frame_start, image_current

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from ..aliases import FilePath
    from ..model.conversion import SpikingModel
    from ..neurons.equations import Coding

__all__ = ["CompiledBranch"]

#: Preferences that a device, or its branch, changes.
_PREFERENCES = (
    "core.network.default_schedule",
    "core.default_float_dtype",
    "codegen.loop_invariant_optimisations",
    "codegen.generators.cpp.restrict_keyword",
)


class CompiledBranch:
    """Base of the branches that are compiled; see `StandaloneBranch` and `GennBranch`.

    Parameters
    ----------
    model : SpikingModel
    image_size : int
        Side of the square images, in pixels.
    steps : int
        T.
    coding, hidden_coding, pooling : str or NeuronEquations
        Neuron models, as for `SpikingBranch`.
    dtype : dtype
        Precision of the neurons and weights.
    record : tuple of str
        Layers that `trains` gives besides the last one.
    images : int
        Images that one run shows, one after the other.
    directory : path, optional
        Folder of the project, to be looked at; by default a temporary one that is removed with the branch.

    Attributes
    ----------
    spikes : dict of str to ndarray, shape (T,)
        Spikes of each layer in each step, summed over the images of the last run.
    operations : dict of str to ndarray, shape (T,)
        Synaptic events into each layer but the first.
    directory : Path
    """

    #: Brian2's name of the device, and the steps that a spike takes from layer to layer there.
    device: str = ""
    lag = 0

    def __init__(
        self,
        model: SpikingModel,
        image_size: int,
        steps: int = 20,
        coding: Coding = "rate",
        hidden_coding: Coding = "rate",
        pooling: Coding = "max_pool",
        dtype: npt.DTypeLike = np.float32,
        record: tuple[str, ...] = (),
        images: int = 1,
        directory: FilePath | None = None,
    ) -> None:
        for name, value in (("steps", steps), ("images", images)):
            if value < 1:
                raise InputError(f"{name}: expected 1 or more, got {value}")
        if get_device().__class__.__name__ != "RuntimeDevice":
            raise InputError(
                "a branch sets its device itself and needs Brian2's runtime device before and after; "
                f"set_device({get_device().__class__.__name__}) is in force"
            )
        self.model, self.image_size, self.steps, self.images = model, image_size, steps, images
        self.shapes = model.shapes(image_size)
        self._first_layer = FirstLayer(model)
        names = list(self.shapes)
        for name in record:
            if name not in names:
                raise InputError(f"record: {name!r} is not a layer of this model {names}")
        self._recorded = (*record, names[-1])
        self._dtype = np.dtype(dtype)
        self.frame = Frame(steps, len(names), self.lag)
        codings = branch_equations(model, coding, hidden_coding, pooling)
        self.equations = {name: self._translated(k, codings[name]) for k, name in enumerate(names)}
        if directory is None:
            self.directory = Path(tempfile.mkdtemp(prefix=f"brian-siamsnn-{self.device}-"))
            weakref.finalize(self, shutil.rmtree, self.directory, ignore_errors=True)
        else:
            self.directory = Path(directory).resolve()
        with self._on_device():
            self._build()

    def _compile(self, device):
        """Compile the project that Brian2 has written."""
        raise NotImplementedError

    def _options(self) -> dict[str, Any]:
        """What Brian2's device is activated with."""
        raise NotImplementedError

    def _translated(self, k, equations):
        """Equations of layer number k as this device takes them."""
        return self.frame.equations(equations, k)

    def _build(self):
        """Write and compile the project; remember which of its files hold what."""
        monitors, device = self._network(), get_device()
        self._compile(device)
        self._input = self.directory / "static_arrays" / _table(device, "image_currents")

        def result(variable):
            return self.directory / "results" / Path(device.get_array_filename(variable)).name

        self._results = {
            name: {key: (result(monitor.variables[key]), monitor.variables[key].dtype) for key in self._variables(name)}
            for name, monitor in monitors.items()
        }

    def _network(self):
        """Make the network; returns the spike monitor of each layer."""
        groups, joins = {}, []
        names = list(self.shapes)
        for k, layer in enumerate(self.model.layers):
            equations, shape = self.equations[layer.name], self.shapes[layer.name]
            group = groups[layer.name] = self._group(k, equations)
            check_input(equations, layer, group)
            if isinstance(layer, Convolution) and k > 0:
                group.I = np.tile(self.model.weights[layer.name][1], shape[0] * shape[1])
            self._start(k, group, equations)
            if k > 0:
                joins.append(self._join(k, layer, groups[names[k - 1]], group))
        monitors = {name: self._monitor(k, groups[name]) for k, name in enumerate(names)}
        self.network = Network(*groups.values(), *joins, *monitors.values())
        return monitors

    def _group(self, k, equations, **options):
        name = self.model.layers[k].name
        return equations.group(int(np.prod(self.shapes[name])), name, defaultclock, self._dtype, **options)

    def _start(self, k, group, equations):
        """At the start of each frame: the initial state, and the next image."""
        code = frame_start(equations)
        if k == 0:
            group.namespace["image_current"] = image_current(np.zeros((self.images, group.N), self._dtype))
            code += f"\nI = image_current(i, t/({self.frame.length}*ms) + 0.5)"
        # Brian2GeNN knows such operations by this part of their names
        name = f"{group.name}_run_regularly_start"
        group.run_regularly(code, dt=self.frame.length * TIME_STEP, when="start", order=-1, name=name)

    def _join(self, k, layer, source, target):
        """Explicit synapses between two layers."""
        shapes = self.shapes[source.name], self.shapes[target.name]
        convolution = isinstance(layer, Convolution)
        equations, sender = self.equations[target.name], self.equations[source.name]
        synapses = Synapses(
            source,
            target,
            ("w : 1 (constant)\n" if convolution else "") + equations.synapse,
            on_pre=self._arriving(equations, sender),
            delay=0 * ms,
            name=f"{target.name}_input",
            dtype=self._dtype,
        )
        if convolution:
            i, j, w = convolution_synapses(*shapes, layer, self._weights(layer, source.name))
            synapses.connect(i=i, j=j)
            synapses.w = w
        else:
            i, j = pooling_synapses(*shapes, layer)
            synapses.connect(i=i, j=j)
        changing = [e.varname for e in synapses.equations.values() if "constant" not in e.flags]
        if code := "\n".join(f"{name} = 0" for name in changing):
            synapses.run_regularly(
                code, dt=self.frame.length * TIME_STEP, when="start", name=f"{target.name}_input_start"
            )
        return synapses

    def _arriving(self, equations, sender):
        return equations.arriving(sender)

    def _weights(self, layer, before):
        return self.model.weights[layer.name][0]

    def _monitor(self, k, group):
        return SpikeMonitor(group, variables=self._variables(group.name)[2:], name=f"{group.name}_spikes")

    def _variables(self, name):
        """What the monitor of a layer keeps of each spike."""
        return ("i", "t", self.equations[name].amplitude)

    @contextmanager
    def _on_device(self):
        """Make this device the current one, and the one before again."""
        dt, before = defaultclock.dt, {name: prefs[name] for name in _PREFERENCES}
        set_device(self.device, build_on_run=False, directory=None)
        try:
            get_device().reinit()
            get_device().activate(**self._options())
            defaultclock.dt = TIME_STEP
            # what the device computes with besides the state variables
            prefs["core.default_float_dtype"] = self._dtype.type
            yield
        finally:
            get_device().reinit()
            reset_device()
            defaultclock.dt = dt
            prefs.update(before)

    def run(self, image: np.ndarray) -> SpikeTrains | Any:
        """Show an image for T steps, or several in turn.

        Parameters
        ----------
        image : ndarray, shape (image_size, image_size, 3), or (images, image_size, image_size, 3)
            RGB, 0 to 255; a stack where the branch was built for several images.

        Returns
        -------
        SpikeTrains, or list of them
            Of the last layer.

        Raises
        ------
        InputError
            If the image has another shape, or the program fails.
        """
        image = np.asarray(image)
        one = (self.image_size, self.image_size, 3)
        expected = one if self.images == 1 else (self.images, *one)
        if image.shape != expected:
            raise InputError(f"image: expected shape {expected}, got {image.shape}")
        currents = [self._first_layer.current(picture).ravel() for picture in image.reshape(-1, *one)]
        np.asarray(currents, self._dtype).tofile(self._input)
        program = subprocess.run(self._command(), cwd=self.directory, capture_output=True, text=True)
        if program.returncode:
            reason = (program.stderr.strip() or program.stdout.strip() or "no message").splitlines()[-1]
            raise InputError(f"{self.device}: the compiled network failed (exit code {program.returncode}): {reason}")
        self._trains = {name: self._read(k, name) for k, name in enumerate(self.shapes)}
        self._count()
        return self.trains(self.model.layers[-1].name)

    def _count(self):
        """Spikes and synaptic events by step."""
        self.spikes = {name: sum(_by_step(train) for train in trains) for name, trains in self._trains.items()}
        self.operations = {}
        for before, layer in zip(self.shapes, self.model.layers[1:], strict=False):
            reached = fan_out(self.shapes[before], self.shapes[layer.name], layer).ravel()
            channels = self.shapes[before][2]
            self.operations[layer.name] = sum(
                _by_step(train, reached[train.neuron // channels]) for train in self._trains[before]
            )

    def _command(self):
        """The program and its arguments."""
        return ["./main"]

    def _read(self, k, name):
        """Spike trains of a layer, one for each image."""
        values = {key: np.fromfile(path, dtype) for key, (path, dtype) in self._results[name].items()}
        return self._split(k, name, values)

    def _split(self, k, name, values):
        """Spike trains of each image, from the spikes of a whole run."""
        step = np.round(values["t"] / float(TIME_STEP)).astype(np.int64)
        image, step = step // self.frame.length, step % self.frame.length - self.frame.onset(k)
        amplitude = self._amplitudes(name, values, step)
        trains = []
        for n in range(self.images):
            mine = image == n
            # by step, then neuron, as the runtime keeps them
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

    def trains(self, layer: str) -> SpikeTrains | Any:
        """Spikes of a recorded layer for the last image, or a list of them for several.

        Parameters
        ----------
        layer : str
            The last one, or one that was named in ``record``.
        """
        if layer not in self._recorded:
            raise InputError(f"{layer}: not recorded; recorded are {list(dict.fromkeys(self._recorded))} (see record=)")
        trains = self._trains[layer]
        return trains[0] if self.images == 1 else trains


def _by_step(train, weights=None):
    return np.bincount(train.step, weights, train.steps).astype(np.int64)


def _table(device, name):
    """File of a table that a user's function reads."""
    return next(key for key in device.static_arrays if name in key)
