"""Eq. 6-9 written out as sums, their identities, and small cases by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brian_siamsnn.matching.similarity import Template, matching_kernel
from brian_siamsnn.tracking.config import TrackerConfig
from tests.helpers.messages import refused


def trains(seed, steps, size, channels=3):
    rng = np.random.default_rng(seed)
    return (rng.random((steps, size, size, channels)) < 0.3) * rng.choice([0.5, 1.0], (steps, 1, 1, 1))


def match(z, x, matching, **parameters):
    return Template.from_trains(z, matching_kernel(matching, len(z), **parameters)).match(x.astype(np.float32))


def correlate(z, x):
    """z * x at every shift, summed over channels; z (h, w, C), x (H, W, C)."""
    rows, columns = x.shape[0] - z.shape[0] + 1, x.shape[1] - z.shape[1] + 1
    return np.array(
        [[(z * x[r : r + z.shape[0], c : c + z.shape[1]]).sum() for c in range(columns)] for r in range(rows)]
    )


steps = st.integers(1, 6)
seeds = st.integers(0, 1000)


@settings(max_examples=25, deadline=None)
@given(seeds, steps)
def test_equation_6_equals_a_written_out_sum(seed, T):
    z, x = trains(seed, T, 2), trains(seed + 1, T, 5)
    np.testing.assert_allclose(match(z, x, "psm"), correlate(z.sum(0), x.sum(0)) / (2 * T), atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(seeds, steps)
def test_equation_7_equals_a_written_out_sum(seed, T):
    z, x = trains(seed, T, 2), trains(seed + 1, T, 5)
    expected = sum(correlate(z[t], x[t]) for t in range(T)) / (2 * T)
    np.testing.assert_allclose(match(z, x, "tsm", tau=0), expected, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(seeds, steps, st.integers(0, 7))
def test_equation_8_equals_a_written_out_sum(seed, T, tau):
    z, x = trains(seed, T, 2), trains(seed + 1, T, 5)
    expected = sum(
        correlate(z[m], x[t]) / (2 * abs(t - m) + 1)
        for t in range(T)
        for m in range(max(0, t - tau), min(T, t + tau + 1))
    ) / (2 * T)
    np.testing.assert_allclose(match(z, x, "tsm", tau=tau), expected, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(seeds, steps, st.floats(0, 4), st.floats(0, 40))
def test_equation_9_equals_a_written_out_sum(seed, T, lambda_v, lambda_t):
    z, x = trains(seed, T, 2), trains(seed + 1, T, 5)
    expected = lambda_v * match(z, x, "psm") + lambda_t * match(z, x, "tsm", tau=1)
    found = match(z, x, "hsm", lambda_v=lambda_v, lambda_t=lambda_t)
    np.testing.assert_allclose(found, expected, atol=1e-4 * (1 + lambda_v + lambda_t))


@settings(max_examples=20, deadline=None)
@given(seeds, st.permutations(range(5)))
def test_potential_matching_ignores_the_order_of_steps(seed, order):
    z, x = trains(seed, 5, 2), trains(seed + 1, 5, 4)
    np.testing.assert_allclose(match(z[list(order)], x, "psm"), match(z, x, "psm"), atol=1e-5)


def test_temporal_matching_by_hand():
    # one neuron each: z fires in step 2, x in steps 1 and 4, T = 4, amplitudes 1
    z, x = np.zeros((4, 1, 1, 1)), np.zeros((4, 1, 1, 1))
    z[1], x[0], x[3] = 1, 1, 1
    assert match(z, x, "tsm", tau=0).item() == 0
    assert match(z, x, "tsm", tau=1).item() == pytest.approx(1 / 3 / 8)  # |1-2| = 1
    assert match(z, x, "tsm", tau=2).item() == pytest.approx((1 / 3 + 1 / 5) / 8)  # and |4-2| = 2
    assert match(z, x, "psm").item() == pytest.approx(2 / 8)
    assert match(z, x, "hsm", tau=1, lambda_v=1, lambda_t=20).item() == pytest.approx((2 + 20 / 3) / 8)


def test_silent_trains_give_no_response():
    silent = np.zeros((4, 2, 2, 3))
    assert not match(silent, trains(0, 4, 5), "hsm").any()


def test_an_exemplar_is_found_at_its_position():
    z = trains(3, 6, 3, channels=20)
    x = 0.2 * trains(4, 6, 9, channels=20)
    x[:, 4:7, 2:5] = z
    for matching in ("psm", "tsm", "hsm"):
        response = match(z, x, matching)
        assert np.unravel_index(response.argmax(), response.shape) == (4, 2)


def test_an_unknown_matching_is_refused():
    with refused("matching", "hsm", "psm", "tsm", "'sad'"):
        matching_kernel("sad", 4)


def test_a_negative_tau_is_refused():
    with refused("tau", -1):
        matching_kernel("tsm", 4, tau=-1)


def test_a_search_region_smaller_than_the_exemplar_is_refused():
    template = Template.from_trains(trains(0, 4, 3), matching_kernel("psm", 4))
    with refused("(4, >=3, >=3, 3)", (4, 2, 2, 3)):
        template.match(trains(0, 4, 2))


def test_a_kernel_with_another_number_of_steps_is_refused():
    with refused((4, 4), (5, 5)):
        Template.from_trains(trains(0, 4, 3), matching_kernel("psm", 5))


@pytest.fixture(scope="module")
def response():
    """A function that returns the matcher's response for a tracker with the given settings."""
    rng = np.random.default_rng(0)
    exemplar, search = (rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for side in (127, 255))

    def response(**settings):
        matcher = TrackerConfig(steps=3, scales=1, **settings).build_matcher()
        matcher.set_exemplar(exemplar)
        return matcher.match([search])[0]

    return response


def test_hybrid_without_temporal_matching_is_potential_matching(response):
    np.testing.assert_allclose(response(lambda_v=2.0, lambda_t=0.0), 2 * response(matching="psm"), rtol=1e-5)


def test_hybrid_without_potential_matching_is_temporal_matching(response):
    temporal = response(matching="tsm", tau=0)
    np.testing.assert_allclose(response(lambda_v=0.0, lambda_t=3.0, tau=0), 3 * temporal, rtol=1e-5)


def test_tau_changes_the_trackers_response(response):
    assert not np.allclose(response(matching="tsm", tau=2), response(matching="tsm", tau=0), rtol=1e-3)


def test_zero_weights_are_refused(response):
    with refused("lambda_v", "lambda_t", 0):
        response(lambda_v=0.0, lambda_t=0.0)


def test_a_negative_weight_is_refused(response):
    with refused(0, -1.0):
        response(lambda_t=-1.0)
