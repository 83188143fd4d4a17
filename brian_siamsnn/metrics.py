"""One-pass evaluation: how well a list of boxes follows the true ones.

The dialect is that of the OTB benchmark (Wu, Lim and Yang, "Object Tracking
Benchmark", TPAMI 2015), fixed here because the toolkits differ in the third
decimal:

- success: the fraction of frames with overlap **>** t, t = 0, 0.05, ..., 1;
  its mean over these 21 thresholds is the AUC of the sequence;
- precision: the fraction of frames with centre error **<=** t pixels,
  t = 0, 1, ..., 50; the one at 20 pixels is reported;
- the centre of a box is x + (w - 1)/2, y + (h - 1)/2;
- frames without a true box (NaN) are left out, of the count as well;
- the first frame, which the tracker is given, counts;
- a data set's figure is the mean of its sequences' figures, each weighing the
  same however long it is.

Boxes are float arrays (N, 4) of x, y, w, h in pixels.  Whether their corners
count from 0 or 1 is immaterial as long as both lists agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "PRECISION_THRESHOLDS",
    "SUCCESS_THRESHOLDS",
    "auc",
    "centre_error",
    "overlap",
    "precision20",
    "precision_curve",
    "score",
    "success_curve",
]

SUCCESS_THRESHOLDS = np.arange(21) / 20
PRECISION_THRESHOLDS = np.arange(51)


def overlap(a: npt.ArrayLike, b: npt.ArrayLike) -> np.ndarray:
    """Intersection over union, |A & B| / |A | B|.

    Parameters
    ----------
    a, b : array_like, shape (N, 4)
        Boxes x, y, w, h.

    Returns
    -------
    ndarray, shape (N,)
        In [0, 1]; 0 where a box is NaN or has no area.

    Raises
    ------
    InputError
        If the two are not of one shape (N, 4).
    """
    a, b = _pair(a, b)
    sides = np.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    # x + w rounds, so the sides of an intersection can exceed those of the boxes by an ulp
    sides = np.clip(sides, 0, np.minimum(a[:, 2:], b[:, 2:]).clip(min=0))
    intersection = sides.prod(axis=1)
    union = a[:, 2:].clip(min=0).prod(axis=1) + b[:, 2:].clip(min=0).prod(axis=1) - intersection
    return np.divide(intersection, union, out=np.zeros(len(a)), where=union > 0)


def centre_error(a: npt.ArrayLike, b: npt.ArrayLike) -> np.ndarray:
    """Euclidean distance of the centres x + (w - 1)/2, y + (h - 1)/2.

    Parameters
    ----------
    a, b : array_like, shape (N, 4)
        Boxes x, y, w, h.

    Returns
    -------
    ndarray, shape (N,)
        Pixels; infinite where a box is NaN.

    Raises
    ------
    InputError
        If the two are not of one shape (N, 4).
    """
    a, b = _pair(a, b)
    centre_a, centre_b = (boxes[:, :2] + (boxes[:, 2:] - 1) / 2 for boxes in (a, b))
    distance = np.hypot(*(centre_a - centre_b).T)
    return np.where(np.isnan(distance), np.inf, distance)


def success_curve(ious: npt.ArrayLike) -> np.ndarray:
    """Fraction of frames with overlap > t at each of `SUCCESS_THRESHOLDS`.

    Parameters
    ----------
    ious : array_like, shape (N,)
        Overlaps, see `overlap`.

    Returns
    -------
    ndarray, shape (21,)

    Raises
    ------
    InputError
        If there is no frame.
    """
    return (_frames(ious)[:, None] > SUCCESS_THRESHOLDS).mean(axis=0)


def precision_curve(errors: npt.ArrayLike) -> np.ndarray:
    """Fraction of frames with centre error <= t at each of `PRECISION_THRESHOLDS`.

    Parameters
    ----------
    errors : array_like, shape (N,)
        Centre errors in pixels, see `centre_error`.

    Returns
    -------
    ndarray, shape (51,)

    Raises
    ------
    InputError
        If there is no frame.
    """
    return (_frames(errors)[:, None] <= PRECISION_THRESHOLDS).mean(axis=0)


def auc(ious: npt.ArrayLike) -> float:
    """Area under the success curve, as the mean of its 21 values.

    Parameters
    ----------
    ious : array_like, shape (N,)

    Returns
    -------
    float
    """
    return float(success_curve(ious).mean())


def precision20(errors: npt.ArrayLike) -> float:
    """Fraction of frames whose centre error is at most 20 pixels.

    Parameters
    ----------
    errors : array_like, shape (N,)

    Returns
    -------
    float
    """
    return float(precision_curve(errors)[20])


def score(boxes: npt.ArrayLike, truth: npt.ArrayLike) -> dict[str, Any]:
    """Score one sequence.

    Parameters
    ----------
    boxes : array_like, shape (N, 4)
        The tracker's boxes.  A NaN row is a loss: overlap 0, error infinite.
    truth : array_like, shape (N, 4)
        The true boxes.  NaN rows are left out.

    Returns
    -------
    dict
        ``mean_iou``, ``auc``, ``precision20`` in [0, 1], and ``frames``, the
        number of frames that counted.

    Raises
    ------
    InputError
        If the two differ in length, or no frame has a true box.
    """
    boxes, truth = _pair(boxes, truth)
    known = ~np.isnan(truth).any(axis=1)
    ious = overlap(boxes[known], truth[known])
    return {
        "mean_iou": float(_frames(ious).mean()),
        "auc": auc(ious),
        "precision20": precision20(centre_error(boxes[known], truth[known])),
        "frames": int(known.sum()),
    }


def _pair(a, b):
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    for boxes in (a, b):
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise InputError(f"boxes: expected the shape (N, 4) of x, y, w, h, got {boxes.shape}")
    if len(a) != len(b):
        raise InputError(f"boxes: expected one box a frame in both lists, got {len(a)} and {len(b)}; cut or extend one")
    return a, b


def _frames(values):
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not len(values):
        raise InputError(
            f"score: expected one number a frame and at least one frame with a true box, got the shape {values.shape}"
        )
    return values
