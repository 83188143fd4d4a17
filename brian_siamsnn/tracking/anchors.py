"""Anchors of SiamRPN: the boxes that its regression starts from.

Boxes are x, y, w, h in pixels of the search crop, where x and y are those of the centre, relative to that of the crop.
The constants are those of pysot and DaSiamRPN.
"""

from __future__ import annotations

import math

import numpy as np

from ..crops import STRIDE

__all__ = ["RATIOS", "anchor_boxes", "decoded", "encoded"]

#: Height over width of each anchor.
RATIOS = (0.33, 0.5, 1.0, 2.0, 3.0)

#: Side of an anchor, in strides.
_SCALE = 8


def anchor_boxes(positions: int) -> np.ndarray:
    """List the anchors of a response map.

    Width and height in strides are whole numbers, as in pysot, w = int(sqrt(STRIDE^2 / r)) and h = int(r w), times 8.

    Parameters
    ----------
    positions : int
        Side n of the response map.

    Returns
    -------
    ndarray, shape (4, k, n, n)
        x, y, w, h of each anchor.
    """
    result = np.empty((4, len(RATIOS), positions, positions))
    centres = (np.arange(positions) - (positions - 1) / 2) * STRIDE
    result[0], result[1] = centres, centres[:, None]
    for k, ratio in enumerate(RATIOS):
        width = int(math.sqrt(STRIDE * STRIDE / ratio))
        result[2, k], result[3, k] = width * _SCALE, int(width * ratio) * _SCALE
    return result


def decoded(anchors: np.ndarray, loc: np.ndarray) -> np.ndarray:
    """Compute the boxes that a regression means.

        x = dx w_a + x_a,    y = dy h_a + y_a,    w = exp(dw) w_a,    h = exp(dh) h_a

    Parameters
    ----------
    anchors : ndarray, shape (4, k, n, n)
        Anchors a.
    loc : ndarray, shape (4 k, n, n)
        dx of the k anchors, then dy, dw, dh.

    Returns
    -------
    ndarray, shape (4, k, n, n)
        x, y, w, h of each box.
    """
    deltas = np.asarray(loc, np.float64).reshape(anchors.shape)
    # a box is at most e^4 times an anchor: untrained outputs would overflow
    return np.concatenate([deltas[:2] * anchors[2:] + anchors[:2], np.exp(np.minimum(deltas[2:], 4)) * anchors[2:]])


def encoded(anchors: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Compute the regression that means a box; the inverse of `decoded`, for training.

    Parameters
    ----------
    anchors : ndarray, shape (4, k, n, n)
        Anchors.
    box : ndarray, shape (4,)
        x, y, w, h of the target.

    Returns
    -------
    ndarray, shape (4, k, n, n)
        dx, dy, dw, dh of each anchor.
    """
    box = np.asarray(box, np.float64)[:, None, None, None]
    return np.concatenate([(box[:2] - anchors[:2]) / anchors[2:], np.log(box[2:] / anchors[2:])])
