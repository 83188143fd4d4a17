"""Videos and cameras as sources of frames."""

import struct

import cv2
import numpy as np
import pytest

from brian_siamsnn.sequences.containers import is_cut_matroska, states_frame_count
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


# containers


def longer(path, seconds):
    """Write a Matroska file of 50 frames, 2 seconds, whose duration is longer, as with sound that outlasts it."""
    content = write_video(path, 50, codec="mp4v").read_bytes()
    # Duration: the element 0x4489, 8 bytes of a double in milliseconds
    before = b"\x44\x89\x88" + struct.pack(">d", 2000.0)
    assert content.count(before) == 1
    path.write_bytes(content.replace(before, b"\x44\x89\x88" + struct.pack(">d", 1000.0 * seconds)))
    return path


@pytest.mark.parametrize("name", ["clip.mkv", "clip.webm"])
def test_sound_that_outlasts_the_picture_is_no_error(tmp_path, name):
    longer(tmp_path / "clip.mkv", 3).rename(tmp_path / name)
    sequence = open_sequence(tmp_path / name)
    assert sequence.frame_count == 75  # as FFmpeg estimates it
    assert len([frame for frame in sequence]) == 50


def test_a_cut_matroska_file_is_an_error(tmp_path):
    path = write_video(tmp_path / "cut.mkv", 50)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with refused(path, 50) as caught:
        read = 0
        for _ in open_sequence(path):
            read += 1
    assert 15 < read < 35
    assert_names(caught.value, read)


@pytest.mark.parametrize(
    ("content", "states"),
    [
        (b"\0\0\0\x10ftypisom....\0\0\0\x08moov\0\0\0\x08mdat", True),
        (b"\0\0\0\x10ftypisom....\0\0\0\x08moov\0\0\0\x08moof\0\0\0\x08mdat", False),
        (b"\0\0\0\x10ftypisom....\0\0\0\x01mdat\0\0\0\0\0\0\0\x10\0\0\0\x08moof", False),
        (b"\0\0\0\0mdat" + b"moof" * 9, True),
        (b"RIFF\0\0\0\0AVI LIST", True),
        (b"RIFF\0\0\0\0WAVE", False),
        (b"\x1a\x45\xdf\xa3" * 9, False),
        (b"G" * 188, False),
        (b"", False),
    ],
)
def test_containers_that_state_their_number_of_frames(tmp_path, content, states):
    (tmp_path / "a").write_bytes(content)
    assert states_frame_count(tmp_path / "a") is states


@pytest.mark.parametrize(
    ("size", "cut"),
    [
        (b"\x84", False),
        (b"\x85", True),
        (b"\x10\0\0\x04", False),
        (b"\x10\0\0\x05", True),
        (b"\xff", False),
    ],
)
def test_a_segment_with_missing_bytes_is_cut(tmp_path, size, cut):
    """A header of 2 bytes, then a segment of 4 bytes with its size in EBML; all ones mean an unknown one."""
    (tmp_path / "a").write_bytes(b"\x1a\x45\xdf\xa3\x82..\x18\x53\x80\x67" + size + b"....")
    assert is_cut_matroska(tmp_path / "a") is cut


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
