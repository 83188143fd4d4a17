"""The metrics: values by hand, properties, and the published tracker's scores on OTB-100."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brian_siamsnn.metrics import auc, centre_error, overlap, precision20, precision_curve, score, success_curve
from tests.helpers.messages import refused

NAN_BOX = [np.nan] * 4
corners = st.floats(-500, 500)
sides = st.floats(0.5, 500)
boxes = st.tuples(corners, corners, sides, sides)


def test_overlap_by_hand():
    a = [[0, 0, 4, 4], [0, 0, 4, 4], [0, 0, 4, 4], [0, 0, 10, 10], [0, 0, 4, 4]]
    b = [[0, 0, 4, 4], [2, 0, 4, 4], [4, 0, 4, 4], [2, 3, 5, 4], [1, 1, -2, 3]]
    # equal; 8 of 16 + 16 - 8; touching; inside, 20 of 100; no area
    np.testing.assert_allclose(overlap(a, b), [1, 1 / 3, 0, 0.2, 0])


@given(boxes, boxes)
def test_overlap_is_symmetric_and_between_0_and_1(a, b):
    value = overlap([a], [b])[0]
    assert 0 <= value <= 1
    assert value == overlap([b], [a])[0]
    assert overlap([a], [a])[0] == pytest.approx(1, abs=1e-9)


@given(boxes, boxes, corners, corners, st.floats(0.1, 10))
def test_overlap_is_invariant_to_origin_and_unit(a, b, x, y, unit):
    shift = np.array([x, y, 0, 0])
    original = overlap([a], [b])
    np.testing.assert_allclose(overlap([a + shift], [b + shift]), original, atol=1e-9)
    np.testing.assert_allclose(overlap([np.array(a) * unit], [np.array(b) * unit]), original, atol=1e-9)


def test_centre_error_by_hand():
    # centres (1.5, 1.5) and (4.5, 5.5): 3 and 4 apart
    np.testing.assert_allclose(centre_error([[0, 0, 4, 4]], [[3, 4, 4, 4]]), [5])
    # growing a box by 2 from its corner moves its centre by 1 in each direction
    np.testing.assert_allclose(centre_error([[0, 0, 4, 4]], [[0, 0, 6, 6]]), [2**0.5])


@given(boxes, boxes)
def test_centre_error_is_symmetric(a, b):
    assert centre_error([a], [b])[0] == centre_error([b], [a])[0]


def test_success_curve_by_hand():
    # 0.5 is not above 0.5: it passes the ten thresholds 0 ... 0.45; 1.0 passes all but the last
    np.testing.assert_array_equal(success_curve([0.5]), [1] * 10 + [0] * 11)
    np.testing.assert_array_equal(success_curve([1.0, 0.0]), [0.5] * 20 + [0])
    assert auc([0.5, 1.0]) == pytest.approx((10 + 20) / 2 / 21)


def test_precision_curve_by_hand():
    # 20 is within 20 pixels, 20.5 is not
    np.testing.assert_array_equal(precision_curve([20]), [0] * 20 + [1] * 31)
    assert precision20([20, 20.5, 3, np.inf]) == 0.5


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_curves_are_monotonic_and_the_auc_is_close_to_the_mean(ious):
    assert (np.diff(success_curve(ious)) <= 0).all()
    assert (np.diff(precision_curve(np.array(ious) * 60)) >= 0).all()
    # an IoU of q passes ceil(20 q) of 21 thresholds
    assert abs(auc(ious) - np.mean(ious)) <= 1 / 20


def test_frames_without_truth_are_not_scored():
    tracked = [[0, 0, 4, 4], [2, 0, 4, 4], [0, 0, 4, 4], [9, 9, 1, 1]]
    truth = [[0, 0, 4, 4], [0, 0, 4, 4], [0, 0, 4, 4], NAN_BOX]
    assert score(tracked, truth) == {
        "mean_iou": pytest.approx((1 + 1 / 3 + 1) / 3),
        # 1/3 passes 0 ... 0.30, that is 7 thresholds
        "auc": pytest.approx((20 + 7 + 20) / 3 / 21),
        "precision20": 1.0,
        "frames": 3,
    }


def test_a_lost_target_counts_as_a_miss():
    result = score([[0, 0, 4, 4], NAN_BOX], [[0, 0, 4, 4], [0, 0, 4, 4]])
    assert (result["mean_iou"], result["precision20"], result["frames"]) == (0.5, 0.5, 2)


@pytest.mark.parametrize(
    ("tracked", "truth", "named"),
    [
        ([[0, 0, 4, 4]], [[0, 0, 4, 4]] * 2, ["boxes", 1, 2]),
        ([0, 0, 4, 4], [[0, 0, 4, 4]], ["boxes", (4,)]),
        ([[0, 0, 4, 4]], [NAN_BOX], [(0,)]),
    ],
)
def test_boxes_that_cannot_be_scored_are_named(tracked, truth, named):
    with refused(*named):
        score(tracked, truth)


@pytest.mark.data
def test_the_published_tracker_gets_its_published_scores(data):
    annotations = json.loads((data / "annotations/OTB100.json").read_text())
    results = json.loads((data / "results/siamfc3s_otb100_boxes.json").read_text())
    published = json.loads((data / "results/siamfc3s_otb100_per_sequence.json").read_text())
    results = {name.replace("_", "-"): tracked for name, tracked in results.items()}
    scores = {}
    for name, annotation in annotations.items():
        truth = np.array(annotation["gt_rect"], dtype=float)
        tracked = np.array(results[name])
        scores[name] = score(tracked, truth)
        assert scores[name]["precision20"] == pytest.approx(published[name]["p20"], abs=5.1e-5), name
        # The stored boxes are rounded to 0.01 pixel, which can flip overlaps that lie on a threshold: the published
        # value must lie between the scores of the smallest and largest overlaps that round to the stored box.
        nudged = [overlap(tracked + nudge, truth) for nudge in itertools.product((-0.005, 0, 0.005), repeat=4)]
        low, high = auc(np.min(nudged, axis=0)), auc(np.max(nudged, axis=0))
        assert low - 5.1e-5 <= published[name]["auc"] <= high + 5.1e-5, name
        assert scores[name]["auc"] == pytest.approx(published[name]["auc"], abs=7e-4), name
    assert len(scores) == 100
    assert round(np.mean([s["auc"] for s in scores.values()]), 4) == 0.5824
    assert round(np.mean([s["precision20"] for s in scores.values()]), 4) == 0.7705
