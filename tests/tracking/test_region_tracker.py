"""SiamRPN's anchors and tracker, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import brian_siamsnn as bs
from brian_siamsnn.matching.region_matchers import correlated
from brian_siamsnn.tracking.anchors import anchor_boxes, decoded, encoded
from brian_siamsnn.tracking.region_tracker import RegionTracker, change_penalty, target_probability
from tests.helpers.messages import refused


def test_anchors_are_those_of_pysot():
    anchors = anchor_boxes(21)
    # w = int(sqrt(64 / r)) and h = int(r w), times 8: sqrt(193.9) = 13.9, 0.33 * 13 = 4.3; sqrt(128) = 11.3, 5.5; 8, 8;
    # sqrt(32) = 5.7, 10; sqrt(21.3) = 4.6, 12
    np.testing.assert_array_equal(anchors[2, :, 0, 0], [104, 88, 64, 40, 32])
    np.testing.assert_array_equal(anchors[3, :, 20, 20], [32, 40, 64, 80, 96])
    # the middle of the map is the middle of the crop; x runs along the last axis
    np.testing.assert_array_equal(anchors[:2, 0, 10, 10], [0, 0])
    np.testing.assert_array_equal(anchors[:2, 3, 9, 12], [16, -8])


def test_a_regression_is_decoded_by_hand():
    loc = np.zeros((4, 5, 21, 21))
    loc[:, 3, 9, 12] = 0.5, -0.25, np.log(2), np.log(0.5)
    boxes = decoded(anchor_boxes(21), loc.reshape(20, 21, 21))
    # 0.5 * 40 + 16, -0.25 * 80 - 8, 2 * 40, 80 / 2
    np.testing.assert_allclose(boxes[:, 3, 9, 12], [36, -28, 80, 40])
    np.testing.assert_allclose(boxes[:, 0, 0, 0], [-80, -80, 104, 32])


@given(st.lists(st.floats(-60, 60), min_size=2, max_size=2), st.lists(st.floats(8, 200), min_size=2, max_size=2))
def test_what_is_encoded_for_any_anchor_is_decoded_as_the_box(centre, size):
    anchors, box = anchor_boxes(5), np.array([*centre, *size])
    boxes = decoded(anchors, encoded(anchors, box).reshape(20, 5, 5))
    np.testing.assert_allclose(boxes, np.broadcast_to(box[:, None, None, None], boxes.shape), atol=1e-9)


def test_probability_and_penalty_by_hand():
    logits = np.log([[[[3.0]]], [[[1.0]]]]).reshape(2, 1, 1)
    assert target_probability(logits)[0, 0, 0] == pytest.approx(0.25)
    assert target_probability(np.array([[[-2000.0]], [[2000.0]]]))[0, 0, 0] == 1
    # twice the size: s = 2; 80 x 20 and 40 x 40: margins 50 and 40, sqrt(130 * 70) = 95.39 over 80, aspect ratio 4
    found = change_penalty(np.array([[40.0, 80.0, 80.0], [40.0, 80.0, 20.0]]), (40, 40))
    np.testing.assert_allclose(found, [1, np.exp(-0.16), np.exp(-0.16 * (95.393920 / 80 * 4 - 1))], rtol=1e-6)


def test_a_correlation_is_taken_channel_by_channel():
    rng = np.random.default_rng(0)
    z, x = rng.integers(0, 5, (2, 2, 3)), rng.integers(0, 5, (4, 3, 3))
    found = correlated(z, x)
    assert found.shape == (3, 2, 3)
    for i in range(3):
        for j in range(2):
            np.testing.assert_array_equal(found[i, j], (z * x[i : i + 2, j : j + 2]).sum((0, 1)))


class Known:
    """Proposes one box with a probability of 0.8, and nothing else."""

    size = 287

    def __init__(self):
        self.crops = []

    def set_exemplar(self, crop):
        self.exemplar = crop

    def propose(self, crop):
        self.crops.append(crop)
        cls, loc = np.zeros((2, 5, 21, 21)), np.zeros((4, 5, 21, 21))
        cls[0] = 50  # background
        cls[:, 2, 9, 12] = 0, np.log(4)
        loc[:, 2, 9, 12] = 0.125, -0.25, np.log(1.5), np.log(1.5)
        return cls.reshape(10, 21, 21), loc.reshape(20, 21, 21)


@pytest.fixture
def frame():
    return np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)


def test_a_proposal_moves_and_reshapes_the_box_by_hand(frame):
    matcher = Known()
    tracker = RegionTracker(matcher)
    tracker.init(frame, (100, 80, 40, 40))
    assert matcher.exemplar.shape == (127, 127, 3) and np.isnan(tracker.score)
    box = tracker.update(frame)
    assert matcher.crops[0].shape == (287, 287, 3)
    # exemplar_side(40, 40) = 80, so a pixel of the crop is 80 / 127; the target is 63.5 wide there, the proposal 96, at
    # (0.125 * 64 + 16, -0.25 * 64 - 8) = (24, -24)
    penalty = np.exp(-0.16 * (96 / 63.5 - 1))
    rate = 0.30 * penalty * 0.8
    size = (1 - rate) * 40 + rate * 96 * 80 / 127
    centre = np.array([119.5 + 24 * 80 / 127, 99.5 - 24 * 80 / 127])
    np.testing.assert_allclose(box, [*(centre - (size - 1) / 2), size, size])
    np.testing.assert_allclose(box, [112.85457, 62.61835, 44.52708, 44.52708], rtol=1e-5)
    assert tracker.score == pytest.approx(0.8) and not tracker.lost
    assert tracker.response.shape == (21, 21) and tracker.response.argmax() == 9 * 21 + 12


def test_proposals_that_are_not_finite_leave_the_box_and_say_lost(frame):
    matcher = Known()
    tracker = RegionTracker(matcher)
    tracker.init(frame, (100, 80, 40, 40))
    matcher.propose = lambda crop: (np.full((10, 21, 21), np.nan), np.zeros((20, 21, 21)))
    np.testing.assert_array_equal(tracker.update(frame), [100, 80, 40, 40])
    assert tracker.lost and np.isnan(tracker.score)


def test_a_target_that_is_rather_background_is_lost(frame):
    matcher = Known()
    tracker = RegionTracker(matcher)
    tracker.init(frame, (100, 80, 40, 40))
    matcher.propose = lambda crop: (
        np.zeros((10, 21, 21)) + np.repeat([0.1, 0], 5)[:, None, None],
        np.zeros((20, 21, 21)),
    )
    tracker.update(frame)
    assert tracker.lost and tracker.score == pytest.approx(1 / (1 + np.exp(0.1)))


def test_a_run_over_a_sequence_takes_the_tracker(tmp_path):
    result = bs.track(bs.open_sequence("synthetic"), RegionTracker(Known()), frames=3, output=tmp_path)
    assert result.boxes.shape == (3, 4) and result.scores[1:] == pytest.approx([0.8, 0.8])
    assert len((tmp_path / "boxes.csv").read_text().splitlines()) == 4 and (tmp_path / "tracked.mp4").stat().st_size


def test_wrong_use_is_refused(frame):
    with refused("matcher", "set_exemplar", "propose"):
        RegionTracker(object())
    with refused("init"):
        RegionTracker(Known()).update(frame)
    with refused("init"):
        _ = RegionTracker(Known()).box
