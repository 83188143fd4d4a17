"""Invalid sources: each mistake is named in one line."""

import os

import pytest

from brian_siamsnn.errors import InputError
from brian_siamsnn.sequences.sources import open_sequence
from tests.helpers.messages import refused
from tests.helpers.pictures import write_images


def test_a_missing_source_is_named(tmp_path):
    with refused(tmp_path / "missing", "'synthetic'"):
        open_sequence(tmp_path / "missing")


def test_an_empty_folder_is_named_with_the_supported_contents(tmp_path):
    (tmp_path / "empty").mkdir()
    with refused(tmp_path / "empty", ".jpg", ".png", "img/"):
        open_sequence(tmp_path / "empty")


def test_an_undecodable_video_is_named(tmp_path):
    (tmp_path / "text.mp4").write_text("not a video")
    with refused(tmp_path / "text.mp4", "OpenCV"):
        open_sequence(tmp_path / "text.mp4")


def test_a_single_image_is_refused_with_the_folder_to_use(tmp_path):
    write_images(tmp_path / "images", ["1.png"])
    with refused(tmp_path / "images/1.png", tmp_path / "images"):
        open_sequence(tmp_path / "images/1.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes on this system")
def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    with refused(tmp_path / "pipe.mp4", "pipe"):
        open_sequence(tmp_path / "pipe.mp4")


@pytest.mark.parametrize("source", [-1, 10**20, "99999999999999999999", "", "a\0b", "n" * 300, "123456789"])
def test_sources_that_once_crashed_the_process_are_refused(source):
    with pytest.raises(InputError):
        open_sequence(source)
