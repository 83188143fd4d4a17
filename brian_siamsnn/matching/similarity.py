"""Similarity of two sets of spike trains: PSM, TSM, response period and HSM (Eq. 6-9).

All of them are one bilinear form in the spike trains of the exemplar z and the search region x,

    M(z, x) = 1/(2T) sum_{t,m} K[t, m] (z(m) * x(t)),

where * is the cross-correlation over positions, summed over channels, and K a T x T matrix:

    PSM              K[t, m] = 1                                       (Eq. 6)
    TSM              K[t, m] = 1 if t = m                              (Eq. 7)
    response period  K[t, m] = 1/(2|t-m|+1) if |t-m| <= tau            (Eq. 8)
    HSM              lambda_v K_PSM + lambda_t K_response period       (Eq. 9)

There are no spikes outside steps 1 to T, so the sum over m in Eq. 8 ends there. The exemplar is the same for a whole
sequence: sum_m K[t, m] z(m) is computed once, and each search region then takes one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..defaults import LAMBDA_T, LAMBDA_V, TAU
from ..errors import InputError

__all__ = ["MATCHINGS", "Template", "matching_kernel"]

#: Names of the matching methods.
MATCHINGS = ("hsm", "psm", "tsm")

#: Largest number of steps: the kernel has an entry for each pair of steps.
_MOST_STEPS = 5000


def matching_kernel(
    matching: str, steps: int, tau: int = TAU, lambda_v: float = LAMBDA_V, lambda_t: float = LAMBDA_T
) -> np.ndarray:
    """Build the matrix K of a matching method.

    Parameters
    ----------
    matching : {"hsm", "psm", "tsm"}
        Matching method. ``"tsm"`` is temporal matching with a response period, Eq. 8; with ``tau=0`` it is Eq. 7.
    steps : int
        T, the number of time steps: 1 to 5000.
    tau : int
        Response period threshold of Eq. 8, in steps; 1 by default (paper, IV.A).
    lambda_v : float
        Weight of potential matching in HSM (Eq. 9), 1 by default (paper, IV.A: the ratio to ``lambda_t`` is 1 to 20).
    lambda_t : float
        Weight of temporal matching in HSM (Eq. 9), 20 by default.

    Returns
    -------
    ndarray, shape (T, T)
        K[t, m], with the search region's step t and the exemplar's step m.

    Raises
    ------
    InputError
        If the method is unknown, the number of steps is out of range, or a parameter is negative or not finite.
    """
    if matching not in MATCHINGS:
        raise InputError(f"matching: expected one of {', '.join(MATCHINGS)}, got {matching!r}")
    if not 1 <= steps <= _MOST_STEPS or tau < 0:
        expected = f"1 to {_MOST_STEPS} steps and tau >= 0"
        raise InputError(f"matching: expected {expected}, got {steps} steps and tau = {tau}")
    if min(lambda_v, lambda_t) < 0 or not lambda_v + lambda_t < np.inf:
        raise InputError(f"lambda_v, lambda_t: expected finite weights >= 0, got {lambda_v} and {lambda_t}")
    distance = np.abs(np.subtract.outer(np.arange(steps), np.arange(steps)))
    potential = np.ones((steps, steps))
    temporal = np.where(distance <= tau, 1 / (2 * distance + 1), 0.0)
    if matching == "psm":
        return potential
    if matching == "tsm":
        return temporal
    return lambda_v * potential + lambda_t * temporal


@dataclass(frozen=True)
class Template:
    """An exemplar, smoothed in time and ready for matching.

    Attributes
    ----------
    smoothed : ndarray, shape (T, h, w, C)
        Spike trains of the exemplar after temporal smoothing, in single precision:

            sum_m K[t, m] z(m) / (2T)
    """

    smoothed: np.ndarray

    @classmethod
    def from_trains(cls, trains: np.ndarray, kernel: np.ndarray) -> Template:
        """Smooth an exemplar's spike trains in time.

        Parameters
        ----------
        trains : ndarray, shape (T, h, w, C)
            Spike amplitudes of the exemplar, zero where there is no spike.
        kernel : ndarray, shape (T, T)
            K, from `matching_kernel`.

        Returns
        -------
        Template
            The smoothed exemplar.

        Raises
        ------
        InputError
            If the kernel is for another number of steps.
        """
        steps = len(trains)
        if kernel.shape != (steps, steps):
            raise InputError(
                f"kernel: expected shape {steps, steps} for spike trains of {steps} steps, got {kernel.shape}"
            )
        return cls((np.tensordot(kernel, trains, axes=1) / (2 * steps)).astype(np.float32))

    def at(self, step: int) -> Template:
        """Select the part of the template that is matched with one step of the search region.

        M(z, x) is a sum over the steps of x (Eq. 6-9). Matching ``at(0)`` to ``at(T-1)`` with the steps of a search
        region and adding the response maps therefore gives the response map of the whole template.

        Parameters
        ----------
        step : int
            Step of the search region, 0 to T-1.

        Returns
        -------
        Template
            A template of one step.
        """
        return Template(self.smoothed[step : step + 1])

    @cached_property
    def potential(self) -> Template | None:
        """The part that is the same for all steps of the search region, or None if they differ.

        With potential matching (Eq. 6) they do not, and sum_t z'(t) * x(t) is z' * sum_t x(t): one product of spike
        counts instead of one for each step.
        """
        return self.at(0) if (self.smoothed == self.smoothed[0]).all() else None

    def match(self, trains: np.ndarray) -> np.ndarray:
        """Compute the response map of a search region (Eq. 6-9, without the bias).

        Parameters
        ----------
        trains : ndarray, shape (T, H, W, C)
            Spike amplitudes of the search region, zero where there is no spike.

        Returns
        -------
        ndarray, shape (H - h + 1, W - w + 1)
            M(z, x) at every shift of the exemplar.

        Raises
        ------
        InputError
            If the number of steps or channels differs from the exemplar's, or the search region is smaller than it.
        """
        return self.match_all(trains[None])[0]

    def match_all(self, trains: np.ndarray) -> np.ndarray:
        """Compute the response maps of several search regions.

        Parameters
        ----------
        trains : ndarray, shape (n, T, H, W, C)
            Spike amplitudes of each search region.

        Returns
        -------
        ndarray, shape (n, H - h + 1, W - w + 1)
            Response maps, see `match`.

        Raises
        ------
        InputError
            As from `match`.
        """
        steps, h, w, channels = self.smoothed.shape
        count, _, height, width, _ = trains.shape
        if trains.shape[1] != steps or trains.shape[4] != channels or height < h or width < w:
            raise InputError(f"trains: expected shape ({steps}, >={h}, >={w}, {channels}), got {trains.shape[1:]}")
        # every search pixel against every template pixel, over steps and channels; one product for each line of pixels
        # is too small for BLAS to start threads, which on a busy machine wait for each other
        search = trains.transpose(0, 2, 3, 1, 4).reshape(count, height, width, -1)
        template = self.smoothed.transpose(1, 2, 0, 3).reshape(h * w, -1)
        products = (search @ template.T).reshape(count, height, width, h, w)
        # ... and the sum along equal shifts
        response = np.zeros((count, height - h + 1, width - w + 1), products.dtype)
        for y in range(h):
            for x in range(w):
                response += products[:, y : y + response.shape[1], x : x + response.shape[2], y, x]
        return response
