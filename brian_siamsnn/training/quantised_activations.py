"""Activations that a spiking network can express, for the last part of a training run.

Each is put behind a rectifier and learns the bound lambda of its layer, which
then is the activation of one spike a step (`conversion`).
"""

from __future__ import annotations

import numpy as np

from ..model.cnn import nn, torch

__all__ = ["ACTIVATIONS", "ClipFloorShift", "ClipNoise", "percentile_bound"]


class ClipFloorShift(nn.Module):
    r"""Activation as the spike count of an integrate-and-fire neuron can express it (Bu 2022).

    .. math:: h(x) = \frac{\lambda}{T}\,\mathrm{clip}\left(
              \left\lfloor \frac{x T}{\lambda} + \frac12 \right\rfloor, 0, T\right)

    is the mean output over T time steps of a neuron with threshold
    :math:`\lambda` that starts at :math:`v = \lambda/2`.  The gradient passes
    the floor unchanged, and reaches :math:`\lambda`, which is learnt.

    Parameters
    ----------
    bound : float
        Initial :math:`\lambda`, in units of the activation.
    levels : int
        T, time steps.

    Attributes
    ----------
    rate : torch.Tensor
        Mean of h / lambda over the last input: spikes a neuron and step.
    """

    #: Where the membrane potential starts, in thresholds.
    initial_potential = 0.5

    def __init__(self, bound: float, levels: int) -> None:
        super().__init__()
        self.bound = nn.Parameter(torch.tensor(float(bound)))
        self.levels, self.rate = levels, None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """h(x), of the shape of ``x``."""
        counts = x * (self.levels / self.bound) + 0.5
        counts = counts + (counts.floor() - counts).detach()
        return self._clipped(counts)

    def _clipped(self, counts):
        counts = counts.clamp(0, self.levels)
        self.rate = counts.mean() / self.levels
        return counts * (self.bound / self.levels)


class ClipNoise(ClipFloorShift):
    r"""Clipped activation with noise in place of rounding.

    .. math:: h(x) = \mathrm{clip}\left(x + \frac{\lambda}{T} u, 0, \lambda\right),
              \qquad u \sim U(-\tfrac12, \tfrac12) \text{ where } x > 0

    has the spread of the rounding error, without its steps.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """h(x), of the shape of ``x``."""
        counts = x * (self.levels / self.bound)
        return self._clipped(counts + (torch.rand_like(counts) - 0.5) * (x > 0))


#: What the last part of a training run can put behind the rectifiers, by name.
ACTIVATIONS = {"clip_floor_shift": ClipFloorShift, "clip_noise": ClipNoise}


def percentile_bound(values: np.ndarray, percentile: float = 99.9) -> float:
    """Bound that clips one positive activation in a thousand; 1 where nothing is active."""
    positive = values[values > 0]
    return float(np.percentile(positive, percentile)) if len(positive) else 1.0
