"""Videos and cameras as sources of frames."""

import cv2
import numpy as np
import pytest

from brian_siamsnn.sequences.sources import open_sequence
from tests.helpers.messages import assert_names, refused
from tests.helpers.opencv import Camera


def write_video(path, frame_count, codec="mp4v", fps=25):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, (160, 120))
    # noise does not compress, so half of the file holds about half of the frames
    noise = np.random.default_rng(0).integers(0, 60, (120, 160, 3), np.uint8)
    for index in range(frame_count):
        writer.write(np.roll(noise, 3 * index, axis=1) + np.uint8(3 * index))
    writer.release()
    return path


def test_a_video_is_a_sequence_of_its_frames(tmp_path):
    sequence = open_sequence(str(write_video(tmp_path / "clip.mp4", 12)))
    assert (sequence.name, sequence.frame_count, sequence.fps, sequence.boxes) == ("clip", 12, 25.0, None)
    read = list(sequence)
    assert len(read) == 12 and read[0].shape == (120, 160, 3)
    np.testing.assert_allclose(np.diff([frame.mean() for frame in read]), 3, atol=1)


@pytest.mark.parametrize("frame_count", [12, 50])
def test_a_truncated_video_raises_after_its_last_frame(tmp_path, frame_count):
    path = write_video(tmp_path / "cut.avi", frame_count, codec="MJPG")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    read = []
    with refused(path, frame_count) as error:
        for frame in open_sequence(path):
            read.append(frame)
    assert frame_count / 3 < len(read) < frame_count * 2 / 3
    assert_names(error.value, len(read), len(read) + 1)


class Overcounting:
    """A video as read by OpenCV that declares one frame more than it has."""

    def __init__(self, capture):
        self._capture = capture

    def __getattr__(self, name):
        return getattr(self._capture, name)

    def get(self, what):
        return self._capture.get(what) + (what == cv2.CAP_PROP_FRAME_COUNT)


def test_a_declared_frame_count_one_too_high_is_no_error(tmp_path, monkeypatch):
    path, capture = write_video(tmp_path / "clip.mp4", 30), cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", lambda *source: Overcounting(capture(*source)))
    sequence = open_sequence(path)
    assert sequence.frame_count == 31
    assert len([frame for frame in sequence]) == 30


# cameras


@pytest.fixture
def camera(monkeypatch):
    """OpenCV has one camera, number 0, which gives five frames and then stops."""
    frames = [np.full((4, 6, 3), (10, 20, 30), np.uint8)] * 5
    monkeypatch.setattr(cv2, "VideoCapture", lambda index: Camera(frames, there=index == 0))


@pytest.mark.parametrize("source", [0, "0"])
def test_a_camera_is_a_sequence_of_unknown_length(camera, source):
    sequence = open_sequence(source)
    assert (sequence.name, sequence.frame_count, sequence.fps) == ("camera-0", None, None)
    assert sequence
    with pytest.raises(TypeError):
        len(sequence)


def test_camera_frames_are_rgb_and_their_end_is_an_error(camera):
    read = iter(open_sequence(0))
    for _ in range(5):
        assert tuple(next(read)[0, 0]) == (10, 20, 30)
    with refused("camera 0"):
        next(read)


def test_a_missing_camera_is_named(camera):
    with refused("camera 3"):
        open_sequence("3")
