"""How sure a difference between two trackers is: a paired bootstrap over sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import InputError
from .scores import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Difference", "differences", "paired_bootstrap"]

#: Resamples of the sequences.
_RESAMPLES = 10_000


class Difference(NamedTuple):
    """Difference of two means over the same sequences.

    Attributes
    ----------
    mean : float
        Mean of a - b.
    low, high : float
        Percentile interval of that mean.
    """

    mean: float
    low: float
    high: float


def paired_bootstrap(a: Mapping[str, float], b: Mapping[str, float], level: float = 0.95, seed: int = 0) -> Difference:
    """Interval of the difference of two trackers' mean scores.

    Sequences are drawn with replacement; both trackers are scored on the same draw, so that what makes a sequence easy
    or hard for both does not count. The interval is that of the percentiles (Efron 1979).

    Parameters
    ----------
    a, b : mapping of str to float
        Score of each tracker by sequence.
    level : float
        Coverage of the interval, 0.95 by default.
    seed : int
        Of the draws, 0 by default.

    Returns
    -------
    Difference
        Mean of a - b and its interval.

    Raises
    ------
    InputError
        If the trackers were not scored on the same sequences, or on none.
    """
    if not a or a.keys() != b.keys():
        only = sorted(a.keys() ^ b.keys())
        raise InputError(f"bootstrap: expected scores of the same sequences, got {only[:3] or 'none'} for one only")
    differences = np.array([a[name] - b[name] for name in a])
    draws = np.random.default_rng(seed).integers(0, len(differences), (_RESAMPLES, len(differences)))
    low, high = np.percentile(differences[draws].mean(1), [50 - 50 * level, 50 + 50 * level])
    return Difference(float(differences.mean()), float(low), float(high))


def differences(reports: list[dict[str, Any]]) -> dict[str, dict[str, Difference]]:
    """Compare each tracker with the first, sequence by sequence.

    Parameters
    ----------
    reports : list of dict
        Reports from `make_report`, on the same sequences.

    Returns
    -------
    dict of str to dict of str to Difference
        By label of the other trackers and ``auc`` or ``precision20``: the difference of the means to those of the first
        tracker, with an interval, see `paired_bootstrap`. Empty without sequences that have ground truth.
    """

    def scores(report, key):
        return {name: row[key] for name, row in report["sequences"].items() if row[key] is not None}

    first, *others = reports
    if not scores(first, "auc"):
        return {}
    return {
        report["label"]: {key: paired_bootstrap(scores(report, key), scores(first, key)) for key in METRICS[:2]}
        for report in others
    }
