"""A branch on GeNN, through Brian2GeNN: C++ for the processor, or CUDA for an NVIDIA GPU.

Brian2GeNN supports less of Brian2 than the other devices, so the neuron models are translated (`genn_translation.py`).
GeNN delivers a spike one step after it was fired. Layer l, counted from 0, therefore works in steps l to l+T-1
(``working``) and fires l steps later than on the other devices. `GennBranch.trains` subtracts these l steps.
"""

from __future__ import annotations

import io
import os
import subprocess
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from brian2 import prefs
from brian2.stateupdaters.explicit import ExplicitStateUpdater
from brian2.utils.logger import std_silent

from ..errors import InputError, reason_of
from ..model.graph import sources_of
from ..model.layers import Convolution
from ..neurons.equations import TIME_STEP
from .additive_pooling import additive_gate, gate_weights
from .compiled import CompiledBranch
from .genn_installation import compiler_error, genn_problem
from .genn_translation import check_genn, check_genn_graph, genn_equations, shared_amplitude

if TYPE_CHECKING:
    from typing import Any

    from ..aliases import FilePath
    from ..model.conversion import SpikingModel
    from ..model.files import SiameseModel
    from ..neurons.equations import Codings

__all__ = ["GennBranch"]

#: A discrete step: adds the right-hand side of the equation, independently of dt.
_DISCRETE = ExplicitStateUpdater("x_new = x + f(x, t)")

#: The flags of GeNN's C++ code, and optimisation; sums are neither reordered nor contracted.
_FLAGS = "-c -fPIC -std=c++11 -O3 -march=native -ffp-contract=off"


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
        if self._backend == "cpu":
            self._optimise()

    def _optimise(self):
        """Compile GeNN's code again, optimised: Brian2GeNN leaves that off, and has no setting for it."""
        command = ["make", "-B", "-C", "magicnetwork_model_CODE", f"CXXFLAGS={_FLAGS}"]
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True)
        if done.returncode:
            reason = compiler_error(f"{done.stderr}\n{done.stdout}") or f"make ended with exit code {done.returncode}"
            raise InputError(f"{self.device}: the network does not compile: {reason:.300}")

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
