"""The paired bootstrap over sequences."""

import numpy as np
import pytest

from brian_siamsnn.evaluation.bootstrap import paired_bootstrap
from tests.helpers.messages import refused


def test_a_constant_difference_has_an_interval_of_no_width():
    a = {f"s{k}": 0.1 * k for k in range(9)}
    b = {name: score - 0.05 for name, score in a.items()}
    assert paired_bootstrap(a, b) == pytest.approx((0.05, 0.05, 0.05))


def test_the_interval_is_that_of_a_mean():
    """For 400 normal differences: mean +- 1.96 standard deviations of the mean."""
    rng = np.random.default_rng(1)
    d = rng.normal(0.02, 0.1, 400)
    base = rng.uniform(0, 1, 400)
    a, b = {str(k): x + y for k, (x, y) in enumerate(zip(base, d, strict=True))}, dict(enumerate(base))
    result = paired_bootstrap(a, {str(k): x for k, x in b.items()})
    error = 1.96 * d.std(ddof=1) / 20
    assert result.mean == pytest.approx(d.mean())
    assert (result.low, result.high) == pytest.approx((d.mean() - error, d.mean() + error), abs=0.001)


def test_one_sequence_decides_an_interval_over_few():
    """Nine sequences are equal, and one loses everything: the interval reaches from three losses in ten to none."""
    a, b = {str(k): 0.5 for k in range(10)}, {str(k): 0.5 for k in range(10)}
    b["9"] = 0.0
    result = paired_bootstrap(a, b)
    assert result.mean == pytest.approx(0.05)
    assert (result.low, result.high) == pytest.approx((0.0, 0.15))


def test_trackers_on_other_sequences_are_refused():
    with refused("other"):
        paired_bootstrap({"same": 1.0}, {"same": 1.0, "other": 0.0})
    with refused("none"):
        paired_bootstrap({}, {})
