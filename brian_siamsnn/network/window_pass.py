"""A window of a wave as one pass over each layer, where nothing looks in between.

In a window of p steps one convolution fires, and the next one gathers with its threshold out of reach (`waves`). With
fixed-point weights all sums are exact, so it makes no difference to anything but the steps in between whether the
spikes arrive one step after another or together. A neuron that fires n times does so in the first n steps of its
window, so n says everything. For each convolution, one call of a kernel (``kernels/window_kernel.h``) computes

    v += sum of w n_pre;     v += I, p times                     what on_pre and update say, p steps of them
    p times:  fired = v >= 1;  v -= fired;  n += fired           threshold and reset, p steps of them

and for a gate n = max n_pre. A layer of a graph with several inputs gathers from each but the last, the largest, before
that call: its threshold is out of reach from the first spike to its own window, so sums may wait until then. What was
fired in each step follows from n: the neurons with n > s fire in step s of the window. So counters, recorders and
variables are after the run what stepping leaves, bit by bit, and tests compare them. The equations remain what runs in
any other case: other equations than those that ship, a threshold within reach, weights that are not fixed-point, spikes
that do not carry 1, recorded states, anything that was attached or switched off, an onset set by hand, and a run that
is watched step by step (`SpikingBranch.stepwise`).
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from ..connectivity import _windows
from ..connectivity.explicit import fan_out
from ..connectivity.views import is_plain, neuron_fan_out, synapses_of
from ..model.graph import depths
from .brian2_code import Call
from .brian2_state import SpikeList, value_array
from .resting import is_shipped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..model.conversion import SpikingModel
    from ..neurons.equations import NeuronEquations
    from ..neurons.waves import Wave
    from .layer_objects import LayerObjects

__all__ = ["WindowPass"]

#: Largest count that a byte holds.
_MOST_LEVELS = 255

#: Steps for which sums of fixed-point weights stay exact in single precision (`fixed_point_weights`).
_EXACT_STEPS = 256


class WindowPass:
    """The calls that simulate a wave window by window.

    Parameters
    ----------
    model : SpikingModel
        The network.
    objects : LayerObjects
        Its objects, with shared kernels.
    equations : mapping of str to NeuronEquations
        By layer.
    image_size : int
        Side of an image, in pixels.
    wave : Wave
        The timetable.
    steps : int
        T.
    threads : int
        Threads of the kernels.
    """

    def __init__(
        self,
        model: SpikingModel,
        objects: LayerObjects,
        equations: Mapping[str, NeuronEquations],
        image_size: int,
        wave: Wave,
        steps: int,
        threads: int,
    ) -> None:
        self._objects, self._wave, self._steps, self._threads = objects, wave, steps, threads
        self._names, self._shapes = [layer.name for layer in model.layers], model.shapes(image_size)
        projections = model.projections(image_size)
        self._inputs: dict[str, list[tuple[str, str]]] = {name: [] for name in self._names}
        self._outputs: dict[str, list[str]] = {name: [] for name in self._names}
        for key, projection in sorted(projections.items(), key=lambda item: synapses_of(item[1])):
            self._inputs[projection.layer.name].append((key, projection.source))
            self._outputs[projection.source].append(key)
        self._onset = {name: wave.onset(depth) for name, depth in depths(model.layers).items()}
        self._counts = {name: np.zeros(group.N, np.uint8) for name, group in objects.groups.items()}
        self._fan_out = {name: np.zeros(shape[:2], np.int32).ravel() for name, shape in self._shapes.items()}
        self._fan_out_of: dict[str, np.ndarray] = {}  # by neuron, for inputs whose events the kernel does not count
        for name, keys in self._outputs.items():
            if len(keys) == 1 and is_plain(projections[keys[0]]):
                self._fan_out[name] = fan_out(projections[keys[0]]).ravel().astype(np.int32)
                continue
            for key in keys:
                images = objects.groups[name].N // math.prod(self._shapes[name])
                self._fan_out_of[key] = np.tile(neuron_fan_out(projections[key]).ravel(), images)
        self._by_step = np.zeros((2, wave.p), np.int64)
        first = objects.groups[self._names[0]]
        self._first = (
            value_array(first, "I"),
            value_array(first, "v"),
            first.N // math.prod(self._shapes[self._names[0]]),
        )
        firing = [name for name, onset in self._onset.items() if wave.fires(onset, steps)[-1]]
        self._last_lists = {name: SpikeList(objects.groups[name]) for name in firing}
        self._last_thresholds = [
            (value_array(group, "v_th"), equations[name].parameters["beta" if name in firing else "alpha"])
            for name, group in objects.groups.items()
            if "v_th" in group.variables
        ]
        self._as_built = self._settings()

    @staticmethod
    def suits(objects: LayerObjects, equations: Mapping[str, NeuronEquations], wave: Wave, steps: int) -> bool:
        """Whether the windows of a network can be passed at once, as far as its equations and weights are concerned.

        Parameters
        ----------
        objects, equations, wave, steps
            See `WindowPass`.

        Returns
        -------
        bool
            True for the shipped wave with or-gates, unit spikes and fixed-point weights.
        """
        kernels = [connection.kernel for connection in objects.inputs.values() if hasattr(connection, "kernel")]
        return (
            len(kernels) == len(objects.inputs)
            and all(getattr(kernel, "fixed_point", True) for kernel in kernels)
            and all(is_shipped(own, "wave", "or_pool") for own in equations.values())
            and all(own.parameters["beta"] == 1 for own in equations.values())
            and wave.p <= _MOST_LEVELS
            and steps <= _EXACT_STEPS
        )

    def _settings(self):
        """What a user can change and the windows depend on: shared constants, and names that the equations use."""
        groups = self._objects.groups.items()
        constants = [
            (name, variable, value_array(group, variable).item())
            for name, group in groups
            for variable in ("beta", "p", "waves", "onset")
            if variable in group.variables
        ]
        return constants, {name: dict(group.namespace) for name, group in groups}

    @property
    def usable(self) -> bool:
        """Whether constants and names are still those that the network was built with."""
        return self._settings() == self._as_built

    def calls(self) -> list[Call]:
        """The calls of a whole run, in order; each is named like its layer's group.

        Returns
        -------
        list of Call
            One for each layer and wave, and one that leaves thresholds and spike lists as the last step does.
        """
        calls = []
        for number in range(self._wave.waves):
            for name in self._names:
                run = functools.partial(self._pass, name, number)
                calls.append(Call(f"{self._objects.groups[name].name}_window", run))
        return [*calls, Call(f"{self._objects.groups[self._names[-1]].name}_last_step", self._leave)]

    def _pass(self, name: str, number: int) -> None:
        """Gather and fire: one layer, in one of the waves."""
        objects, counts, wave = self._objects, self._counts[name], self._wave
        written = counts, self._fan_out[name], self._by_step
        if self._inputs[name]:
            *others, (key, source) = self._inputs[name]
            for other, before in others:
                objects.inputs[other].kernel.gather_window(self._counts[before])
            objects.inputs[key].kernel.pass_window(self._counts[source], *written)
        else:
            current, v, images = self._first
            _windows.fire_current(current, v, *written, number == 0, images, self._shapes[name], self._threads)
        spikes, events = self._by_step.tolist()
        first = self._onset[name] + 2 * wave.p * number
        objects.counters[name].fill(first, spikes, self._steps)
        for key in self._outputs[name]:
            if key in self._fan_out_of:
                by_count = np.bincount(counts, self._fan_out_of[key], wave.p + 1)
                events = by_count[:0:-1].cumsum()[::-1].astype(int).tolist()
            objects.inputs[key].fill(first, events, self._steps)
        if name in objects.recorders:
            kept = counts if wave.waves == 1 else counts.copy()  # the next wave writes over it
            objects.recorders[name].fill(first, kept, wave.p, self._steps)

    def _leave(self) -> None:
        """Set thresholds and spike lists to what they are after the last step."""
        for threshold, value in self._last_thresholds:
            threshold[:] = value
        for name, spikes in self._last_lists.items():
            spikes.set(np.flatnonzero(self._counts[name] == self._wave.p))
