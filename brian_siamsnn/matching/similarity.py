"""Similarity of two sets of spike trains: PSM, TSM, response period and HSM (Eq. 6-9).

All of them are one bilinear form in the spike trains of exemplar z and search
region x,

    M(z, x) = 1/(2T) sum_{t,m} K[t, m] (z(m) * x(t)),

with * the cross-correlation over places, summed over channels, and K a T x T matrix:

    PSM              K[t, m] = 1                                       (Eq. 6)
    TSM              K[t, m] = 1 if t = m                              (Eq. 7)
    response period  K[t, m] = 1/(2|t-m|+1) if |t-m| <= tau            (Eq. 8)
    HSM              lambda_v K_PSM + lambda_t K_response period       (Eq. 9)

Steps outside 1..T have no spikes, so the sum over m in Eq. 8 ends at the borders.
The exemplar is the same for a whole sequence: sum_m K[t, m] z(m) is worked out
once, and each search region then takes one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError

__all__ = ["MATCHINGS", "Template", "matching_kernel"]

#: Names that `matching_kernel` takes.
MATCHINGS = ("hsm", "psm", "tsm")

#: The kernel has a number for each pair of steps.
_MOST_STEPS = 5000


def matching_kernel(
    matching: str, steps: int, tau: int = 1, lambda_v: float = 1.0, lambda_t: float = 20.0
) -> np.ndarray:
    """The matrix K of a matching method.

    Parameters
    ----------
    matching : {"hsm", "psm", "tsm"}
        ``"tsm"`` is the temporal matching with response period, Eq. 8, which is
        Eq. 7 for ``tau=0``.
    steps : int
        T.
    tau : int
        Response period threshold, in steps (paper, IV.A: 1).
    lambda_v, lambda_t : float
        Weights of potential and temporal matching in HSM (paper, IV.A: 1 to 20).

    Returns
    -------
    ndarray, shape (T, T)

    Raises
    ------
    InputError
        For a method of another name, no step, or a number that is negative or not finite.
    """
    if matching not in MATCHINGS:
        raise InputError(f"matching: expected one of {', '.join(MATCHINGS)}, got {matching!r}")
    if not 1 <= steps <= _MOST_STEPS or tau < 0:
        raise InputError(f"matching: expected 1 to {_MOST_STEPS} steps and tau >= 0, got {steps} and {tau}")
    if min(lambda_v, lambda_t) < 0 or not lambda_v + lambda_t < np.inf:
        raise InputError(f"matching: expected finite weights >= 0, got {lambda_v} and {lambda_t}")
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
    """An exemplar, ready to be matched.

    Attributes
    ----------
    smoothed : ndarray, shape (T, h, w, C)
        sum_m K[t, m] z(m) / (2T).
    """

    smoothed: np.ndarray

    @classmethod
    def from_trains(cls, trains: np.ndarray, kernel: np.ndarray) -> Template:
        """Smooth an exemplar's spike trains in time.

        Parameters
        ----------
        trains : ndarray, shape (T, h, w, C)
            Amplitudes, zero where there is no spike.
        kernel : ndarray, shape (T, T)
            K, of `matching_kernel`.
        """
        steps = len(trains)
        if kernel.shape != (steps, steps):
            raise InputError(
                f"template: spike trains of {steps} steps need a kernel {steps, steps}, got {kernel.shape}"
            )
        return cls((np.tensordot(kernel, trains, axes=1) / (2 * steps)).astype(np.float32))

    def at(self, step: int) -> Template:
        """The part of the template that meets the search region's spikes of one step.

        M(z, x) is a sum over the steps of x (Eq. 6-9), so what ``at(0)`` to ``at(T-1)``
        match in the steps of a search region adds up to what the whole template matches.

        Parameters
        ----------
        step : int
            0 to T-1.

        Returns
        -------
        Template
            Of one step.
        """
        return Template(self.smoothed[step : step + 1])

    def match(self, trains: np.ndarray) -> np.ndarray:
        """Response map of a search region.

        Parameters
        ----------
        trains : ndarray, shape (T, H, W, C)

        Returns
        -------
        ndarray, shape (H - h + 1, W - w + 1)
            M(z, x) at every shift of the exemplar.

        Raises
        ------
        InputError
            If steps or channels differ from the exemplar's, or it does not fit in.
        """
        steps, h, w, channels = self.smoothed.shape
        height, width = trains.shape[1:3]
        if trains.shape[0] != steps or trains.shape[3] != channels or height < h or width < w:
            raise InputError(f"match: expected spike trains ({steps}, >={h}, >={w}, {channels}), got {trains.shape}")
        # every search pixel against every template pixel, over steps and channels ...
        search = trains.transpose(1, 2, 0, 3).reshape(height * width, -1)
        template = self.smoothed.transpose(1, 2, 0, 3).reshape(h * w, -1)
        products = (search @ template.T).reshape(height, width, h, w)
        # ... and the sum along equal shifts
        response = np.zeros((height - h + 1, width - w + 1), products.dtype)
        for y in range(h):
            for x in range(w):
                response += products[y : y + response.shape[0], x : x + response.shape[1], y, x]
        return response
