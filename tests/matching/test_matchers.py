"""Matchers refuse incompatible networks and settings."""

import numpy as np
import pytest

from brian_siamsnn.energy.counter import OperationCounter
from brian_siamsnn.matching.spiking import SpikingMatcher
from brian_siamsnn.model.files import SiameseModel, load_model
from brian_siamsnn.model.layers import Convolution
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from brian_siamsnn.tracking.tracker import SiameseTracker
from tests.helpers.messages import refused
from tests.helpers.paths import ROOT


def test_a_model_with_incompatible_strides_is_refused():
    layers = (Convolution("conv1", 3, 4, 3, 2),)
    weights = {"conv1": (np.ones((4, 3, 3, 3)), np.zeros(4))}
    with refused(8, 2):
        SpikingMatcher(SiameseModel(layers, weights, scales={"conv1": np.ones(4)}, normalisation="x"))


def test_too_many_steps_are_refused():
    with refused("steps", 1, 5000, 10**9):
        SpikingMatcher(load_model("compact"), steps=10**9)


@pytest.mark.parametrize("counted", [False, True])
def test_two_trackers_on_one_matcher_give_the_boxes_of_two_matchers(counted):
    """Two objects in one video: the exemplars are different crops of the same frames."""
    sequence = SyntheticSequence(frames=3)
    frames = list(sequence)
    boxes = [sequence.first_box, np.array([60.0, 40.0, 50.0, 40.0])]

    def matcher():
        one = SpikingMatcher("compact", steps=3, crops=1)
        return OperationCounter(one) if counted else one

    def tracked(trackers):
        for tracker, box in zip(trackers, boxes, strict=True):
            tracker.init(frames[0], box)
        # interleaved, as in a loop over frames
        return [[tracker.update(frame).tolist() for tracker in trackers] for frame in frames[1:]]

    shared = matcher()
    alone = tracked([SiameseTracker(matcher(), 1) for _ in boxes])
    assert tracked([SiameseTracker(shared, 1) for _ in boxes]) == alone


def test_a_seed_repeats_the_noise_for_every_exemplar(tmp_path):
    noisy = tmp_path / "noisy.toml"
    rate = (ROOT / "equations" / "rate.toml").read_text()
    noisy.write_text(rate.replace('update = "v += I"', 'update = "v += I + 0.1*randn()"'))
    frame = next(iter(SyntheticSequence(frames=1)))

    def response(seed, box):
        matcher = SpikingMatcher("compact", steps=3, crops=1, coding=str(noisy), seed=seed)
        tracker = SiameseTracker(matcher, 1)
        for first in box:  # the noise does not depend on what was tracked before
            tracker.init(frame, first)
            tracker.update(frame)
        return tracker.response

    one, other = (60, 40, 50, 40), (100, 80, 60, 60)
    np.testing.assert_array_equal(response(1, [one]), response(1, [other, one]))
    assert not np.array_equal(response(1, [one]), response(2, [one]))
