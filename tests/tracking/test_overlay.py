"""Overlays and video files: exact pixels, and helpful errors."""

import numpy as np
import pytest

from brian_siamsnn.tracking.overlay import TRACKED_COLOUR, TRUTH_COLOUR, draw_overlay, scaled_overlay
from tests.helpers.pictures import noise

GRAY = np.full((120, 160, 3), 128, np.uint8)
BOX = (40, 30, 50, 40)


def where(frame, colour):
    return (frame == colour).all(axis=-1)


def test_the_box_is_drawn_along_the_edge_of_its_pixels():
    frame = draw_overlay(GRAY, box=BOX)
    drawn = where(frame, TRACKED_COLOUR)
    # pixels 40..89 across and 30..69 down
    assert drawn[50, 40] and drawn[50, 89] and drawn[30, 60] and drawn[69, 60]
    assert not drawn[35:65, 45:85].any()
    assert (frame[45:55, 55:65] == 128).all()


def test_the_frame_itself_is_not_modified():
    frame = GRAY.copy()
    draw_overlay(frame, BOX, BOX, "text", np.eye(5))
    np.testing.assert_array_equal(frame, GRAY)


def test_the_true_box_is_dashed():
    tracked = where(draw_overlay(GRAY, box=BOX), TRACKED_COLOUR)[30, 45:85]
    truth = where(draw_overlay(GRAY, truth=BOX), TRUTH_COLOUR)[30, 45:85]
    assert tracked.all()
    assert 10 < truth.sum() < 35


@pytest.mark.parametrize("box", [[np.nan] * 4, [np.inf, 0, 5, 5], [1e4, 1e4, 20, 20]])
def test_a_box_outside_the_frame_draws_nothing(box):
    frame = draw_overlay(GRAY, box=box)
    assert (frame[40:] == 128).all()


def test_a_box_partly_outside_the_frame_is_clipped():
    drawn = where(draw_overlay(GRAY, box=[-20, 50, 60, 1e12]), TRACKED_COLOUR)
    assert drawn[50, 0:40].all() and drawn[50:, 39].all()
    assert not drawn[55:, :30].any()


def test_the_response_shows_its_peak_in_the_right_position():
    response = np.zeros((17, 17))
    response[4, 12] = 1
    frame = draw_overlay(GRAY, response=response)
    inset = frame[6:36, 124:154]
    yellow = (inset[..., 0] > 200) & (inset[..., 1] > 200)
    rows, columns = np.nonzero(yellow)
    assert rows.mean() / 30 == pytest.approx(4.5 / 17, abs=0.05)
    assert columns.mean() / 30 == pytest.approx(12.5 / 17, abs=0.05)


def test_a_constant_response_has_one_colour():
    inset = draw_overlay(GRAY, response=np.full((17, 17), 3.0))[6:36, 124:154]
    assert (inset == inset[0, 0]).all()


def test_text_is_at_the_lower_left():
    changed = (draw_overlay(GRAY, text="frame 1") != GRAY).any(axis=-1)
    rows, columns = np.nonzero(changed)
    assert rows.min() > 90 and columns.max() < 90


@pytest.mark.parametrize("side", [1, 2, 5, 7, 8])
def test_tiny_frames_can_be_drawn_on(side):
    drawn = draw_overlay(noise(side, side), (0, 0, 1, 1), (0, 0, 2, 2), "frame 1", np.eye(17))
    assert drawn.shape == (side, side, 3)


def test_the_box_is_scaled_with_an_enlarged_frame():
    frame = np.zeros((40, 60, 3), np.uint8)
    drawn = (scaled_overlay(frame, 3, box=(10, 10, 20, 20)) == TRACKED_COLOUR).all(-1)
    # pixels 10 to 29 become 30 to 89
    assert drawn[60, 30] and drawn[60, 89] and drawn[30, 60] and drawn[89, 60]
    assert not drawn[40:80, 40:80].any() and drawn.shape == (120, 180)
