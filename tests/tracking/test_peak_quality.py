"""The peak-to-sidelobe ratio, by hand, and the flag of the tracker."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brian_siamsnn.sequences.sources import open_sequence
from brian_siamsnn.tracking.peak_quality import LOST_BELOW, peak_to_sidelobe
from brian_siamsnn.tracking.run import track
from brian_siamsnn.tracking.tracker import SiameseTracker


def test_the_ratio_by_hand():
    # outside the 5 x 5 cells of the peak, half of the cells are 1 and half are 3: mean 2, deviation 1
    response = np.ones((5, 9))
    response[:, 7:] = 3.0
    response[2, 2] = 12.0
    response[1, 3] = 11.0  # belongs to the peak
    assert peak_to_sidelobe(response) == pytest.approx(10.0)


def test_a_peak_in_the_corner_has_nine_cells():
    response = np.arange(36.0).reshape(6, 6) % 2
    response[0, 0] = 5.0
    rest = np.delete(response.ravel(), [0, 1, 2, 6, 7, 8, 12, 13, 14])
    assert peak_to_sidelobe(response) == pytest.approx((5 - rest.mean()) / rest.std())


@given(st.floats(0.01, 100), st.floats(-100, 100), st.integers(0, 2**32 - 1))
def test_scale_and_bias_of_the_response_do_not_matter(scale, bias, seed):
    response = np.random.default_rng(seed).normal(size=(17, 17))
    assert peak_to_sidelobe(scale * response + bias) == pytest.approx(peak_to_sidelobe(response), rel=1e-6)


def test_a_single_peak_on_a_flat_map_is_infinitely_clear():
    response = np.zeros((17, 17))
    response[3, 4] = 1.0
    assert peak_to_sidelobe(response) == float("inf")


class Fading:
    """A matcher whose peak disappears in noise after the third frame."""

    def __init__(self):
        self.frame, self.rng = 0, np.random.default_rng(0)

    def set_exemplar(self, image):
        pass

    def match(self, crops):
        self.frame += 1
        responses = self.rng.normal(size=(len(crops), 17, 17)).astype(np.float32)
        if self.frame <= 3:
            responses[:, 8, 8] += 30
        return responses


def test_a_target_whose_peak_disappears_is_lost(tmp_path):
    result = track(open_sequence("synthetic"), SiameseTracker(Fading()), frames=8, output=tmp_path, video=False)
    # the highest of 289 normal numbers is about 2.9 deviations above their mean
    assert LOST_BELOW > 2.9 and result.lost.tolist() == [False] * 4 + [True] * 4
    rows = (tmp_path / "boxes.csv").read_text().splitlines()
    assert rows[0] == "frame,x,y,w,h,score,lost"
    assert [row.split(",")[-1] for row in rows[1:]] == ["0"] * 4 + ["1"] * 4


def test_a_constant_response_is_lost():
    class Blank(Fading):
        def match(self, crops):
            return np.zeros((len(crops), 17, 17), np.float32)

    frame = np.zeros((100, 100, 3), np.uint8)
    tracker = SiameseTracker(Blank())
    tracker.init(frame, (40, 40, 20, 20))
    assert not tracker.lost
    tracker.update(frame)
    assert tracker.lost
    tracker.init(frame, (40, 40, 20, 20))
    assert not tracker.lost
