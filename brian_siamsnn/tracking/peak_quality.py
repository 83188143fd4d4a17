"""How clearly a response map has one peak, and whether the target seems lost.

The peak-to-sidelobe ratio (Bolme 2010) compares the highest response with the rest of the map,

    PSR = (max r - mean of r outside the peak) / standard deviation of r outside the peak,

where 5 x 5 cells around the highest belong to the peak. It depends on neither scale nor bias of the response, so it
means the same for the CNN and for all similarities of spike trains.
"""

from __future__ import annotations

import numpy as np

__all__ = ["LOST_BELOW", "peak_to_sidelobe"]

#: Cells on each side of the highest response that belong to its peak.
_REACH = 2

#: The target counts as lost below this ratio.
LOST_BELOW = 3.7


def peak_to_sidelobe(response: np.ndarray) -> float:
    """Compute the peak-to-sidelobe ratio of a response map.

    Parameters
    ----------
    response : ndarray, shape (H, W)
        Response map, with at least one cell outside the peak.

    Returns
    -------
    float
        The ratio; infinite if all cells outside the peak are equal.
    """
    y, x = np.unravel_index(np.argmax(response), response.shape)
    outside = np.ones(response.shape, bool)
    outside[max(0, y - _REACH) : y + _REACH + 1, max(0, x - _REACH) : x + _REACH + 1] = False
    rest = response[outside].astype(np.float64)
    deviation = rest.std()
    return float((response[y, x] - rest.mean()) / deviation) if deviation else float("inf")
