"""One-pass evaluation (OPE): how closely a sequence of boxes follows the ground truth.

The definitions follow the OTB benchmark (Wu, Lim and Yang, "Object Tracking
Benchmark", TPAMI 2015). Published toolkits disagree in the third decimal, so the
details are fixed here:

- success: the fraction of frames with an overlap **>** t, for t = 0, 0.05, ..., 1;
  the mean over these 21 thresholds is the AUC of the sequence;
- precision: the fraction of frames with a centre error **<=** t pixels, for
  t = 0, 1, ..., 50; the value at 20 pixels is reported;
- the centre of a box is (x + (w - 1)/2, y + (h - 1)/2);
- frames without a ground-truth box (NaN) are not counted;
- the first frame, in which the tracker is given the box, is counted;
- the score of a data set is the mean over its sequences, each with the same
  weight whatever its length.

Boxes are float arrays (N, 4) of x, y, w, h in pixels. Corners may be zero-based
or one-based, as long as the two arrays agree.
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

#: Overlap thresholds of the success curve, 0 to 1.
SUCCESS_THRESHOLDS = np.arange(21) / 20

#: Centre error thresholds of the precision curve, in pixels.
PRECISION_THRESHOLDS = np.arange(51)


def overlap(a: npt.ArrayLike, b: npt.ArrayLike) -> np.ndarray:
    """Intersection over union of two boxes, frame by frame (Eq. 13).

        OR = area(A & B) / area(A | B)

    Parameters
    ----------
    a : array_like, shape (N, 4)
        Boxes x, y, w, h.
    b : array_like, shape (N, 4)
        Boxes to compare with.

    Returns
    -------
    ndarray, shape (N,)
        Overlap in [0, 1]; 0 where a box is NaN or has no area.

    Raises
    ------
    InputError
        If the arrays are not both of the same shape (N, 4).
    """
    a, b = _pair(a, b)
    sides = np.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    # x + w is rounded, so a side of the intersection can exceed the box's own by one ulp
    sides = np.clip(sides, 0, np.minimum(a[:, 2:], b[:, 2:]).clip(min=0))
    intersection = sides.prod(axis=1)
    union = a[:, 2:].clip(min=0).prod(axis=1) + b[:, 2:].clip(min=0).prod(axis=1) - intersection
    return np.divide(intersection, union, out=np.zeros(len(a)), where=union > 0)


def centre_error(a: npt.ArrayLike, b: npt.ArrayLike) -> np.ndarray:
    """Euclidean distance between the centres of two boxes, frame by frame.

    Parameters
    ----------
    a : array_like, shape (N, 4)
        Boxes x, y, w, h.
    b : array_like, shape (N, 4)
        Boxes to compare with.

    Returns
    -------
    ndarray, shape (N,)
        Distance in pixels; infinite where a box is NaN.

    Raises
    ------
    InputError
        If the arrays are not both of the same shape (N, 4).
    """
    a, b = _pair(a, b)
    centre_a, centre_b = (boxes[:, :2] + (boxes[:, 2:] - 1) / 2 for boxes in (a, b))
    distance = np.hypot(*(centre_a - centre_b).T)
    return np.where(np.isnan(distance), np.inf, distance)


def success_curve(ious: npt.ArrayLike) -> np.ndarray:
    """Fraction of frames with an overlap > t, for each t in `SUCCESS_THRESHOLDS`.

    Parameters
    ----------
    ious : array_like, shape (N,)
        Overlap of each frame, from `overlap`.

    Returns
    -------
    ndarray, shape (21,)
        Success rate at each threshold, 0 to 1.

    Raises
    ------
    InputError
        If there are no frames.
    """
    return (_frames(ious)[:, None] > SUCCESS_THRESHOLDS).mean(axis=0)


def precision_curve(errors: npt.ArrayLike) -> np.ndarray:
    """Fraction of frames with a centre error <= t, for each t in `PRECISION_THRESHOLDS`.

    Parameters
    ----------
    errors : array_like, shape (N,)
        Centre error of each frame in pixels, from `centre_error`.

    Returns
    -------
    ndarray, shape (51,)
        Precision at each threshold, 0 to 1.

    Raises
    ------
    InputError
        If there are no frames.
    """
    return (_frames(errors)[:, None] <= PRECISION_THRESHOLDS).mean(axis=0)


def auc(ious: npt.ArrayLike) -> float:
    """Area under the success curve, computed as the mean of its 21 values.

    Parameters
    ----------
    ious : array_like, shape (N,)
        Overlap of each frame, from `overlap`.

    Returns
    -------
    float
        AUC, 0 to 20/21: no overlap exceeds the last threshold, 1.

    Raises
    ------
    InputError
        If there are no frames.
    """
    return float(success_curve(ious).mean())


def precision20(errors: npt.ArrayLike) -> float:
    """Fraction of frames with a centre error of at most 20 pixels.

    Parameters
    ----------
    errors : array_like, shape (N,)
        Centre error of each frame in pixels, from `centre_error`.

    Returns
    -------
    float
        Precision, 0 to 1.

    Raises
    ------
    InputError
        If there are no frames.
    """
    return float(precision_curve(errors)[20])


def score(boxes: npt.ArrayLike, truth: npt.ArrayLike) -> dict[str, Any]:
    """Score one sequence.

    Parameters
    ----------
    boxes : array_like, shape (N, 4)
        The tracker's boxes. A NaN row counts as a lost target: overlap 0,
        centre error infinite.
    truth : array_like, shape (N, 4)
        The ground-truth boxes. Frames with a NaN row are not counted.

    Returns
    -------
    dict
        ``mean_iou``, ``auc`` and ``precision20``, each in [0, 1], and
        ``frames``, the number of frames counted.

    Raises
    ------
    InputError
        If the arrays differ in length, or no frame has a ground-truth box.
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
            raise InputError(f"boxes: expected arrays of shape (N, 4), x, y, w, h, got {boxes.shape}")
    if len(a) != len(b):
        raise InputError(
            f"boxes: expected one box per frame in both arrays, got {len(a)} and {len(b)}; shorten or extend one"
        )
    return a, b


def _frames(values):
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not len(values):
        raise InputError(
            "score: expected one number per frame and at least one frame with a ground-truth box, "
            f"got shape {values.shape}"
        )
    return values
