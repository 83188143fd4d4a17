"""The paper's Table III: operations, power, time and energy of the CNN and of the spiking network.

The paper (IV.C) takes 1.10e9 synaptic operations for a frame, divides them by
TrueNorth's 400e9 operations a second and watt, calls the result a power of
2.75e-3 W, and multiplies it by T = 20 steps of 1 ms. But a number of operations
is no rate. With N operations, efficiency eta (operations a joule, which is
operations a second and watt) and the time T dt:

    as printed      P = N / eta,         E = P T dt        5.5e-5 J
    corrected       E = N / eta,         P = E / (T dt)    2.75e-3 J, 0.1375 W

The two differ by 1 / (T dt), here 50. Besides, the paper's GPU runs three search
crops in a frame, and its operations are those of one; here every row says how
many crops it is for, and ratios are for as many.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cost_models import CostModel

__all__ = ["Row", "as_printed", "cnn_row", "corrected", "frontier"]


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes
    ----------
    method : str
    crops : int
        Search crops that it is for.
    operations : float
        Floating-point (two for a multiply-accumulate) or synaptic operations.
    power, seconds, energy : float or None
        W, s, J; None where the hardware has no clock.
    """

    method: str
    crops: int
    operations: float
    power: float | None
    seconds: float | None
    energy: float

    def ratio(self, other: Any) -> float:
        """How many times more energy ``other`` takes for as many crops."""
        return other.energy * self.crops / other.crops / self.energy if self.energy else float("inf")

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, by name."""
        return asdict(self)


def as_printed(method: str, crops: int, operations: float, efficiency: float, seconds: float) -> Row:
    """The paper's own arithmetic: a number of operations taken for a rate.

    Parameters
    ----------
    method : str
    crops : int
    operations : float
        Synaptic operations.
    efficiency : float
        Synaptic operations a joule.
    seconds : float
        Time steps times the tick.

    Returns
    -------
    Row
    """
    power = operations / efficiency
    return Row(method, crops, operations, power, seconds, power * seconds)


def corrected(method: str, crops: int, operations: float, energy: float, seconds: float | None) -> Row:
    """The same with the energy of a number of operations, and the power that follows from it.

    Parameters
    ----------
    method : str
    crops : int
    operations, energy : float
    seconds : float or None
        Time steps times the tick.

    Returns
    -------
    Row
    """
    return Row(method, crops, operations, energy / seconds if seconds else None, seconds, energy)


def cnn_row(method: str, crops: int, macs: float, cost: CostModel) -> Row:
    """The CNN on hardware that multiplies and accumulates.

    Parameters
    ----------
    method : str
    crops : int
    macs : float
        Multiply-accumulates.
    cost : CostModel

    Returns
    -------
    Row
    """
    seconds = macs / cost.value("mac_rate") if "mac_rate" in cost.constants else None
    return corrected(method, crops, 2 * macs, macs * cost.value("mac"), seconds)


def frontier(points: list[tuple[float, float]]) -> list[int]:
    """Which points no other one beats: none takes less energy without being less accurate.

    Parameters
    ----------
    points : sequence of (float, float)
        Energy and accuracy.

    Returns
    -------
    list of int
        Their indices, by rising energy.
    """
    best, result = float("-inf"), []
    for k in sorted(range(len(points)), key=lambda k: (points[k][0], -points[k][1])):
        if points[k][1] > best:
            best = points[k][1]
            result.append(k)
    return result
