"""Step-by-step runs of a branch, and matching that stops once the peak is decided."""

from contextlib import closing

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brian_siamsnn.energy.operations import count_branch
from brian_siamsnn.matching.similarity import MATCHINGS, Template, matching_kernel
from brian_siamsnn.matching.spiking import SpikingMatcher
from brian_siamsnn.model.conversion import SpikingModel, scale_thresholds
from brian_siamsnn.model.files import load_model
from brian_siamsnn.network.runtime import SpikingBranch
from brian_siamsnn.neurons.equations import load_equations
from tests.helpers.messages import refused
from tests.helpers.reference import NETWORKS, image, small_model

SIZE, STEPS = 26, 10


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("coding", ["rate", "two_status:beta=0.5,p=3"])
def test_a_step_by_step_run_equals_a_full_run(images, coding):
    model = small_model(NETWORKS["pools"])
    shown = np.stack([image(SIZE, seed) for seed in range(images)])
    whole, single = (SpikingBranch(model, SIZE, STEPS, coding, batch_size=images) for _ in range(2))
    expected = [trains.dense() for trains in whole.run_batch(shown)]
    fired = np.array([step.copy() for step in single.stepwise(shown)])
    assert fired.any()
    np.testing.assert_array_equal(fired.swapaxes(0, 1), expected)
    assert single.steps_run == whole.steps_run == STEPS
    for counts in ("spikes", "operations"):
        for name, steps in getattr(whole, counts).items():
            np.testing.assert_array_equal(getattr(single, counts)[name], steps)


def test_a_run_left_early_has_done_its_first_steps_and_the_next_run_is_complete():
    model = small_model(NETWORKS["pools"])
    branch = SpikingBranch(model, SIZE, STEPS)
    expected, spikes, operations = branch.run(image(SIZE)), branch.spikes, branch.operations
    with closing(branch.stepwise(image(SIZE)[None])) as steps:
        for done, _ in enumerate(steps, 1):
            if done == 4:
                break
    assert branch.steps_run == 4
    np.testing.assert_array_equal(branch.trains("conv3").dense()[:4], expected.dense()[:4])
    assert not branch.trains("conv3").dense()[4:].any()
    for name in spikes:
        np.testing.assert_array_equal(branch.spikes[name], np.where(np.arange(STEPS) < 4, spikes[name], 0))
    # ... as the full run had used by then
    full = count_branch(branch)
    branch.run(image(SIZE))
    until = count_branch(branch).until(4)
    assert (full.operations, full.pooling_events, full.updates) == (
        until.operations,
        until.pooling_events,
        until.updates,
    )
    assert full.steps == until.steps == 4
    for name in operations:
        np.testing.assert_array_equal(branch.operations[name], operations[name])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(MATCHINGS), st.integers(1, 6))
def test_partial_responses_of_a_template_add_up(seed, matching, steps):
    rng = np.random.default_rng(seed)
    exemplar, search = (rng.integers(0, 2, (steps, side, side, 3)).astype(np.float32) for side in (2, 5))
    template = Template.from_trains(exemplar, matching_kernel(matching, steps))
    parts = sum(template.at(t).match(search[t : t + 1]) for t in range(steps))
    np.testing.assert_allclose(parts, template.match(search), rtol=1e-5, atol=1e-5)


def _crops(count, side=255):
    """Crops of one smooth scene, and the exemplar from its middle."""
    coarse = np.random.default_rng(9003).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    scene = cv2.resize(coarse, (340, 340), interpolation=cv2.INTER_CUBIC)
    return [scene[9 * k : 9 * k + side, 5 * k : 5 * k + side].copy() for k in range(count)], scene[100:227, 100:227]


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_matching_stops_once_the_peak_has_settled(patience):
    """Compared with the partial sums of a full run, computed from its spike trains."""
    steps, (crops, exemplar) = 12, _crops(2)
    model = load_model("compact")
    full, early = (SpikingMatcher(model, steps, crops=2, early_stop=stop) for stop in (None, patience))
    for matcher in (full, early):
        matcher.set_exemplar(exemplar)
    full.match(crops)
    trains = [one.dense() for one in (full.search_branch.trains("conv5", n) for n in range(2))]
    parts = [np.stack([full.template.at(t).match(one[t : t + 1]) for one in trains]) for t in range(steps)]
    partial = np.cumsum(parts, axis=0)
    peaks = [int(maps.max(0).argmax()) for maps in partial]
    stays = [len(set(peaks[n - patience : n + 1])) == 1 if n >= patience else False for n in range(steps)]
    stop = stays.index(True)
    # in this scene the peak moves before it settles
    assert len(set(peaks)) > 1
    assert 0 < stop < steps - 1
    responses = early.match(crops)
    assert early.search_branch.steps_run == stop + 1
    np.testing.assert_allclose(responses, partial[stop] * steps / (stop + 1), rtol=1e-4)
    spent = sum(counts[: stop + 1].sum() for counts in full.search_branch.operations.values())
    assert sum(counts.sum() for counts in early.search_branch.operations.values()) == spent


def test_an_undecided_peak_changes_nothing():
    crops, exemplar = _crops(2)
    matchers = [SpikingMatcher(load_model("compact"), 12, crops=2, early_stop=stop) for stop in (None, 12)]
    for matcher in matchers:
        matcher.set_exemplar(exemplar)
    whole, patient = (matcher.match(crops) for matcher in matchers)
    np.testing.assert_allclose(patient, whole, rtol=1e-4)
    assert matchers[0].operations == matchers[1].operations
    assert matchers[0].spikes == matchers[1].spikes


def test_matching_without_spikes_runs_to_the_end():
    model = scale_thresholds(load_model("compact"), 1e6)  # unreachable thresholds
    matcher = SpikingMatcher(model, 6, crops=1, early_stop=2)
    matcher.set_exemplar(np.zeros((127, 127, 3), np.uint8))
    assert not matcher.match([np.zeros((255, 255, 3), np.uint8)]).any()
    assert matcher.search_branch.steps_run == 6


def test_matching_without_an_exemplar_is_refused():
    with refused("set_exemplar(crop)"):
        SpikingMatcher(load_model("compact"), 6, crops=1).match([np.zeros((255, 255, 3), np.uint8)])


def test_a_stop_after_zero_steps_is_refused():
    with refused(1, 0):
        SpikingMatcher(load_model("compact"), 6, early_stop=0)


@pytest.fixture(scope="module")
def scaled():
    """Branches of the model, of one with doubled scales, and of one with doubled thresholds, run on one image."""
    model = load_model("compact")
    plain, converted = (SpikingModel.from_model(m) for m in (model, scale_thresholds(model, 2)))
    doubled = load_equations("rate", v_th=2.0, v_init=2 * plain.initial_potential)
    branches = (
        SpikingBranch(plain, 127, 8),
        SpikingBranch(converted, 127, 8),
        SpikingBranch(plain, 127, 8, doubled, hidden_coding=doubled),
    )
    return [(branch, branch.run(_crops(1, 127)[0][0])) for branch in branches]


def test_scaling_thresholds_equals_scaling_the_models_scales(scaled):
    """Doubling the threshold in every neuron's equation fires the same spikes as doubling the scales."""
    _, (_, converted), (_, raised) = scaled
    assert len(converted) > 50
    np.testing.assert_array_equal(raised.dense(), 2 * converted.dense())


def test_higher_thresholds_fire_fewer_spikes(scaled):
    (plain, _), (converted, _), _ = scaled
    assert converted.spikes["conv5"].sum() < plain.spikes["conv5"].sum()


@pytest.mark.parametrize("factor", [0, -1, float("nan"), float("inf")])
def test_an_invalid_threshold_scale_is_refused(factor):
    with refused(factor):
        scale_thresholds(load_model("compact"), factor)
