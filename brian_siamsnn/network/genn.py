"""A branch for GeNN, through Brian2GeNN: C++ for the processor, or CUDA for an NVIDIA GPU.

GeNN takes less of Brian2 than the other devices, so the same neuron models are
written as it takes them:

    update      v += I                       dv/dt = I*int(working)/second, stepped as v + f(v, t)
    threshold   v >= v_th                    (v >= v_th) and working
    on_pre      v_post += w * v_th_pre       v_post += w,   with v_th folded into w
    max_pool    a maximum of sums            additive_pooling.py: which inputs fired, as binary digits

A spike is delivered one step after it was fired, so layer l works in the steps
l to l+T-1 (``working``), and its spikes are those of the other devices, l steps
later; `GennBranch.trains` takes the l steps off again.
"""

from __future__ import annotations

import io
import os
import re
import shutil
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from brian2 import Clock, Network, StateMonitor, prefs
from brian2.stateupdaters.explicit import ExplicitStateUpdater

from ..defaults import CODING, STEPS
from ..errors import InputError, reason_of
from ..model.layers import Convolution
from ..neurons.equations import TIME_STEP, load_equations
from .additive_pooling import additive_pool, window_weights
from .compiled import CompiledBranch

if TYPE_CHECKING:
    from typing import Any

    from ..aliases import FilePath
    from ..model.conversion import SpikingModel
    from ..model.files import SiameseModel
    from ..model.layers import Layer
    from ..neurons.equations import Codings, NeuronEquations
    from .presentation import Presentation

__all__ = ["GennBranch", "check_genn", "genn_equations", "genn_problem", "shared_amplitude"]

#: A discrete step: what the equation says is added, whatever dt is.
_DISCRETE = ExplicitStateUpdater("x_new = x + f(x, t)")

_HOW = "docs/devices.md tells how to install it"


def genn_problem(backend: str = "cpu") -> str | None:
    """Why GeNN cannot be used here, in one line; None where it can (Brian2 knows the device then)."""
    try:
        import brian2genn  # noqa: F401
    except Exception as error:  # with versions that do not fit it fails in many ways
        return f"Brian2GeNN cannot be imported ({type(error).__name__}: {error}); {_HOW}"
    path = os.environ.get("GENN_PATH")
    if not path or not (Path(path) / "bin" / "genn-buildmodel.sh").is_file():
        return f"GENN_PATH: expected the folder of a GeNN 4 source tree, got {path!r}; {_HOW}"
    if not shutil.which("g++"):
        return "GeNN needs the compiler g++"
    if backend == "cuda" and not os.environ.get("CUDA_PATH"):
        return "GeNN's CUDA backend needs CUDA_PATH, the folder of the CUDA toolkit"
    return None


def check_genn(equations: NeuronEquations, layer: Layer, hidden: bool, steps: int) -> None:
    """Raise `InputError` if GeNN cannot do what a layer needs.

    Parameters
    ----------
    equations : NeuronEquations
        Of the layer's neurons.
    layer : Convolution or MaxPool
    hidden : bool
        Whether its spikes go to another layer.
    steps : int
        T.
    """
    expected = load_equations("rate" if isinstance(layer, Convolution) else "max_pool").on_pre.strip()
    if equations.on_pre.strip() != expected:
        raise InputError(
            f"{equations.name}: GeNN takes {expected!r} on a spike, not {equations.on_pre.strip()!r}; "
            "take another device"
        )
    if not isinstance(layer, Convolution):
        additive_pool(layer, 1.0)
        return
    by_step = shared_amplitude(equations, steps)
    if by_step is None:
        raise InputError(
            f"{equations.name}: each neuron's spikes have an amplitude of their own, and GeNN reads "
            "nothing of the sender; take rate or two_status, or another device"
        )
    if hidden and len(np.unique(by_step)) > 2:
        raise InputError(
            f"{equations.name}: the amplitude of a spike changes from step to step, and GeNN's weights "
            "hold one; take rate in the hidden layers, or another device"
        )


def genn_equations(equations: NeuronEquations, presentation: Presentation, layer: int) -> NeuronEquations:
    """A neuron model as GeNN takes it.

    Parameters
    ----------
    equations : NeuronEquations
    presentation : Presentation
    layer : int
        Number of the layer, counted from 0.

    Returns
    -------
    NeuronEquations
        Without ``update``; its model has differential equations, to be stepped by discrete steps.

    Raises
    ------
    InputError
        If the model does in its update what GeNN does not take.
    """
    equations = presentation.equations(equations, layer)
    model = equations.model.strip()
    for statement in filter(None, map(str.strip, equations.update.splitlines())):
        match = re.fullmatch(r"(\w+)\s*\+=\s*(.+)", statement)
        model, found = (
            re.subn(
                rf"(?m)^\s*{match[1]}\s*:\s*1\s*(#.*)?$",
                f"d{match[1]}/dt = ({match[2]})*int(working)/second : 1",
                model,
            )
            if match
            else (model, 0)
        )
        if found != 1:
            raise InputError(
                f"{equations.name}: GeNN takes updates of the form 'variable += expression', "
                f"with 'variable : 1' in the model, not {statement!r}"
            )
    # what all neurons share is read-only in GeNN, so it is worked out where it is used; t is the same there
    model = re.sub(r"\(\s*shared\s*,\s*constant over dt\s*\)", "(shared)", model)
    step = f"timestep(t, dt) % {presentation.length}"
    onset = presentation.onset(layer)
    model += f"\nworking = ({step} >= {onset}) and ({step} < {onset + presentation.steps}) : boolean (shared)"
    return replace(equations, model=model, update="", threshold=f"({equations.threshold}) and working")


def shared_amplitude(equations: NeuronEquations, steps: int) -> np.ndarray | None:
    """What a spike carries in each step, where that is the same for all neurons.

    Parameters
    ----------
    equations : NeuronEquations
    steps : int

    Returns
    -------
    ndarray, shape (steps,), or None
        None where it is a matter of the neuron.
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
    return np.asarray(getattr(monitor, f"{equations.amplitude}_")).ravel()


class GennBranch(CompiledBranch):
    """A spiking network that embeds images, on GeNN.

    Its trains are those of `SpikingBranch`, spike by spike.

    Parameters
    ----------
    backend : {"cpu", "cuda"}
        C++ on one thread of the processor, or an NVIDIA GPU.
    **options
        See `CompiledBranch`.

    Raises
    ------
    InputError
        If GeNN is absent, cannot do what the model or its equations need, or does not compile.
    """

    device = "genn"
    lag = 1

    def __init__(
        self,
        model: FilePath | SiameseModel | SpikingModel,
        image_size: int,
        steps: int = STEPS,
        coding: Codings = CODING,
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
                "record_states: GeNN does not say when in a step it records; record states on the runtime device"
            )
        self._backend = backend
        self._amplitude_by_step: dict[str, Any] = {}
        super().__init__(model, image_size, steps, coding, **options)

    def _translated(self, k, equations):
        layer = self.model.layers[k]
        check_genn(equations, layer, k < len(self.model.layers) - 1, self.steps)
        if isinstance(layer, Convolution):
            self._amplitude_by_step[layer.name] = shared_amplitude(equations, self.steps)
        else:  # a gate passes on what it gets
            by_step = self._amplitude_by_step[layer.name] = self._amplitude_by_step[self.model.layers[k - 1].name]
            equations = additive_pool(layer, by_step.min())
        return genn_equations(equations, self.presentation, k)

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

    def _connect(self, k, source, target):
        synapses = super()._connect(k, source, target)
        if not isinstance(self.model.layers[k], Convolution):
            synapses.w = window_weights(self.projections[target.name])
        return synapses

    def _arriving(self, equations, presynaptic):
        # the amplitude is in the weights, or in what a gate sends on
        return equations.on_pre.strip().replace(" * {amplitude}_pre", "")

    def _weights(self, layer, before):
        weights = super()._weights(layer, before)
        return None if weights is None else weights * self._amplitude_by_step[before].min()

    def _variables(self, name):
        return ("i", "t")

    def _compile(self, device):
        prefs.devices.genn.path = os.environ["GENN_PATH"]
        with redirect_stdout(io.StringIO()):  # it announces each stage
            try:
                self.network.run(self.batch_size * self.presentation.length * TIME_STEP, namespace={})
            except (NotImplementedError, RuntimeError) as error:
                raise InputError(f"GeNN does not build this network: {reason_of(error)}") from error

    def _command(self):
        return ["./main", "test", repr(self.batch_size * self.presentation.length * float(TIME_STEP))]

    def _amplitudes(self, name, values, step):
        by_step = self._amplitude_by_step[name]
        carried = by_step[step]
        if name != self.model.layers[-1].name and (carried != by_step.min()).any():
            raise InputError(
                f"{name}: neurons fired spikes of different amplitudes {np.unique(carried)}, and GeNN's "
                f"weights hold one, {by_step.min():g}; take another device, or rate coding in the hidden "
                "layers"
            )
        return carried.astype(np.float32)
