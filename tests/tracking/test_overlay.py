"""Overlay and video files: pixels where they must be, and errors that say what to do."""

import cv2
import numpy as np
import pytest

from brian_siamsnn.tracking.overlay import TRACKED_COLOUR, TRUTH_COLOUR, VideoWriter, draw_overlay
from tests.helpers.messages import refused

GRAY = np.full((120, 160, 3), 128, np.uint8)
BOX = (40, 30, 50, 40)


def where(frame, colour):
    return (frame == colour).all(axis=-1)


def test_box_runs_along_the_edge_of_its_pixels():
    frame = draw_overlay(GRAY, box=BOX)
    drawn = where(frame, TRACKED_COLOUR)
    # pixels 40..89 across and 30..69 down
    assert drawn[50, 40] and drawn[50, 89] and drawn[30, 60] and drawn[69, 60]
    assert not drawn[35:65, 45:85].any()
    assert (frame[45:55, 55:65] == 128).all()


def test_the_frame_itself_stays_as_it_is():
    frame = GRAY.copy()
    draw_overlay(frame, BOX, BOX, "text", np.eye(5))
    np.testing.assert_array_equal(frame, GRAY)


def test_truth_is_dashed():
    tracked = where(draw_overlay(GRAY, box=BOX), TRACKED_COLOUR)[30, 45:85]
    truth = where(draw_overlay(GRAY, truth=BOX), TRUTH_COLOUR)[30, 45:85]
    assert tracked.all()
    assert 10 < truth.sum() < 35


@pytest.mark.parametrize("box", [[np.nan] * 4, [np.inf, 0, 5, 5], [1e4, 1e4, 20, 20]])
def test_a_box_that_is_nowhere_in_the_frame_leaves_no_line(box):
    frame = draw_overlay(GRAY, box=box)
    assert (frame[40:] == 128).all()


def test_a_box_that_leaves_the_frame_is_cut_off():
    drawn = where(draw_overlay(GRAY, box=[-20, 50, 60, 1e12]), TRACKED_COLOUR)
    assert drawn[50, 0:40].all() and drawn[50:, 39].all()
    assert not drawn[55:, :30].any()


def test_response_shows_its_peak_at_its_place():
    response = np.zeros((17, 17))
    response[4, 12] = 1
    frame = draw_overlay(GRAY, response=response)
    inset = frame[6:36, 124:154]
    yellow = (inset[..., 0] > 200) & (inset[..., 1] > 200)
    rows, columns = np.nonzero(yellow)
    assert rows.mean() / 30 == pytest.approx(4.5 / 17, abs=0.05)
    assert columns.mean() / 30 == pytest.approx(12.5 / 17, abs=0.05)


def test_a_constant_response_is_one_colour():
    inset = draw_overlay(GRAY, response=np.full((17, 17), 3.0))[6:36, 124:154]
    assert (inset == inset[0, 0]).all()


def test_text_lies_at_the_lower_left():
    changed = (draw_overlay(GRAY, text="frame 1") != GRAY).any(axis=-1)
    rows, columns = np.nonzero(changed)
    assert rows.min() > 90 and columns.max() < 90


def test_video_is_written_frame_by_frame(tmp_path):
    path = tmp_path / "out.mp4"
    with VideoWriter(path, fps=10) as video:
        assert not path.exists()
        for level in (40, 120, 200):
            video.write(np.full((64, 96, 3), level, np.uint8))
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == 10
    levels = []
    while (read := capture.read())[0]:
        assert read[1].shape == (64, 96, 3)
        levels.append(read[1].mean())
    np.testing.assert_allclose(levels, [40, 120, 200], atol=4)


def test_video_keeps_red_red(tmp_path):
    path = tmp_path / "red.mp4"
    with VideoWriter(path) as video:
        video.write(np.full((64, 96, 3), (200, 30, 30), np.uint8))
    blue, _, red = cv2.VideoCapture(str(path)).read()[1].mean(axis=(0, 1))
    assert red > 150 > 80 > blue


def test_video_without_frames_is_no_file(tmp_path):
    with VideoWriter(tmp_path / "none.mp4"):
        pass
    assert not (tmp_path / "none.mp4").exists()


def test_video_that_cannot_be_written(tmp_path):
    with VideoWriter(tmp_path / "no-folder/a.mp4") as video:
        with refused(tmp_path / "no-folder/a.mp4", "folder"):
            video.write(GRAY)


def test_video_frames_are_of_one_size(tmp_path):
    with VideoWriter(tmp_path / "a.mp4") as video:
        video.write(GRAY)
        with refused(tmp_path / "a.mp4", (120, 160, 3), (60, 160, 3)):
            video.write(GRAY[:60])
