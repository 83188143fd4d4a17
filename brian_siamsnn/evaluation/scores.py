"""Scores of a single sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..metrics import centre_error, overlap, precision_curve, score, success_curve

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..sequences.frames import Sequence

__all__ = ["COUNTS", "METRICS", "score_boxes", "score_sequence"]

#: Keys of the three scores; each is in [0, 1].
METRICS = ("auc", "precision20", "overlap")

#: Keys of the quantities that are summed over sequences; None where a tracker was not run or has no such quantity.
COUNTS = ("seconds", "spikes", "synaptic_operations", "pooling_events")


def score_boxes(boxes: np.ndarray, truth: np.ndarray, attributes: Iterable[str] = ()) -> dict[str, Any]:
    """Score the boxes of one sequence.

    Parameters
    ----------
    boxes : ndarray, shape (N, 4)
        The tracker's boxes x, y, w, h in pixels.
    truth : ndarray, shape (N, 4)
        The ground-truth boxes, counted from the same origin; NaN where there is
        none.
    attributes : iterable of str
        Attribute codes of the sequence; none by default.

    Returns
    -------
    dict
        `METRICS`, ``frames``, ``attributes``, and the curves ``success`` (21,)
        and ``precision`` (51,). Scores and curves are None if fewer than two
        frames have a ground-truth box.

    Raises
    ------
    InputError
        If the arrays differ in length.
    """
    row = {"frames": len(boxes), "attributes": list(attributes), "success": None, "precision": None}
    known = ~np.isnan(truth).any(axis=1)
    if known.sum() < 2:
        return row | dict.fromkeys(METRICS)
    result = score(boxes, truth)
    ious, errors = overlap(boxes, truth)[known], centre_error(boxes, truth)[known]
    row |= {"auc": result["auc"], "precision20": result["precision20"], "overlap": result["mean_iou"]}
    return row | {"success": success_curve(ious), "precision": precision_curve(errors)}


def score_sequence(result: dict[str, Any], sequence: Sequence) -> dict[str, Any]:
    """Score the result of a tracker on a sequence.

    Parameters
    ----------
    result : dict
        Result of the tracker, from `Store.load`.
    sequence : Sequence
        The sequence, with its ground truth.

    Returns
    -------
    dict
        The scores of `score_boxes`, `COUNTS`, ``firing_rates`` by layer, and
        ``fps``, the frames per second.

    Raises
    ------
    InputError
        If the sequence has no ground truth.
    """
    boxes = result["boxes"]
    if sequence.boxes is None:
        raise InputError(f"{sequence.name}: has no ground-truth boxes to score against")
    row = score_boxes(boxes, sequence.boxes[: len(boxes)], sequence.attributes)
    row |= {key: result.get(key) for key in (*COUNTS, "firing_rates")}
    # the first frame only initialises the tracker
    row["fps"] = (len(boxes) - 1) / row["seconds"] if row["seconds"] else None
    return row
