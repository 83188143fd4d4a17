"""The shipped model tracks a sequence."""

import cv2
import numpy as np
import pytest

from brian_siamsnn.matching.spiking import SpikingMatcher
from brian_siamsnn.model.files import load_model
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from brian_siamsnn.tracking.run import track
from brian_siamsnn.tracking.tracker import SiameseTracker
from tests.helpers.messages import refused


@pytest.fixture(scope="module")
def sequence():
    return SyntheticSequence(frames=10)


@pytest.fixture(scope="module")
def matcher():
    return SpikingMatcher(load_model("compact"))


@pytest.fixture(scope="module")
def result(sequence, matcher):
    return track(sequence, SiameseTracker(matcher))


def test_the_spiking_tracker_follows_the_target(result):
    assert result.metrics["mean_iou"] > 0.6


def test_every_frame_has_a_box(result):
    assert result.boxes.shape == (10, 4) and result.stopped is None


def test_the_frame_rate_is_measured(result):
    assert result.fps > 0


def test_a_matcher_is_reset_for_each_sequence(sequence, matcher):
    first, again = (track(sequence, SiameseTracker(matcher), frames=4).boxes for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_a_sequence_without_a_box_is_named_with_the_option_to_use(sequence, matcher, tmp_path):
    from brian_siamsnn.sequences.sources import open_sequence

    cv2.imwrite(str(tmp_path / "1.png"), next(iter(sequence)))
    with refused(tmp_path.name, "--init"):
        track(open_sequence(tmp_path), SiameseTracker(matcher))
