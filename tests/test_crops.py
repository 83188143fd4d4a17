"""Crops around a box are the crops that a tracker passes to its matcher."""

import numpy as np
import pytest

from brian_siamsnn.crops import target_crop
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from brian_siamsnn.tracking.tracker import SiameseTracker
from tests.helpers.messages import refused


class Listener:
    """A matcher that keeps the crops it receives."""

    def set_exemplar(self, crop):
        self.exemplar = crop

    def match(self, crops):
        (self.search,) = crops
        return np.ones((1, 17, 17))


@pytest.fixture(scope="module")
def first():
    """The first frame of a sequence, and its box."""
    sequence = SyntheticSequence(frames=4)
    return sequence.render(0), sequence.boxes[0]


@pytest.fixture(scope="module")
def handed(first):
    """The crops that a tracker with one scale passed to its matcher."""
    listener = Listener()
    tracker = SiameseTracker(listener, scales=1)
    tracker.init(*first)
    tracker.update(first[0])
    return listener


def test_the_exemplar_crop_equals_the_trackers(first, handed):
    np.testing.assert_array_equal(target_crop(*first, "exemplar"), handed.exemplar)


def test_the_search_region_equals_the_trackers(first, handed):
    np.testing.assert_array_equal(target_crop(*first), handed.search)
    assert handed.search.shape == (255, 255, 3)


def test_an_unknown_branch_is_refused(first):
    with refused("branch", "exemplar", "search", "'both'"):
        target_crop(*first, "both")


@pytest.mark.parametrize("box", [(1, 2, 3), (1, 2, 0, 3), (np.nan, 2, 3, 4)])
def test_invalid_boxes_are_refused(first, box):
    with refused("box", [float(side) for side in box]):
        target_crop(first[0], box)
