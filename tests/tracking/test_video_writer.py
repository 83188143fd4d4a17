"""Video files keep every frame, the rate and the colours, or the writer reports an error."""

import cv2
import numpy as np
import pytest

from brian_siamsnn.tracking.overlay import VideoWriter
from tests.helpers.messages import refused
from tests.helpers.pictures import noise

GRAY = np.full((120, 160, 3), 128, np.uint8)


@pytest.mark.parametrize(("fps", "written"), [(240.123456, 240), (90000.0, 25), (1e-6, 25), (29.97, 29.97)])
def test_frame_rates_unsupported_by_mpeg4_are_rounded(tmp_path, fps, written):
    with VideoWriter(tmp_path / "a.mp4", fps) as video:
        for _ in range(3):
            video.write(noise(48, 64))
    assert cv2.VideoCapture(str(tmp_path / "a.mp4")).get(cv2.CAP_PROP_FPS) == pytest.approx(written)


@pytest.mark.parametrize(("shape", "written"), [((121, 161), (122, 162)), ((121, 160), (122, 160)), ((3, 5), (4, 6))])
def test_an_odd_size_is_written_without_loss(tmp_path, shape, written):
    """The last row and column are red; one more of each is added."""
    frame = np.full((*shape, 3), 128, np.uint8)
    frame[-1], frame[:, -1] = (200, 30, 30), (200, 30, 30)
    with VideoWriter(tmp_path / "a.mp4") as video:
        for _ in range(3):
            video.write(frame)
    read, image = cv2.VideoCapture(str(tmp_path / "a.mp4")).read()
    assert read and image.shape[:2] == written
    assert image[-1, 0, 2] > image[-1, 0, 0] + 60  # B, G, R


def test_an_invalid_frame_rate_is_refused(tmp_path):
    with refused("fps", "nan"):
        VideoWriter(tmp_path / "b.mp4", float("nan"))


def test_an_incomplete_video_is_detected(tmp_path):
    video = VideoWriter(tmp_path / "a.mp4")
    for _ in range(3):
        video.write(noise(48, 64))
    video._count += 1  # as if one frame had been lost
    with refused(tmp_path / "a.mp4", 4, 3):
        video.close()


def test_a_video_is_written_frame_by_frame(tmp_path):
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


def test_a_video_keeps_its_colours(tmp_path):
    path = tmp_path / "red.mp4"
    with VideoWriter(path) as video:
        video.write(np.full((64, 96, 3), (200, 30, 30), np.uint8))
    blue, _, red = cv2.VideoCapture(str(path)).read()[1].mean(axis=(0, 1))
    assert red > 150 > 80 > blue


def test_no_file_is_written_without_frames(tmp_path):
    with VideoWriter(tmp_path / "none.mp4"):
        pass
    assert not (tmp_path / "none.mp4").exists()


def test_an_unwritable_video_is_named(tmp_path):
    with VideoWriter(tmp_path / "no-folder/a.mp4") as video:
        with refused(tmp_path / "no-folder/a.mp4", "folder"):
            video.write(GRAY)


def test_frames_of_different_size_are_refused(tmp_path):
    with VideoWriter(tmp_path / "a.mp4") as video:
        video.write(GRAY)
        with refused(tmp_path / "a.mp4", (120, 160, 3), (60, 160, 3)):
            video.write(GRAY[:60])
