"""A branch on GeNN, through Brian2GeNN: C++ for the processor, or CUDA for an NVIDIA GPU.

Brian2GeNN supports less of Brian2 than the other devices, so the neuron models are translated:

    part        equation file                translation for GeNN
    update      v += I                       dv/dt = I*int(working)/second, stepped as v + f(v, t)
    threshold   v >= v_th                    (v >= v_th) and working
    on_pre      v_post += w * v_th_pre       v_post += w,   with v_th folded into w
    max_pool    a maximum of sums            the inputs that fired as binary digits of a sum (additive_pooling.py)
    or_pool     arrived_post += beta_pre     arrived_post += w,  with w = 1: whether anything arrived is all that counts

GeNN delivers a spike one step after it was fired. Layer l, counted from 0, therefore works in steps l to l+T-1
(``working``) and fires l steps later than on the other devices. `GennBranch.trains` subtracts these l steps.
"""

from __future__ import annotations

import io
import os
import re
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from brian2 import Clock, Network, StateMonitor, prefs
from brian2.stateupdaters.explicit import ExplicitStateUpdater
from brian2.utils.logger import std_silent

from ..defaults import POOLING, WAVE_POOLING
from ..errors import InputError, reason_of
from ..model.graph import is_graph, sources_of
from ..model.layers import Convolution
from ..neurons.equations import TIME_STEP, load_equations
from .additive_pooling import additive_gate, gate_weights
from .compiled import CompiledBranch
from .genn_installation import compiler_error, genn_problem
from .layer_equations import network_wave

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..aliases import FilePath
    from ..model.conversion import SpikingModel
    from ..model.files import SiameseModel
    from ..model.layers import Layer
    from ..neurons.equations import Codings, NeuronEquations
    from .presentation import Presentation

__all__ = ["GennBranch", "check_genn", "check_genn_graph", "genn_equations", "shared_amplitude"]

#: A discrete step: adds the right-hand side of the equation, independently of dt.
_DISCRETE = ExplicitStateUpdater("x_new = x + f(x, t)")


def check_genn(equations: NeuronEquations, layer: Layer, hidden: bool, steps: int) -> None:
    """Check that GeNN supports a layer with its equations.

    Parameters
    ----------
    equations : NeuronEquations
        Equations of the layer's neurons.
    layer : Convolution or MaxPool
        The layer.
    hidden : bool
        Whether another layer receives its spikes.
    steps : int
        T, the time steps of an image.

    Raises
    ------
    InputError
        If ``on_pre`` differs from that of the shipped models, a pooling window is too large, the amplitude depends on
        the neuron, or the amplitude of a hidden layer has more than two values over time.
    """
    if equations.refractory:
        raise InputError(
            f"{equations.name}: GeNN expects neurons without a refractory period, got refractory = "
            f"{equations.refractory.strip()!r}; use the devices runtime or cpp_standalone"
        )
    names = ("rate",) if isinstance(layer, Convolution) else (POOLING, WAVE_POOLING)
    expected = [load_equations(name).on_pre.strip() for name in names]
    if equations.on_pre.strip() not in expected:
        raise InputError(
            f"{equations.name}: GeNN expects the on_pre {' or '.join(map(repr, expected))}, "
            f"got {equations.on_pre.strip()!r}; use another device"
        )
    if not isinstance(layer, Convolution):
        additive_gate(equations, layer, 1.0)
        return
    by_step = shared_amplitude(equations, steps)
    if by_step is None:
        raise InputError(
            f"{equations.name}: GeNN expects one amplitude for all neurons, because its synapses cannot read the "
            "presynaptic neuron; use rate or two_status, or another device"
        )
    if hidden and len(np.unique(by_step)) > 2:
        raise InputError(
            f"{equations.name}: GeNN's weights hold one amplitude, but the amplitude of these spikes changes from step "
            "to step; use rate in the hidden layers, or another device"
        )


def check_genn_graph(layers: tuple[Layer, ...], equations: Mapping[str, NeuronEquations]) -> None:
    """Check that GeNN, where a spike arrives one step later, gives the same spikes for a graph of layers.

    A spike that skips a layer arrives a step too early there. A layer of a wave gathers until its own window, so that
    this changes nothing; other neurons would fire early.

    Parameters
    ----------
    layers : tuple of Layer
        The network.
    equations : mapping of str to NeuronEquations
        By layer.

    Raises
    ------
    InputError
        If connections skip layers, or a pool has padding, and the coding is not a wave.
    """
    if is_graph(layers) and network_wave(equations) is None:
        raise InputError(
            f"{layers[-1].name}: on GeNN a graph of layers needs wave coding, because a spike that skips a layer "
            "arrives early; use coding='wave', or the devices runtime or cpp_standalone"
        )


def genn_equations(equations: NeuronEquations, presentation: Presentation, layer: int) -> NeuronEquations:
    """Translate a neuron model for GeNN.

    Parameters
    ----------
    equations : NeuronEquations
        Equations of the layer's neurons.
    presentation : Presentation
        The time steps of an image.
    layer : int
        Number of the layer, counted from 0.

    Returns
    -------
    NeuronEquations
        The model without ``update``; differential equations, integrated in discrete steps, replace it.

    Raises
    ------
    InputError
        If a statement of ``update`` has another form than ``variable += expression``.
    """
    equations = presentation.equations(equations, layer)
    model = equations.model.strip()
    for statement in filter(None, map(str.strip, equations.update.splitlines())):
        found = 0
        if match := re.fullmatch(r"(\w+)\s*\+=\s*(.+)", statement):
            variable, added = match.groups()
            declaration = rf"(?m)^\s*{variable}\s*:\s*1\s*(#.*)?$"
            model, found = re.subn(declaration, f"d{variable}/dt = ({added})*int(working)/second : 1", model)
        if found != 1:
            raise InputError(
                f"{equations.name}: GeNN expects updates of the form 'variable += expression', with 'variable : 1' in "
                f"the model, got {statement!r}; use another device"
            )
    # shared variables are read-only in GeNN, so each use evaluates the expression; t does not change within a step
    model = re.sub(r"\(\s*shared\s*,\s*constant over dt\s*\)", "(shared)", model)
    step = f"timestep(t, dt) % {presentation.length}"
    onset = presentation.onset(layer)
    model += f"\nworking = ({step} >= {onset}) and ({step} < {onset + presentation.steps}) : boolean (shared)"
    return replace(equations, model=model, update="", threshold=f"({equations.threshold}) and working")


def shared_amplitude(equations: NeuronEquations, steps: int) -> np.ndarray | None:
    """Simulate the spike amplitude over time, if all neurons share it.

    Parameters
    ----------
    equations : NeuronEquations
        Equations of a layer's neurons.
    steps : int
        T, the number of time steps.

    Returns
    -------
    ndarray, shape (T,), or None
        Amplitude of a spike in each step; None if it depends on the neuron.
    """
    clock = Clock(dt=TIME_STEP)
    group = equations.group(1, "sample", clock)
    if not group.variables[equations.amplitude].scalar:
        return None
    monitor = StateMonitor(group, equations.amplitude, record=0, clock=clock)
    target = prefs.codegen.target
    prefs.codegen.target = "numpy"  # nothing to compile for one neuron
    try:
        Network(group, monitor).run(steps * TIME_STEP, namespace={})
    finally:
        prefs.codegen.target = target
    # Brian2 2.10 and newer give a view of memory that ends with the monitor
    return np.array(getattr(monitor, f"{equations.amplitude}_")).ravel()


class GennBranch(CompiledBranch):
    """A spiking network that embeds images, on GeNN.

    It gives the same spikes as `SpikingBranch`.

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
    backend : {"cpu", "cuda"}
        C++ on one thread of the processor (default), or an NVIDIA GPU.
    **options
        Other options of `CompiledBranch`; GeNN does not support ``record_states``.

    Raises
    ------
    InputError
        If GeNN is not installed, does not support the model or its equations, or the network does not compile.
    """

    device = "genn"
    lag = 1

    def __init__(
        self,
        model: FilePath | SiameseModel | SpikingModel,
        image_size: int,
        steps: int | None = None,
        coding: Codings | None = None,
        *,
        backend: str = "cpu",
        **options: Any,
    ) -> None:
        if backend not in ("cpu", "cuda"):
            raise InputError(f"backend: expected 'cpu' or 'cuda', got {backend!r}")
        if problem := genn_problem(backend):
            raise InputError(problem)
        if options.get("record_states"):
            raise InputError(
                "record_states: GeNN does not define when it records within a step; use the runtime device"
            )
        self._backend = backend
        self._amplitude_by_step: dict[str, Any] = {}
        super().__init__(model, image_size, steps, coding, **options)

    def _translated(self, k, equations):
        layer = self.model.layers[k]
        check_genn(equations, layer, k < len(self.model.layers) - 1, self.steps)
        check_genn_graph(self.model.layers, self.equations)
        if isinstance(layer, Convolution):
            self._amplitude_by_step[layer.name] = shared_amplitude(equations, self.steps)
        else:  # a gate passes on the amplitude of its inputs
            (source,) = sources_of(self.model.layers)[layer.name]
            by_step = self._amplitude_by_step[layer.name] = self._amplitude_by_step[source]
            equations = additive_gate(equations, layer, by_step.min())
        return genn_equations(equations, self.presentation, self.turns[k])

    def _options(self):
        return {
            "build_on_run": True,
            "directory": str(self.directory),
            "use_GPU": self._backend == "cuda",
            "run": False,
            "with_output": False,
        }

    def _group(self, k, equations, **options):
        return super()._group(k, equations, method=_DISCRETE, **options)

    def _connect(self, k, projection, source, target):
        synapses = super()._connect(k, projection, source, target)
        if not isinstance(self.model.layers[k], Convolution):
            synapses.w = gate_weights(self.equations[target.name], projection)
        return synapses

    def _arriving(self, equations, presynaptic):
        # the amplitude is part of the weights, or carried by the gate
        return equations.on_pre.strip().replace(" * {amplitude}_pre", "")

    def _weights(self, projection):
        weights = super()._weights(projection)
        return None if weights is None else weights * self._amplitude_by_step[projection.source].min()

    def _variables(self, name):
        return ("i", "t")

    def _compile(self, device):
        prefs.devices.genn.path = os.environ["GENN_PATH"]
        before = [len(text) for text in _compiler_output()]
        with redirect_stdout(io.StringIO()):  # Brian2GeNN prints each stage
            try:
                self.network.run(self.batch_size * self.presentation.length * TIME_STEP, namespace={})
            except (NotImplementedError, RuntimeError) as error:
                told = [text[start:] for text, start in zip(_compiler_output(), before, strict=True)]
                reason = compiler_error("\n".join(told)) or reason_of(error)
                raise InputError(f"{self.device}: the network does not compile: {reason:.300}") from error

    def _restart(self):
        return "t = 0; iT = 0;"

    def _command(self):
        return ["./main", "test", repr(self.batch_size * self.presentation.length * float(TIME_STEP))]

    def _amplitudes(self, name, values, step):
        by_step = self._amplitude_by_step[name]
        carried = by_step[step]
        if name != self.model.layers[-1].name and (carried != by_step.min()).any():
            raise InputError(
                f"{name}: GeNN's weights hold one amplitude, {by_step.min():g}, but neurons fired spikes of "
                f"{np.unique(carried)}; use another device, or rate in the hidden layers"
            )
        return carried.astype(np.float32)


def _compiler_output():
    """Output of the programs that Brian2GeNN started so far, stderr first; Brian2 redirects it into two files."""
    files = [getattr(std_silent, f"dest_fname_{name}", None) for name in ("stderr", "stdout")]
    return [Path(file).read_text(errors="replace") if file and os.path.isfile(file) else "" for file in files]
