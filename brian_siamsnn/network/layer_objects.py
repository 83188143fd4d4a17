"""The Brian2 objects that one layer of a branch is made of, and whether they fit into memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from brian2 import Synapses, get_device, ms
from brian2.codegen.runtime.cython_rt import CythonCodeObject
from brian2.core.base import BrianObject

from ..connectivity.explicit import convolution_synapses, pooling_synapses, synapse_count
from ..connectivity.kernel_equations import plain
from ..environment import available_memory
from ..errors import InputError
from ..model.layers import Convolution

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from brian2 import Clock, NeuronGroup

    from ..aliases import Shape
    from ..model.conversion import SpikingModel
    from ..model.layers import Layer
    from ..neurons.equations import NeuronEquations

__all__ = ["Call", "Tally", "calls_of", "check_input", "check_memory", "explicit_synapses", "layer_group"]

#: Bytes that a neuron takes in single precision: its variables, spikes, and the kernel's lists, rounded up.
_BYTES_PER_NEURON = 32

#: Bytes that an explicit synapse takes while it is built, in single precision (measured: 28 with 29 million of them).
_BYTES_PER_SYNAPSE = 32


class _BranchlessCythonCode(CythonCodeObject):
    """Brian2's Cython code, with this package's ``templates/`` where it has one."""

    templater = CythonCodeObject.templater.derive("brian_siamsnn.network")


class Tally(BrianObject):
    """Counts the spikes of a layer by step, and their synaptic events where no kernel does.

    Parameters
    ----------
    group : brian2.NeuronGroup
    steps : int
        T.
    order : int
        Its place among what runs in the slot ``thresholds``.

    Attributes
    ----------
    spikes, events : ndarray of int64, shape (T,)
    """

    def __init__(self, group: NeuronGroup, steps: int, order: int) -> None:
        super().__init__(clock=group.clock, when="thresholds", order=order, name=f"{group.name}_tally")
        self._space = group.variables["_spikespace"].get_value()
        self._step = group.clock.variables["timestep"].get_value()
        self.spikes, self.events = np.zeros(steps, np.int64), np.zeros(steps, np.int64)
        self._fan_out: np.ndarray | None = None
        self._channels = 1

    def count_events(self, fan_out_per_pixel: np.ndarray, channels: int) -> None:
        """Count synaptic events as well: each spike times the fan-out of its pixel."""
        self._fan_out, self._channels = fan_out_per_pixel.ravel(), channels

    def run(self) -> None:
        """Count this step's."""
        fired, step = self._space[: self._space[-1]], self._step[0]
        self.spikes[step] = len(fired)
        if self._fan_out is not None:
            self.events[step] = self._fan_out[fired // self._channels % self._fan_out.size].sum()


def layer_group(
    equations: NeuronEquations,
    layer: Layer,
    k: int,
    size: int,
    clock: Clock,
    dtype: npt.DTypeLike,
    fixed_point: bool = False,
) -> NeuronGroup:
    """Make the neurons of layer number k, which fire in its turn within a step.

    Parameters
    ----------
    equations : NeuronEquations
    layer : Convolution or MaxPool
    k : int
        Its number; thresholds have the order 10 k.
    size : int
        Number of neurons, in all images.
    clock : brian2.Clock
    dtype : dtype
    fixed_point : bool
        Whether what arrives, and the input current, are fixed-point numbers, of which any sum is exact.

    Raises
    ------
    InputError
        If Brian2 does not accept the equations, or they have no place for an input current.
    """
    group = equations.group(size, layer.name, clock, dtype)
    thresholder = group.thresholder["spike"]
    thresholder.when, thresholder.order = "thresholds", 10 * k
    if get_device().code_object_class() is CythonCodeObject:
        thresholder.codeobj_class = _BranchlessCythonCode
    check_input(equations, layer, group)
    _in_one_pass(group, equations, k == 0 or (fixed_point and plain(equations.update) == "v+=I"))
    return group


def check_input(equations: NeuronEquations, layer: Layer, group: NeuronGroup) -> None:
    """Raise `InputError` if the neurons of a convolution have no place for its input current."""
    if isinstance(layer, Convolution) and "I" not in group.variables:
        raise InputError(
            f"{equations.name}: a neuron of a network needs a variable I, its input current; "
            f"it has {sorted(group.equations.names)}"
        )


def _in_one_pass(group, equations, update):
    """Let the pass over the neurons that finds who fires also reset them and, on request, update them before.

    The same, bit by bit, as one pass for each, and a third of the memory traffic: spikes carry no potential, so nothing
    sees whether it is reset already, and an update may wait where no synapse adds something between the two (in the
    first layer), or where it does not matter what is added first.
    """
    thresholder, resetter = group.thresholder["spike"], group.resetter.get("spike")
    condition = thresholder.update_abstract_code
    before = after = ""
    if update and equations.update.strip():
        before = equations.update
        for operation in group.contained_objects:
            if operation.name == f"{group.name}_update":
                operation.active = False
    if resetter is not None and plain(equations.reset) == "v-=v_th" and equations.amplitude != "v":
        after = "v -= v_th * int(_cond)"
        resetter.active = False

    def update_abstract_code(run_namespace):
        condition(run_namespace)
        thresholder.abstract_code = "\n".join([before, thresholder.abstract_code, after])

    thresholder.update_abstract_code = update_abstract_code


class Call(NamedTuple):
    """Something that a step runs, by the name of Brian2's object."""

    name: str
    run: Callable[[], Any]


def calls_of(item: BrianObject) -> list[Call]:
    """What a step runs of one of Brian2's objects.

    Its compiled code at once, where ``run`` would do nothing else; that saves a twentieth of a small network's time.

    Parameters
    ----------
    item : brian2.BrianObject
        Of a network that was run.
    """
    codes = getattr(item, "code_objects", ())
    if type(item).run is not BrianObject.run:
        return [Call(item.name, item.run)]
    if all(code.class_name == "cython" and not code.nonconstant_values for code in codes):
        compiled = [(code.compiled_code["run"], code.namespace) for code in codes]
        return [Call(item.name, partial(module.main, namespace)) for module, namespace in compiled if module]
    return [Call(item.name, item.run)]


def explicit_synapses(
    layer: Layer,
    source: NeuronGroup,
    target: NeuronGroup,
    shapes: tuple[Shape, Shape],
    sender: NeuronEquations,
    equations: NeuronEquations,
    weights: np.ndarray | None,
    order: int,
    dtype: npt.DTypeLike,
) -> Synapses:
    """Make every weight a Brian2 synapse.

    Parameters
    ----------
    layer : Convolution or MaxPool
    source, target : brian2.NeuronGroup
    shapes : pair of tuple
        (height, width, channels) of one image of each.
    sender, equations : NeuronEquations
        Of the two groups.
    weights : ndarray, shape (out, in/groups, kernel, kernel), optional
        Of a convolution.
    order : int
        Its place among what runs in the slot ``thresholds``.
    dtype : dtype
    """
    synapses = Synapses(
        source,
        target,
        ("" if weights is None else "w : 1 (constant)\n") + equations.synapse,
        on_pre=equations.arriving(sender),
        delay=0 * ms,
        name=f"{target.name}_input",
        clock=source.clock,
        dtype=dtype,
    )
    before, after = (int(np.prod(shape)) for shape in shapes)
    images = source.N // before
    image = np.arange(images, dtype=np.int32)[:, None]

    def connect(i, j):  # the same pairs of neurons in every image
        synapses.connect(i=(i + image * before).ravel(), j=(j + image * after).ravel())

    if isinstance(layer, Convolution) and weights is not None:
        i, j, w = convolution_synapses(*shapes, layer, weights)
        connect(i, j)
        synapses.variables["w"].get_value()[:] = np.tile(w, images)
    else:
        connect(*pooling_synapses(*shapes, layer))
    synapses.pre.when, synapses.pre.order = "thresholds", order
    return synapses


def check_memory(model: SpikingModel, image_size: int, images: int, explicit: bool) -> None:
    """Raise `InputError` if neurons, or explicit synapses, would not fit into memory.

    Parameters
    ----------
    model : SpikingModel
    image_size : int
        Side of the images in pixels.
    images : int
        Images side by side.
    explicit : bool
        Whether every weight is a synapse.
    """
    shapes = model.shapes(image_size)
    neurons = images * sum(height * width * channels for height, width, channels in shapes.values())
    free = available_memory()
    if neurons * _BYTES_PER_NEURON > free:
        raise InputError(
            f"model: it has {neurons / 1e6:,.0f} million neurons for images of {image_size} pixels, about "
            f"{neurons * _BYTES_PER_NEURON / 2**30:.0f} GiB, and {free / 2**30:.0f} GiB are free; take another"
        )
    if not explicit:
        return
    layers = list(zip(model.layers, model.layers[1:], strict=False))
    count = images * sum(synapse_count(shapes[a.name], shapes[b.name], b) for a, b in layers)
    if count * _BYTES_PER_SYNAPSE > free:
        raise InputError(
            f"explicit synapses: this network has {count / 1e6:,.0f} million of them for images of "
            f"{image_size} pixels, about {count * _BYTES_PER_SYNAPSE / 2**30:.0f} GiB while they are built, "
            f"and {free / 2**30:.0f} GiB are free; take connectivity='kernel', which gives the same spikes"
        )
