"""Brian2's devices: what each supports and needs for a model, and building a branch on it.

The same model, image and coding give the same spikes on every device.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..connectivity.kernel_equations import check_kernel_equations
from ..environment import available_memory
from ..errors import InputError
from ..model.conversion import SpikingModel
from ..model.graph import depths
from ..neurons.waves import default_coding, resolved_steps
from .genn import GennBranch
from .genn_installation import genn_problem
from .genn_translation import check_genn, check_genn_graph
from .layer_equations import layer_equations, network_wave
from .memory import REQUIREMENTS
from .runtime import SpikingBranch
from .standalone import StandaloneBranch

if TYPE_CHECKING:
    from ..aliases import FilePath
    from ..model.files import SiameseModel
    from ..neurons.equations import Codings
    from .branch import Branch

__all__ = ["DEVICES", "DeviceReport", "build_branch", "survey_devices"]

#: Device names for `build_branch`.
DEVICES = ("runtime", "cpp_standalone", "genn", "genn_cuda")

#: Time to compile a network, by (device, connectivity).
_COMPILATION = {
    ("runtime", "kernel"): "1-2 min, once on a machine",
    ("runtime", "synapses"): "1-2 min, once on a machine",
    ("cpp_standalone", "kernel"): "0.5-1 min for each branch",
    ("cpp_standalone", "synapses"): "0.5-1 min for each branch",
    ("genn", "synapses"): "0.5 min for each branch",
    ("genn_cuda", "synapses"): "0.5 min for each branch",
    ("cuda", "synapses"): "not tried",
}


@dataclass(frozen=True)
class DeviceReport:
    """What one device supports and needs for one model.

    Attributes
    ----------
    device : {"runtime", "cpp_standalone", "genn", "genn_cuda", "cuda"}
        Name of the device.
    connectivity : {"kernel", "synapses"}
        Shared kernels or explicit synapses.
    absent : str
        Why the device cannot be used on this machine; empty if it can.
    cannot : tuple of str
        What the device does not support for this model and coding, one entry per reason, each with what to do instead.
    memory : int
        Estimated memory, in bytes.
    disk : int
        Estimated disk space, in bytes.
    compilation : str
        Time to compile the network, as text.
    note : str
        Remark on how the device works here; may be empty.
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
        """Whether `build_branch` works on this machine, for this model and coding."""
        return not self.absent and not self.cannot

    def as_dict(self) -> dict[str, Any]:
        """Convert the report to plain values, for JSON.

        Returns
        -------
        dict of str to object
            The attributes, and ``usable``.
        """
        return {**asdict(self), "cannot": list(self.cannot), "usable": self.usable}


def survey_devices(
    model: FilePath | SiameseModel | SpikingModel,
    image_size: int,
    steps: int | None = None,
    coding: Codings | None = None,
    *,
    hidden_coding: Codings | None = None,
    pooling: Codings | None = None,
) -> list[DeviceReport]:
    """Report what each device supports and needs for a model. The survey builds nothing.

    Parameters
    ----------
    model : str, path, SiameseModel or SpikingModel
        Name of a shipped model, a model file, or a loaded model.
    image_size : int
        Side of the square images, in pixels: 127 (exemplar) or 255 (search region).
    steps : int, optional
        T, the time steps that each image is shown for; by default as many as the wave takes, or 20 with another coding.
    coding : str, path or NeuronEquations, optional
        Neuron equations of the last layer; by default ``"wave"``, the coding of all layers, or ``"rate"`` if `steps` is
        given.
    hidden_coding : str, path, NeuronEquations or dict, optional
        Neuron equations of the convolutions before it; by default those of the wave, or ``"rate"`` with another
        coding. A dict gives them by layer name.
    pooling : str, path or NeuronEquations, optional
        Gate of the pooling layers; by default ``"or_pool"`` in a wave, or ``"max_pool"`` with another coding.

    Returns
    -------
    list of DeviceReport
        One report per device and form of connectivity.

    Raises
    ------
    InputError
        If an argument is invalid.
    """
    model = SpikingModel.of(model)
    coding = default_coding(steps) if coding is None else coding
    equations = layer_equations(model, coding, hidden_coding, pooling)
    steps = resolved_steps(steps, network_wave(equations), max(depths(model.layers).values()) + 1)
    reports = []
    for (device, connectivity), requirement in REQUIREMENTS.items():
        memory, disk = requirement.memory(model, image_size), requirement.disk(model, image_size)
        limits = _limits(device, connectivity, model, equations, steps, memory, disk)
        compilation = _COMPILATION[device, connectivity]
        reports.append(
            DeviceReport(device, connectivity, _absent(device), tuple(limits), memory, disk, compilation, _note(device))
        )
    return reports


def _absent(device):
    if device in ("genn", "genn_cuda"):
        return genn_problem("cuda" if device == "genn_cuda" else "cpu") or ""
    if device == "cuda":
        return "Brian2CUDA is a pre-release (1.0a7, for Brian2 2.8.0) and has not been run with these networks"
    if device == "cpp_standalone" and not _compiler():
        return "expected a C++ compiler (g++ or clang++), found none; install one"
    return ""


def _limits(device, connectivity, model, equations, steps, memory, disk):
    """Yield one line for each thing that the device does not support."""
    for layer in model.layers:
        try:
            if connectivity == "kernel":
                check_kernel_equations(equations[layer.name], layer)
            elif device.startswith("genn"):
                check_genn(equations[layer.name], layer, layer is not model.layers[-1], steps)
                check_genn_graph(model.layers, equations)
        except InputError as error:
            yield str(error)
    if memory > available_memory():
        yield (
            f"needs about {memory / 2**30:.1f} GiB of memory, but only {available_memory() / 2**30:.1f} GiB are free; "
            "use connectivity='kernel' on runtime or cpp_standalone"
        )
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if disk > free:
        yield f"needs about {disk / 2**30:.1f} GiB of disk space, but only {free / 2**30:.1f} GiB are free"


def _note(device):
    if device == "runtime":
        return "Cython" if _compiler() else "no C++ compiler: NumPy code instead, with the same spikes, but slower"
    if device == "genn":
        return "spikes reach the next layer one step later, which the spike trains do not show; one thread"
    return ""


def _compiler():
    return shutil.which("g++") or shutil.which("clang++")


def build_branch(
    model: FilePath | SiameseModel | SpikingModel,
    image_size: int,
    steps: int | None = None,
    coding: Codings | None = None,
    *,
    device: str = "runtime",
    **options: Any,
) -> Branch:
    """Build a branch on a device.

    Parameters
    ----------
    model : str, path, SiameseModel or SpikingModel
        Name of a shipped model, a model file, or a loaded model.
    image_size : int
        Side of the square images, in pixels: 127 (exemplar) or 255 (search region).
    steps : int, optional
        T, the time steps that each image is shown for; by default as many as the wave takes, or 20 with another coding.
    coding : str, path or NeuronEquations, optional
        Neuron equations of the last layer; by default ``"wave"``, the coding of all layers, or ``"rate"`` if `steps` is
        given.
    device : {"runtime", "cpp_standalone", "genn", "genn_cuda"}
        Where the network runs, ``"runtime"`` by default.
    **options
        Other options of `Branch`, and of the device's class: `SpikingBranch`, `StandaloneBranch` or `GennBranch`.

    Returns
    -------
    Branch
        `SpikingBranch`, `StandaloneBranch` or `GennBranch`, ready to run.

    Raises
    ------
    InputError
        If an argument is invalid, or the device is not usable on this machine for this model.
    """
    if device not in DEVICES:
        raise InputError(f"device: expected one of {list(DEVICES)}, got {device!r}")
    if device == "runtime":  # SpikingBranch checks its own limits
        return SpikingBranch(model, image_size, steps, coding, **options)
    codings = {key: options[key] for key in ("hidden_coding", "pooling") if key in options}
    connectivity = options.get("connectivity", "kernel" if device == "cpp_standalone" else "synapses")
    for report in survey_devices(model, image_size, steps, coding, **codings):
        if (report.device, report.connectivity) == (device, connectivity) and not report.usable:
            raise InputError(f"{device}: {'; '.join(filter(None, (report.absent, *report.cannot)))}")
    if device == "cpp_standalone":
        return StandaloneBranch(model, image_size, steps, coding, **options)
    backend = "cuda" if device == "genn_cuda" else "cpu"
    return GennBranch(model, image_size, steps, coding, backend=backend, **options)
