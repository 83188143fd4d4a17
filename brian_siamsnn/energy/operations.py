"""Everything that tracking does, counted; and what it costs.

A spike costs one synaptic operation at every synapse that it reaches (paper,
IV.C; Cao 2015):

    SOP = sum_t sum_l spikes_l(t) * fan-out_l,

with each neuron's own fan-out: at a border it is smaller, a stride or groups
divide it (`fan_out`). Counts are exact, and
equal those of explicit Synapses. What is no synaptic operation is kept apart:

- the first layer sees the image itself, so it multiplies and accumulates, once
  an image: out * in/groups * kernel^2 for each output place;
- every neuron adds its bias in every step: one update;
- matching is one more layer, whose synapses are the exemplar: a spike of the
  search region meets it at every shift at which they overlap;
- the tracker around the network (crops, smoothing of the exemplar, upsampling,
  window) multiplies and accumulates on a host.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..connectivity.explicit import fan_out, synapse_count
from ..model.layers import Convolution, convolutions, sizes

if TYPE_CHECKING:
    from ..model.layers import Layer
    from ..network.runtime import SpikingBranch
    from ..spikes.trains import SpikeTrains
    from .cost_models import CostModel

__all__ = [
    "EnergyBreakdown",
    "LayerCounts",
    "OperationCounts",
    "count_branch",
    "convolution_macs",
    "matching_operations",
    "price",
]

#: Counts of a layer that add up over images.
_COUNTED = ("macs", "spikes", "operations", "updates")


@dataclass(frozen=True)
class LayerCounts:
    """What one layer did.

    Attributes
    ----------
    name : str
    pooling : bool
        Whether it is a pooling layer; its synaptic operations then are events into its gates.
    neurons, synapses : int
        Of the layer, and that end there; the first layer has no synapses.
    macs : int
        Multiply-accumulates of the first layer, 0 in the others.
    spikes, operations, updates : ndarray of int64, shape (T,)
        By step: fired, synaptic operations at its synapses, neurons that were updated.
    """

    name: str
    pooling: bool
    neurons: int
    synapses: int
    macs: int
    spikes: np.ndarray
    operations: np.ndarray
    updates: np.ndarray

    def __add__(self, other: Any) -> LayerCounts:
        return replace(self, **{name: getattr(self, name) + getattr(other, name) for name in _COUNTED})

    def __truediv__(self, number: float) -> LayerCounts:
        return replace(self, **{name: getattr(self, name) / number for name in _COUNTED})


@dataclass(frozen=True)
class OperationCounts:
    """What one or several images took; works of the same network add up, and divide into means.

    Attributes
    ----------
    layers : tuple of LayerCounts
    matching : ndarray of int64, shape (T,)
        Synaptic operations of matching, by step.
    host : int
        Multiply-accumulates of the tracker around the network.
    """

    layers: tuple[LayerCounts, ...]
    matching: np.ndarray
    host: float = 0

    def __add__(self, other: Any) -> OperationCounts:
        layers = tuple(a + b for a, b in zip(self.layers, other.layers, strict=True))
        return OperationCounts(layers, self.matching + other.matching, self.host + other.host)

    def __truediv__(self, number: float) -> OperationCounts:
        return OperationCounts(
            tuple(layer / number for layer in self.layers), self.matching / number, self.host / number
        )

    def until(self, steps: int) -> OperationCounts:
        """The same work had it ended after so many steps; the host's part is left as it is.

        Parameters
        ----------
        steps : int

        Returns
        -------
        OperationCounts
        """
        layers = tuple(
            replace(layer, **{name: getattr(layer, name)[:steps] for name in ("spikes", "operations", "updates")})
            for layer in self.layers
        )
        return OperationCounts(layers, self.matching[:steps], self.host)

    @property
    def operations(self) -> float:
        """Synaptic operations of the convolutions: the figure of the paper's Table III."""
        return sum(layer.operations.sum().item() for layer in self.layers if not layer.pooling)

    @property
    def pooling_events(self) -> float:
        """Events into the pooling gates."""
        return sum(layer.operations.sum().item() for layer in self.layers if layer.pooling)

    @property
    def spikes(self) -> float:
        """Spikes of all layers."""
        return sum(layer.spikes.sum().item() for layer in self.layers)

    @property
    def updates(self) -> float:
        """Neuron updates of all layers."""
        return sum(layer.updates.sum().item() for layer in self.layers)

    @property
    def macs(self) -> float:
        """Multiply-accumulates of the first layer."""
        return sum(layer.macs for layer in self.layers)

    @property
    def steps(self) -> float:
        """Time steps that the network was run for, over all images."""
        return self.layers[0].updates.sum().item() / self.layers[0].neurons

    @property
    def counts(self) -> dict[str, float]:
        """All of it in plain numbers, by name."""
        return {
            "synaptic_operations": self.operations,
            "pooling_events": self.pooling_events,
            "matching_operations": self.matching.sum().item(),
            "spikes": self.spikes,
            "neuron_updates": self.updates,
            "first_layer_macs": self.macs,
            "host_macs": self.host,
            "steps": self.steps,
        }


def convolution_macs(layers: tuple[Layer, ...], image_size: int) -> dict[str, int]:
    """Multiply-accumulates of the CNN for one square image, by convolution.

    Parameters
    ----------
    layers : tuple of Convolution and MaxPool
    image_size : int

    Returns
    -------
    dict of str to int
        out_height * out_width * out_channels * in_channels / groups * kernel^2.
        The paper counts two operations for each.
    """
    sides = sizes(layers, image_size)
    return {layer.name: sides[layer.name] ** 2 * int(np.prod(layer.weight_shape)) for layer in convolutions(layers)}


def matching_operations(trains: SpikeTrains, exemplar_side: int) -> np.ndarray:
    """Synaptic operations that the search region's spikes cause in matching, by step.

    Matching (Eq. 6-9) is a convolution with the exemplar as its kernel and one
    output channel, so a spike reaches as many shifts as it has synapses there.

    Parameters
    ----------
    trains : SpikeTrains
        Of the search region.
    exemplar_side : int
        Side of the exemplar's last layer.

    Returns
    -------
    ndarray of int64, shape (T,)
    """
    height, width, channels = trains.shape
    layer = Convolution("matching", channels, 1, exemplar_side)
    response = (height - exemplar_side + 1, width - exemplar_side + 1, 1)
    reached = fan_out(trains.shape, response, layer).ravel()[trains.neuron // channels]
    return np.bincount(trains.step, reached, trains.steps).astype(np.int64)


def count_branch(branch: SpikingBranch, matching: np.ndarray | int = 0, host: float = 0) -> OperationCounts:
    """What the last run of a branch took.

    Parameters
    ----------
    branch : SpikingBranch
    matching : ndarray of int64, shape (T,), optional
        Operations of matching, see `matching_operations`.
    host : int
        Multiply-accumulates around it.

    Returns
    -------
    OperationCounts
        Of all the images that it was run for.
    """
    layers, before = [], None
    first = branch.model.layers[0]
    images = branch.images
    macs = images * convolution_macs((first,), branch.image_size)[first.name]
    for layer in branch.model.layers:
        shape = branch.shapes[layer.name]
        neurons = int(np.prod(shape))
        spikes = np.asarray(branch.spikes[layer.name])
        layers.append(
            LayerCounts(
                layer.name,
                not isinstance(layer, Convolution),
                neurons,
                synapse_count(branch.shapes[before], shape, layer) if before else 0,
                0 if before else macs,
                spikes,
                np.asarray(branch.operations[layer.name]) if before else np.zeros(branch.steps, np.int64),
                np.where(np.arange(branch.steps) < branch.steps_run, images * neurons, 0),
            )
        )
        before = layer.name
    return OperationCounts(tuple(layers), matching + np.zeros(branch.steps, np.int64), host)


@dataclass(frozen=True)
class EnergyBreakdown:
    """Energy of some work on one piece of hardware, in joules.

    Attributes
    ----------
    synapses, pooling, matching : float
        Of the synaptic operations of the convolutions, the gates and matching.
    neurons, spikes : float
        Of neuron updates and of sending spikes, where the hardware counts them apart.
    static : float
        Of the chips' static power over the time that it takes.
    first_layer, host : float
        Of what is no spike: on the hardware itself if it can, on the host otherwise.
    seconds : float or None
        Time steps times the tick, scale after scale; None where there is no tick.
    """

    synapses: float
    pooling: float
    matching: float
    neurons: float
    spikes: float
    static: float
    first_layer: float
    host: float
    seconds: float | None

    @property
    def total(self) -> float:
        """Sum of all parts, in joules."""
        return sum(getattr(self, part.name) for part in fields(self) if part.name != "seconds")


def price(work: OperationCounts, cost: CostModel, host: CostModel, chips: int = 1) -> EnergyBreakdown:
    """What some work costs.

    Parameters
    ----------
    work : OperationCounts
    cost : CostModel
        Hardware that runs spikes.
    host : CostModel
        Hardware for the multiply-accumulates that ``cost`` has no figure for.
    chips : int
        Chips that the network takes, see `fit`.

    Returns
    -------
    EnergyBreakdown
    """
    seconds = work.steps * cost.value("tick") if "tick" in cost.constants else None
    synapse, mac = cost.value("synaptic_operation"), cost.value("mac", host.value("mac"))
    return EnergyBreakdown(
        synapses=work.operations * synapse,
        pooling=work.pooling_events * synapse,
        matching=work.matching.sum().item() * synapse,
        neurons=work.updates * cost.value("neuron_update"),
        spikes=work.spikes * cost.value("spike"),
        static=cost.value("static_power") * chips * (seconds or 0.0),
        first_layer=work.macs * mac,
        host=work.host * mac,
        seconds=seconds,
    )
