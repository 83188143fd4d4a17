"""Count the operations of the spiking network and of the tracker around it.

A spike causes one synaptic operation at every synapse that it reaches (paper, IV.C; Cao 2015):

    SOP = sum_t sum_l spikes_l(t) * fan-out_l

with the fan-out of each individual neuron, which is smaller at a border and is divided by strides and groups
(`fan_out`). The counts are exact, and equal to those of explicit Synapses. Everything else is counted separately:

- the input of the first layer is the image, so it performs multiply-accumulates, once per image: out * in/groups *
kernel^2
  for each output position;
- every neuron adds its bias in every time step, which is one neuron update;
- matching is one more layer, whose synapses are the exemplar: a spike of the search region reaches it at every shift at
  which the two overlap;
- the tracker around the network (crops, smoothing of the exemplar, upsampling, window) performs multiply-accumulates on
  the host.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..connectivity.explicit import fan_out
from ..connectivity.views import synapses_of
from ..model.layers import Convolution, convolutions, sizes
from ..model.projection import Projection

if TYPE_CHECKING:
    from ..model.layers import Layer
    from ..network.runtime import SpikingBranch
    from ..spikes.trains import SpikeTrains

__all__ = ["LayerCounts", "OperationCounts", "convolution_macs", "count_branch", "matching_operations"]

#: Fields of `LayerCounts` that are summed over images.
_SUMMED = ("macs", "spikes", "operations", "updates")


@dataclass(frozen=True)
class LayerCounts:
    """Operations of one layer.

    Attributes
    ----------
    name : str
        Name of the layer.
    pooling : bool
        Whether it is a pooling layer; its `operations` are then events into its gates.
    neurons : int
        Number of neurons.
    synapses : int
        Number of incoming synapses; 0 in the first layer.
    macs : int
        Multiply-accumulates of the first layer; 0 in the others.
    spikes : ndarray of int64, shape (T,)
        Number of spikes in each time step.
    operations : ndarray of int64, shape (T,)
        Number of synaptic operations at its incoming synapses in each time step.
    updates : ndarray of int64, shape (T,)
        Number of neuron updates in each time step.
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
        return replace(self, **{name: getattr(self, name) + getattr(other, name) for name in _SUMMED})

    def __truediv__(self, number: float) -> LayerCounts:
        return replace(self, **{name: getattr(self, name) / number for name in _SUMMED})


@dataclass(frozen=True)
class OperationCounts:
    """Operations of one or several images; the counts of one network can be added, and divided by a number for a mean.

    Attributes
    ----------
    layers : tuple of LayerCounts
        Operations of each layer.
    matching : ndarray of int64, shape (T,)
        Synaptic operations of matching in each time step.
    host : float
        Multiply-accumulates of the tracker around the network; 0 by default.
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
        """Return the counts of the first time steps only.

        Parameters
        ----------
        steps : int
            Number of time steps.

        Returns
        -------
        OperationCounts
            Counts with arrays of shape (steps,). Multiply-accumulates, on the host and in the first layer, are
            unchanged.
        """
        by_step = ("spikes", "operations", "updates")
        layers = tuple(
            replace(layer, **{name: getattr(layer, name)[:steps] for name in by_step}) for layer in self.layers
        )
        return OperationCounts(layers, self.matching[:steps], self.host)

    @property
    def operations(self) -> float:
        """Synaptic operations of the convolutions, as in the paper's Table III."""
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
        """Time steps that the network ran for, summed over all images."""
        return self.layers[0].updates.sum().item() / self.layers[0].neurons

    @property
    def counts(self) -> dict[str, float]:
        """All counts as plain numbers, by name."""
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
    """Count the multiply-accumulates of the CNN for one square image.

    Parameters
    ----------
    layers : tuple of Convolution and MaxPool
        The network.
    image_size : int
        Side of the image in pixels.

    Returns
    -------
    dict of str to int
        out_height * out_width * out_channels * in_channels / groups * kernel^2 for each convolution, by name. The paper
        counts each as two operations.
    """
    sides = sizes(layers, image_size)
    return {layer.name: sides[layer.name] ** 2 * int(np.prod(layer.weight_shape)) for layer in convolutions(layers)}


def matching_operations(trains: SpikeTrains, exemplar_side: int) -> np.ndarray:
    """Count the synaptic operations that spikes of the search region cause in matching.

    Matching (Eq. 6-9) is a convolution with the exemplar as its kernel and one output channel, so a spike reaches as
    many shifts of the exemplar as it would have synapses there.

    Parameters
    ----------
    trains : SpikeTrains
        Spike trains of the search region.
    exemplar_side : int
        Side of the exemplar's last layer.

    Returns
    -------
    ndarray of int64, shape (T,)
        Synaptic operations in each time step.
    """
    height, width, channels = trains.shape
    layer = Convolution("matching", channels, 1, exemplar_side)
    response = (height - exemplar_side + 1, width - exemplar_side + 1, 1)
    operations = fan_out(Projection(layer, trains.shape, response)).ravel()[trains.neuron // channels]
    return np.bincount(trains.step, operations, trains.steps).astype(np.int64)


def count_branch(branch: SpikingBranch, matching: np.ndarray | int = 0, host: float = 0) -> OperationCounts:
    """Count the operations of the last run of a branch.

    Parameters
    ----------
    branch : SpikingBranch
        The branch.
    matching : ndarray of int64, shape (T,), or int
        Synaptic operations of matching in each time step, see `matching_operations`; 0 by default.
    host : float
        Multiply-accumulates of the tracker around the branch; 0 by default.

    Returns
    -------
    OperationCounts
        Operations of all images of the run.
    """
    images = branch.batch_size
    synapses = dict.fromkeys(branch.shapes, 0)
    for projection in branch.projections.values():
        synapses[projection.layer.name] += synapses_of(projection)
    first: Any = branch.first_layer.layer  # of a graph, as it convolves the image: dense
    macs = images * int(np.prod(branch.shapes[first.name]) * np.prod(first.weight_shape[1:]))
    layers = []
    for layer in branch.model.layers:
        neurons = int(np.prod(branch.shapes[layer.name]))
        layers.append(
            LayerCounts(
                name=layer.name,
                pooling=not isinstance(layer, Convolution),
                neurons=neurons,
                synapses=synapses[layer.name],
                macs=macs if layer.name == first.name else 0,
                spikes=branch.spikes[layer.name],
                operations=branch.operations.get(layer.name, np.zeros(branch.steps, np.int64)),
                updates=np.where(np.arange(branch.steps) < branch.steps_run, images * neurons, 0),
            )
        )
    return OperationCounts(tuple(layers), matching + np.zeros(branch.steps, np.int64), host)
