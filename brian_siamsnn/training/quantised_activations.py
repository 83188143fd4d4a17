"""Activation functions that a spiking network can express, for the last part of a training run.

Each follows a rectifier and learns the bound lambda of its layer, which becomes its activation scale (see
`conversion`).
"""

from __future__ import annotations

import numpy as np

from ..model.cnn import nn, torch

__all__ = ["ACTIVATIONS", "ClipFloorShift", "ClipNoise", "percentile_bound"]


class ClipFloorShift(nn.Module):
    """Activation quantised to the spike counts of an integrate-and-fire neuron (Bu 2022).

    The function

        h(x) = lambda / T * clip(floor(x T / lambda + 1/2), 0, T)

    is the mean output over T time steps of a neuron with threshold lambda and initial potential lambda / 2. The
    gradient passes the floor unchanged and reaches lambda, which is trained.

    Parameters
    ----------
    bound : float
        Initial lambda, in units of the activation.
    levels : int
        Number of time steps T.

    Attributes
    ----------
    rate : torch.Tensor
        Mean of h / lambda over the last input: spikes per neuron and time step.
    """

    #: Initial membrane potential, in units of the threshold.
    initial_potential = 0.5

    def __init__(self, bound: float, levels: int) -> None:
        super().__init__()
        self.bound = nn.Parameter(torch.tensor(float(bound)))
        self.levels, self.rate = levels, None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute h(x).

        Parameters
        ----------
        x : torch.Tensor
            Activations.

        Returns
        -------
        torch.Tensor
            Quantised activations, of the shape of `x`.
        """
        counts = x * (self.levels / self.bound) + 0.5
        counts = counts + (counts.floor() - counts).detach()
        return self._clipped(counts)

    def _clipped(self, counts):
        counts = counts.clamp(0, self.levels)
        self.rate = counts.mean() / self.levels
        return counts * (self.bound / self.levels)


class ClipNoise(ClipFloorShift):
    """Clipped activation with noise instead of rounding.

    The function

        h(x) = clip(x + lambda / T * u, 0, lambda),      u uniform in (-1/2, 1/2) where x > 0, else 0

    has the variance of the rounding error without its discontinuities.

    Parameters
    ----------
    bound : float
        Initial lambda, in units of the activation.
    levels : int
        Number of time steps T.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute h(x).

        Parameters
        ----------
        x : torch.Tensor
            Activations.

        Returns
        -------
        torch.Tensor
            Noisy activations, of the shape of `x`.
        """
        counts = x * (self.levels / self.bound)
        return self._clipped(counts + (torch.rand_like(counts) - 0.5) * (x > 0))


#: Activation functions by name, for `Recipe.activation`.
ACTIVATIONS = {"clip_floor_shift": ClipFloorShift, "clip_noise": ClipNoise}


def percentile_bound(values: np.ndarray, percentile: float = 99.9) -> float:
    """Compute a bound that clips few activations.

    Parameters
    ----------
    values : ndarray
        Activations of a layer.
    percentile : float
        Percentile of the positive activations; by default 99.9, so that one in a thousand is clipped.

    Returns
    -------
    float
        The bound; 1 if no activation is positive.
    """
    positive = values[values > 0]
    return float(np.percentile(positive, percentile)) if len(positive) else 1.0
