"""Brian2's devices: what each can do for a model, what it would need, and how to open a branch on it.

The same model, image and coding give the same spikes on every device. Nothing
is built here to find out what is said here.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..connectivity.explicit import synapse_count
from ..connectivity.kernel_equations import check_kernel_equations
from ..environment import available_memory
from ..errors import InputError
from .genn import GennBranch, check_genn, genn_problem
from .layer_equations import branch_equations
from .runtime import SpikingBranch
from .standalone import StandaloneBranch

if TYPE_CHECKING:
    from ..model.conversion import SpikingModel
    from ..neurons.equations import Coding

__all__ = ["DEVICES", "DeviceReport", "build_branch", "survey_devices"]

#: Names that `build_branch` takes.
DEVICES = ("runtime", "cpp_standalone", "genn", "genn_cuda")

_MIB = 2**20


@dataclass(frozen=True)
class _Form:
    """What a device takes with one form of connectivity; bytes as measured, see docs/devices.md."""

    device: str
    connectivity: str
    base: int  # bytes that any network takes
    per_neuron: int
    per_synapse: int  # bytes of memory at the peak, while building or running
    disk_per_synapse: int
    compilation: str


_FORMS = (
    _Form("runtime", "kernel", 200 * _MIB, 40, 0, 0, "1-2 min, once on a machine"),
    _Form("runtime", "synapses", 200 * _MIB, 40, 32, 0, "1-2 min, once on a machine"),
    _Form("cpp_standalone", "kernel", 200 * _MIB, 40, 0, 0, "0.5-2 min for each branch"),
    _Form("cpp_standalone", "synapses", 200 * _MIB, 40, 42, 36, "0.5-2 min for each branch"),
    _Form("genn", "synapses", 200 * _MIB, 40, 58, 36, "0.5 min for each branch"),
    _Form("genn_cuda", "synapses", 200 * _MIB, 40, 58, 36, "0.5 min for each branch"),
    _Form("cuda", "synapses", 200 * _MIB, 40, 42, 36, "not tried"),
)


@dataclass(frozen=True)
class DeviceReport:
    """What one device can do for one model.

    Attributes
    ----------
    device, connectivity : str
    absent : str
        Why the device cannot be used on this machine; empty where it can.
    cannot : tuple of str
        What it cannot do for this model and coding, each with the way out.
    memory, disk : int
        Bytes that it would need, about.
    compilation : str
        How long that takes.
    note : str
    """

    device: str
    connectivity: str
    absent: str
    cannot: tuple[str, ...]
    memory: int
    disk: int
    compilation: str
    note: str

    @property
    def usable(self) -> bool:
        """Whether `build_branch` would work."""
        return not self.absent and not self.cannot

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "cannot": list(self.cannot), "usable": self.usable}


def survey_devices(
    model: SpikingModel,
    image_size: int,
    steps: int = 20,
    coding: Coding = "rate",
    hidden_coding: Coding = "rate",
    pooling: Coding = "max_pool",
) -> list[DeviceReport]:
    """Say for every device what it cannot do for a model, and what it would need.

    Parameters
    ----------
    model : SpikingModel
    image_size, steps : int
    coding, hidden_coding, pooling : str or NeuronEquations
        As for `SpikingBranch`.

    Returns
    -------
    list of DeviceReport
    """
    shapes = model.shapes(image_size)
    equations = branch_equations(model, coding, hidden_coding, pooling)
    neurons = sum(int(np.prod(shape)) for shape in shapes.values())
    joins = zip(model.layers, model.layers[1:], strict=False)
    synapses = sum(synapse_count(shapes[a.name], shapes[b.name], b) for a, b in joins)
    reports = []
    for form in _FORMS:
        memory = form.base + form.per_neuron * neurons + form.per_synapse * synapses
        disk = form.disk_per_synapse * synapses
        reports.append(
            DeviceReport(
                form.device,
                form.connectivity,
                _absent(form.device),
                tuple(_cannot(form, model, equations, steps, memory, disk)),
                memory,
                disk,
                form.compilation,
                _note(form),
            )
        )
    return reports


def _absent(device):
    if device in ("genn", "genn_cuda"):
        return genn_problem("cuda" if device == "genn_cuda" else "cpu") or ""
    if device == "cuda":
        return "Brian2CUDA is a pre-release (1.0a7, for Brian2 2.8.0) and has not been run with these networks"
    if device == "cpp_standalone" and not _compiler():
        return "no C++ compiler (g++ or clang++)"
    return ""


def _cannot(form, model, equations, steps, memory, disk):
    """One line for each thing that stands in the way."""
    for layer in model.layers:
        try:
            if form.connectivity == "kernel":
                check_kernel_equations(equations[layer.name], layer)
            elif form.device.startswith("genn"):
                check_genn(equations[layer.name], layer, layer is not model.layers[-1], steps)
        except InputError as error:
            yield str(error)
    if memory > available_memory():
        yield (
            f"needs about {memory / 2**30:.1f} GiB of memory, {available_memory() / 2**30:.1f} are free; "
            "take connectivity='kernel' on runtime or cpp_standalone"
        )
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if disk > free:
        yield f"needs about {disk / 2**30:.1f} GiB of disk, {free / 2**30:.1f} are free"


def _note(form):
    if form.device == "runtime":
        return "Cython" if _compiler() else "no C++ compiler: NumPy code instead, the same spikes, slower"
    if form.device == "genn":
        return "spikes go to the next layer a step later; trains are given without the lag; one thread"
    return ""


def _compiler():
    return shutil.which("g++") or shutil.which("clang++")


def build_branch(
    model: SpikingModel,
    image_size: int,
    steps: int = 20,
    coding: Coding = "rate",
    device: str = "runtime",
    **options: Any,
) -> SpikingBranch | StandaloneBranch | GennBranch:
    """A branch on a device.

    Parameters
    ----------
    model : SpikingModel
    image_size, steps : int
    coding : str or NeuronEquations
    device : {"runtime", "cpp_standalone", "genn", "genn_cuda"}
    **options
        Of the class: `SpikingBranch`, `StandaloneBranch` or `GennBranch`.

    Returns
    -------
    SpikingBranch, StandaloneBranch or GennBranch
        All have ``run(image)``, ``trains(layer)``, ``spikes`` and ``operations``.

    Raises
    ------
    InputError
        If there is no such device, or it cannot run this model.
    """
    if device not in DEVICES:
        raise InputError(f"device: expected one of {list(DEVICES)}, got {device!r}")
    if device == "runtime":  # it says itself what it cannot do
        return SpikingBranch(model, image_size, steps, coding, **options)
    codings = {key: options[key] for key in ("hidden_coding", "pooling") if key in options}
    form = options.get("connectivity", "kernel" if device == "cpp_standalone" else "synapses")
    for report in survey_devices(model, image_size, steps, coding, **codings):
        if (report.device, report.connectivity) == (device, form) and not report.usable:
            raise InputError(f"{device}: {'; '.join(filter(None, (report.absent, *report.cannot)))}")
    if device == "cpp_standalone":
        return StandaloneBranch(model, image_size, steps, coding, **options)
    return GennBranch(model, image_size, steps, coding, "cuda" if device == "genn_cuda" else "cpu", **options)
