"""The energy of counted operations on a piece of hardware."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .cost_models import CostModel
    from .operations import OperationCounts

__all__ = ["EnergyBreakdown", "price"]


@dataclass(frozen=True)
class EnergyBreakdown:
    """Energy of counted operations on a piece of hardware, in joules, by what it is spent on.

    Attributes
    ----------
    synapses : float
        Synaptic operations of the convolutions.
    pooling : float
        Events into the pooling gates.
    matching : float
        Synaptic operations of matching.
    neurons : float
        Neuron updates; 0 if the cost model has no separate figure for them.
    spikes : float
        Sending of spikes; 0 if the cost model has no separate figure for it.
    static : float
        Static power of the chips over the time that the operations take.
    first_layer : float
        Multiply-accumulates of the first layer, on the same hardware if it has a figure for them, else on the host.
    host : float
        Multiply-accumulates of the tracker around the network, likewise.
    seconds : float or None
        Time: time steps times the tick, one scale after another. None if the hardware has no tick.
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
    """Compute the energy of counted operations.

    Parameters
    ----------
    work : OperationCounts
        The operations.
    cost : CostModel
        Hardware that runs the spiking network.
    host : CostModel
        Hardware for multiply-accumulates, if `cost` has no figure for them.
    chips : int
        Number of chips that the network occupies, see `CostModel.fit`; 1 by default.

    Returns
    -------
    EnergyBreakdown
        Energy by what it is spent on.
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
