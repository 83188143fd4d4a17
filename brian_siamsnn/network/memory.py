"""How much memory and disk a branch needs, on every device and with every form of connectivity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..connectivity.views import synapses_of
from ..environment import available_memory
from ..errors import InputError

if TYPE_CHECKING:
    from ..model.conversion import SpikingModel

__all__ = ["REQUIREMENTS", "Requirement", "check_memory"]

_MIB = 2**20

#: Bytes per neuron in single precision: state variables, spikes, and the kernels' lists, rounded up.
_PER_NEURON = 40


@dataclass(frozen=True)
class Requirement:
    """What one device needs with one form of connectivity.

    Parameters
    ----------
    per_synapse : int
        Bytes of memory for each synapse at the peak, while building or running; 0 with shared kernels.
    disk_per_synapse : int
        Bytes on disk for each synapse, 0 by default.
    """

    per_synapse: int
    disk_per_synapse: int = 0

    def memory(self, model: SpikingModel, image_size: int, batch_size: int = 1) -> int:
        """Bytes of memory, about.

        Parameters
        ----------
        model : SpikingModel
            The network.
        image_size : int
            Side of the images, in pixels.
        batch_size : int
            Images side by side, 1 by default.

        Returns
        -------
        int
            Bytes.
        """
        per_image = _PER_NEURON * model.neuron_count(image_size) + self.per_synapse * _synapses(model, image_size)
        return 200 * _MIB + batch_size * per_image

    def disk(self, model: SpikingModel, image_size: int) -> int:
        """Bytes on disk, about.

        Parameters
        ----------
        model : SpikingModel
            The network.
        image_size : int
            Side of the images, in pixels.

        Returns
        -------
        int
            Bytes.
        """
        return self.disk_per_synapse * _synapses(model, image_size)


#: By (device, connectivity); bytes per synapse as measured with 29 million of them, see docs/devices.md. On disk are
#: its two neurons and its weight.
REQUIREMENTS = {
    ("runtime", "kernel"): Requirement(0),
    ("runtime", "synapses"): Requirement(32),
    ("cpp_standalone", "kernel"): Requirement(0),
    ("cpp_standalone", "synapses"): Requirement(42, 16),
    ("genn", "synapses"): Requirement(58, 16),
    ("genn_cuda", "synapses"): Requirement(58, 16),
    ("cuda", "synapses"): Requirement(42, 36),
}


def _synapses(model, image_size):
    return sum(synapses_of(projection) for projection in model.projections(image_size).values())


def check_memory(model: SpikingModel, image_size: int, batch_size: int, connectivity: str) -> None:
    """Raise `InputError` if a branch on the runtime device would not fit into memory.

    Parameters
    ----------
    model : SpikingModel
        The network.
    image_size : int
        Side of the images, in pixels.
    batch_size : int
        Images side by side.
    connectivity : {"kernel", "synapses"}
        Form of connectivity.

    Raises
    ------
    InputError
        With the memory that is needed and what there is.
    """
    free = available_memory()
    needed = REQUIREMENTS["runtime", connectivity].memory(model, image_size, batch_size)
    if needed <= free:
        return
    neurons = batch_size * model.neuron_count(image_size)
    what, advice = f"{neurons / 1e6:,.0f} million neurons", "choose a smaller model"
    if connectivity == "synapses":
        what += f" and {batch_size * _synapses(model, image_size) / 1e6:,.0f} million explicit synapses"
        advice = "choose connectivity='kernel', which gives the same spikes"
    raise InputError(
        f"model: for images of {image_size} pixels it has {what}, about {needed / 2**30:.0f} GiB, "
        f"and {free / 2**30:.0f} GiB are free; {advice}"
    )
