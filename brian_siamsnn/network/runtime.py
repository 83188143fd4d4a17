"""A branch on Brian2's runtime device: a `brian2.Network`, built once and stepped for every image.

Within a time step the layers take their turns (Brian2's ``order``), so that a
spike crosses all layers in the step in which it is fired, as Eq. 2-4 say:

    slot groups       every layer adds its input current       v += I
    slot thresholds   layer 1 fires; its spikes are added to layer 2;
                      layer 2 fires; its spikes are added to layer 3; ...
    slot resets       every neuron that fired is reset         v -= v_th

`Network.run` generates all code again at each call, which takes longer than
simulating a small network. The branch does that once (`stepping`), and then runs
the network's objects in their order and on their clocks, as `Network.run` does.
All clocks are set to zero for each image: ``t`` in an equation is the time since
the image was shown.
"""

from __future__ import annotations

from contextlib import closing
from operator import methodcaller
from typing import TYPE_CHECKING, Any

import numpy as np
from brian2 import Clock, Network

from ..environment import available_threads
from ..errors import InputError
from ..neurons.equations import SCHEDULE, TIME_STEP
from ..spikes.trains import SpikeTrains
from .branch import Branch, checked_connectivity
from .brian2_cache import remove_broken_modules
from .brian2_code import code_generation
from .brian2_state import value_array
from .layer_objects import LayerObjects
from .memory import check_memory
from .resting import RestingLayers
from .stepping import SteppedNetwork
from .window_pass import WindowPass

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from ..aliases import FilePath
    from ..model.conversion import SpikingModel
    from ..model.files import SiameseModel
    from ..neurons.equations import Codings
    from .brian2_code import Call

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
    prefix : str
        What the names of the Brian2 objects begin with, nothing by default. Branches in one `brian2.Network` need
        different names: with ``prefix="search_"``, the group of conv1 is named ``search_conv1``.

    Attributes
    ----------
    network : brian2.Network
        Everything that a step runs. Objects may be added (`add`) and removed, and it may be run itself (`show`).
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
        coding: Codings | None = None,
        *,
        connectivity: str = "kernel",
        threads: int | None = None,
        prefix: str = "",
        **options: Any,
    ) -> None:
        super().__init__(model, image_size, steps, coding, **options)
        self._explicit = checked_connectivity(connectivity) == "synapses"
        self.threads = threads or available_threads()
        prefix = _checked_prefix(prefix)
        check_memory(self.model, image_size, self.batch_size, connectivity)
        remove_broken_modules()
        self.clock = Clock(dt=TIME_STEP, name=f"{prefix}image_clock")
        self._objects = LayerObjects(
            self.model,
            image_size,
            self.equations,
            clock=self.clock,
            dtype=self._dtype,
            batch_size=self.batch_size,
            explicit=self._explicit,
            threads=self.threads,
            prefix=prefix,
            recorded=self._recorded,
            recorded_states=self._recorded_states,
        )
        self.groups = self._objects.groups
        self._current = value_array(self.groups[self.model.layers[0].name], "I").reshape(self.batch_size, -1)
        self.network = Network(*self._objects)
        self.network.schedule = list(SCHEDULE)
        resting = RestingLayers(self.model, self.equations, self.groups, self.steps) if self.wave else None
        self._stepped = SteppedNetwork(
            self.network,
            self.clock,
            self.steps,
            self.groups,
            self._objects.passes,
            self._recorded_states,
            resting,
            self._window_pass(resting),
        )
        self._trains: dict[str, tuple[int, list[SpikeTrains]]] = {}  # made when they are asked for

    def _window_pass(self, resting):
        if self.wave is None or not resting.all_layers or self._recorded_states:
            return None
        if not WindowPass.suits(self._objects, self.equations, self.wave, self.steps):
            return None
        return WindowPass(
            self.model, self._objects, self.equations, self.image_size, self.wave, self.steps, self.threads
        )

    @property
    def codegen(self) -> str | None:
        """Code generation that Brian2 chose for the neurons: ``"cython"`` or ``"numpy"``; None before `prepare`."""
        return code_generation(self.groups[self.last_layer], self._objects.passes[self.last_layer])

    def add(self, *objects: Any) -> None:
        """Add Brian2 objects of your own to the network: monitors, groups, synapses, operations.

        They run in their slots and on their clocks, as `brian2.Network.run` would run them. ``t`` is 0 at the start of
        every image; variables of your own objects keep their values from image to image. The layers that they look at
        are simulated in separate passes, so that they see every variable as the equations say.

        Parameters
        ----------
        *objects : brian2.BrianObject or container of them
            The objects.
        """
        self.network.add(*objects)

    def show(self, image: np.ndarray) -> None:
        """Set everything to its state before the first step, and the input current to that of an image.

        After this, ``branch.network.run(branch.steps * ms)`` does the same as `run`.

        Parameters
        ----------
        image : ndarray, shape (image_size, image_size, 3), or (batch_size, image_size, image_size, 3)
            RGB, 0 to 255; as many images as the branch was built for.

        Raises
        ------
        InputError
            If the image is invalid.
        """
        image = np.asarray(image)
        single = self.batch_size == 1 and image.ndim == 3
        self._show(self._checked("image", image, self._image_shape)[None] if single else self._checked_batch(image))

    def _show(self, images):
        self.reset()
        for row, image in zip(self._current, images, strict=True):
            if row.dtype == np.float32:
                self.first_layer.current(image, self.threads, row)
            else:
                row[:] = self.first_layer.current(image, self.threads).ravel()

    def prepare(self) -> None:
        """Let Brian2 generate and compile the code of all equations; otherwise the first run does.

        Raises
        ------
        InputError
            If Brian2 cannot generate code for the equations, or Cython does not compile it.
        """
        self._stepped.prepare()

    def reset(self) -> None:
        """Set every state variable to its value before the first step, forget all spikes, and set the time to 0.

        Of what was added, the variables keep their values; see `add`.
        """
        self._stepped.restart()
        self._objects.reset()
        self._trains.clear()

    def sent(self, steps: np.ndarray, total: bool = False) -> np.ndarray:
        """What the neurons of the last layer sent in some steps of the last run.

        Parameters
        ----------
        steps : ndarray of int, shape (n,)
            Steps, each once.
        total : bool
            Whether to add up the steps, False by default.

        Returns
        -------
        ndarray of float32, shape (batch_size, n, H, W, C), or (batch_size, 1, H, W, C) for the total
            Amplitudes of the spikes, zero where there is none.
        """
        sent = self._objects.recorders[self.last_layer].sent(steps, total)
        return sent.reshape(len(sent), self.batch_size, *self.shapes[self.last_layer]).swapaxes(0, 1)

    def show_and_run(self, images: np.ndarray, execute: Callable[[Call], Any] = methodcaller("run")) -> None:
        """Show images for T steps; unlike `run_batch`, without making spike trains of the result.

        Parameters
        ----------
        images : ndarray, shape (batch_size, image_size, image_size, 3)
            As for `run_batch`.
        execute : callable
            Runs one `Call` of the simulation; a profiler measures here. By default it just runs.

        Raises
        ------
        InputError
            If the images are invalid.
        """
        self._simulate(self._checked_batch(images), execute)

    def _simulate(self, images, execute=methodcaller("run")):
        self._show(images)
        self._stepped.prepare()
        self._stepped.run_whole(execute)

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
        recorder = self._objects.recorders[self.last_layer]
        fired = np.zeros((self.batch_size, *self.shapes[self.last_layer]), np.float32)
        flat = fired.reshape(-1)
        with closing(self._advance(self._checked_batch(images), execute)) as steps:
            for _ in steps:
                neurons = recorder.neurons[-1]
                flat[neurons] = recorder.amplitudes[-1]
                yield fired
                flat[neurons] = 0

    def _advance(self, images, execute):
        """Start afresh and run step by step."""
        self._show(images)
        self._stepped.prepare()
        return self._stepped.run(execute)

    @property
    def steps_run(self) -> int:
        """Steps since the image was shown: T, or fewer if the run was stopped early; 0 before the first run."""
        return len(self._objects.counters[self.last_layer].spikes)

    @property
    def spikes(self) -> dict[str, np.ndarray]:
        """Spikes of each layer in each step of the last run, over all its images; zeros for steps not run."""
        return {name: self._by_step(counter.spikes) for name, counter in self._objects.counters.items()}

    @property
    def operations(self) -> dict[str, np.ndarray]:
        """Synaptic events into each layer but the first, likewise."""
        result = {name: np.zeros(self.steps, np.int64) for name in list(self.shapes)[1:]}
        for key, events in self._objects.events().items():
            result[self.projections[key].layer.name] += self._by_step(events)
        return result

    def _by_step(self, counts):
        return np.array(counts + [0] * (self.steps - len(counts)), np.int64)

    def _trains_of(self, layer, image):
        if layer not in self._trains or self._trains[layer][0] != self.steps_run:
            neuron, step, amplitude = self._objects.recorders[layer].spikes()
            shape, steps = self.shapes[layer], max(self.steps, self.steps_run)
            number, neuron = np.divmod(neuron, int(np.prod(shape)))
            self._trains[layer] = (
                self.steps_run,
                [
                    SpikeTrains(neuron[mine], step[mine], amplitude[mine], shape, steps)
                    for mine in (number == n for n in range(self.batch_size))
                ],
            )
        return self._trains[layer][1][image]

    def _states_of(self, layer, variable):
        values = self._objects.state_recorders[layer].values[variable]
        return np.array(values).reshape(len(values), len(self.groups[layer]))


def _checked_prefix(prefix):
    if prefix and not (prefix.isidentifier() and prefix.isascii()):
        raise InputError(f"prefix: expected letters, digits and underscores, a letter first, got {prefix!r}")
    return prefix
