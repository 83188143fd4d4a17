"""The paper's Table III: operations, power, time and energy of the CNN and the spiking network.

The paper (IV.C) takes 1.10e9 synaptic operations per frame, divides them by TrueNorth's 400e9 operations per second and
watt, calls the result a power of 2.75e-3 W, and multiplies it by T = 20 steps of 1 ms. But a number of operations is
not a rate. With N operations, efficiency eta (operations per joule, which is operations per second and watt) and time T
dt:

    as printed      P = N / eta,         E = P T dt        5.5e-5 J
    corrected       E = N / eta,         P = E / (T dt)    2.75e-3 J, 0.1375 W

The two energies differ by a factor of 1 / (T dt), here 50. In addition, the paper's GPU processes three search crops
per frame, while its operations are those of one crop. Here every row states its number of crops, and ratios are for the
same number.
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
        Network and hardware.
    crops : int
        Number of search crops.
    operations : float
        Synaptic operations, or floating-point operations (two per multiply-accumulate).
    power : float or None
        Power in W; None if the hardware has no clock.
    seconds : float or None
        Time in s; None if the hardware has no clock.
    energy : float
        Energy in J.
    """

    method: str
    crops: int
    operations: float
    power: float | None
    seconds: float | None
    energy: float

    def ratio(self, other: Any) -> float:
        """Return how many times more energy another row takes for the same number of crops.

        Parameters
        ----------
        other : Row
            The other row.

        Returns
        -------
        float
            Ratio of the energies per crop; infinite if this row takes no energy.
        """
        return other.energy * self.crops / other.crops / self.energy if self.energy else float("inf")

    def as_dict(self) -> dict[str, Any]:
        """Return the row as a dictionary.

        Returns
        -------
        dict
            Fields by name.
        """
        return asdict(self)


def as_printed(method: str, crops: int, operations: float, efficiency: float, seconds: float) -> Row:
    """Create a row with the paper's arithmetic, which takes a number of operations for a rate.

    Parameters
    ----------
    method : str
        Network and hardware.
    crops : int
        Number of search crops.
    operations : float
        Synaptic operations.
    efficiency : float
        Synaptic operations per joule.
    seconds : float
        Time in s: time steps times the tick.

    Returns
    -------
    Row
        The row.
    """
    power = operations / efficiency
    return Row(method, crops, operations, power, seconds, power * seconds)


def corrected(method: str, crops: int, operations: float, energy: float, seconds: float | None) -> Row:
    """Create a row with the energy of a number of operations, and the power that follows from it.

    Parameters
    ----------
    method : str
        Network and hardware.
    crops : int
        Number of search crops.
    operations : float
        Synaptic or floating-point operations.
    energy : float
        Energy in J.
    seconds : float or None
        Time in s; None if the hardware has no clock.

    Returns
    -------
    Row
        The row.
    """
    return Row(method, crops, operations, energy / seconds if seconds else None, seconds, energy)


def cnn_row(method: str, crops: int, macs: float, cost: CostModel) -> Row:
    """Create a row for the CNN on hardware that performs multiply-accumulates.

    Parameters
    ----------
    method : str
        Network and hardware.
    crops : int
        Number of search crops.
    macs : float
        Multiply-accumulates.
    cost : CostModel
        The hardware.

    Returns
    -------
    Row
        The row.
    """
    seconds = macs / cost.value("mac_rate") if "mac_rate" in cost.constants else None
    return corrected(method, crops, 2 * macs, macs * cost.value("mac"), seconds)


def frontier(points: list[tuple[float, float]]) -> list[int]:
    """Find the points on the Pareto frontier: no other point is at least as accurate for the same energy or less.

    Parameters
    ----------
    points : list of (float, float)
        Energy and accuracy of each point.

    Returns
    -------
    list of int
        Indices of the points on the frontier, by increasing energy.
    """
    best, result = float("-inf"), []
    for k in sorted(range(len(points)), key=lambda k: (points[k][0], -points[k][1])):
        if points[k][1] > best:
            best = points[k][1]
            result.append(k)
    return result
