"""What the similarities of spike trains become for the thermometer code of a wave."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brian_siamsnn.crops import EXEMPLAR_SIZE, SEARCH_SIZE
from brian_siamsnn.matching.similarity import Template, matching_kernel
from brian_siamsnn.matching.spiking import SpikingMatcher
from tests.helpers.reference import image

CROP = image(EXEMPLAR_SIZE, 1), np.stack([image(SEARCH_SIZE, seed) for seed in (2, 3)])


def thermometer(counts, p):
    return (np.arange(p)[:, None, None, None] < counts).astype(np.float32)


def over_shifts(z, x, term):
    """Sum of term(z, x) over the pixels and channels of the exemplar, at every shift."""
    h, w = z.shape[:2]
    shifts = [(dy, dx) for dy in range(x.shape[0] - h + 1) for dx in range(x.shape[1] - w + 1)]
    sums = [term(z, x[dy : dy + h, dx : dx + w]).sum() for dy, dx in shifts]
    return np.reshape(sums, (x.shape[0] - h + 1, -1))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 8), st.integers(0, 10**6))
def test_potential_matching_multiplies_counts_and_temporal_matching_intersects_histograms(p, seed):
    rng = np.random.default_rng(seed)
    z, x = rng.integers(0, p + 1, (3, 2, 4)), rng.integers(0, p + 1, (6, 5, 4))

    def matched(method, **options):
        template = Template.from_trains(thermometer(z, p), matching_kernel(method, p, **options))
        return template.match(thermometer(x, p)) * 2 * p

    np.testing.assert_allclose(matched("psm"), over_shifts(z, x, np.multiply), rtol=1e-5)
    np.testing.assert_allclose(matched("tsm", tau=0), over_shifts(z, x, np.minimum), rtol=1e-5)
    both = over_shifts(z, x, lambda a, b: 2 * a * b + 3 * np.minimum(a, b))
    np.testing.assert_allclose(matched("hsm", tau=0, lambda_v=2.0, lambda_t=3.0), both, rtol=1e-5)


@pytest.fixture(scope="module")
def matchers():
    result = {}
    for name, options in {"psm": {}, "tsm": {"tau": 0}}.items():
        result[name] = SpikingMatcher("compact", matching=name, coding="wave", crops=2, **options)
        result[name].set_exemplar(CROP[0])
    return result


def test_a_matcher_compares_the_last_window(matchers):
    """The responses equal those of the counts of the two branches."""
    responses = {name: matcher.match(CROP[1]) for name, matcher in matchers.items()}
    matcher = matchers["psm"]
    z = (matcher.exemplar_branch.run(CROP[0]).dense() > 0).sum(0)
    for k, trains in enumerate(matcher.search_branch.run_batch(CROP[1])):
        x = (trains.dense() > 0).sum(0)
        np.testing.assert_allclose(responses["psm"][k] * 8, over_shifts(z, x, np.multiply), rtol=1e-5)
        np.testing.assert_allclose(responses["tsm"][k] * 8, over_shifts(z, x, np.minimum), rtol=1e-5)


def test_stopping_early_ends_inside_the_last_window():
    whole = SpikingMatcher("compact", coding="wave", crops=2)
    early = SpikingMatcher("compact", coding="wave", crops=2, early_stop=1)
    for matcher in (whole, early):
        matcher.set_exemplar(CROP[0])
    expected, responses = whole.match(CROP[1]), early.match(CROP[1])
    assert 16 < early.search_branch.steps_run < 20
    assert responses.argmax() == expected.argmax()
    patient = SpikingMatcher("compact", coding="wave", crops=2, early_stop=9)
    patient.set_exemplar(CROP[0])
    np.testing.assert_allclose(patient.match(CROP[1]), expected, rtol=1e-5)
