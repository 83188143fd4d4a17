"""Invalid sources: each mistake is named in one line."""

import functools
import os
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from brian_siamsnn.errors import InputError
from brian_siamsnn.sequences.sources import open_sequence
from tests.fuzz.files import video
from tests.helpers.messages import assert_names, refused
from tests.helpers.paths import ROOT
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


def test_a_model_file_is_refused_with_the_option_to_use(tmp_path):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    with refused(path, f"--model {path}"):
        open_sequence(path)


def test_a_single_image_is_refused_with_the_folder_to_use(tmp_path):
    write_images(tmp_path / "images", ["1.png"])
    with refused(tmp_path / "images/1.png", tmp_path / "images"):
        open_sequence(tmp_path / "images/1.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes on this system")
def test_a_pipe_is_read_once(tmp_path):
    content = video(tmp_path / "clip.mkv")
    os.mkfifo(tmp_path / "pipe.mkv")
    writer = threading.Thread(target=(tmp_path / "pipe.mkv").write_bytes, args=[content], daemon=True)
    writer.start()
    sequence = open_sequence(tmp_path / "pipe.mkv")
    assert (sequence.name, sequence.frame_count, sequence.live) == ("pipe", None, True)
    expected = list(open_sequence(tmp_path / "clip.mkv"))
    np.testing.assert_array_equal(list(sequence), expected)
    with refused(tmp_path / "pipe.mkv", "pipe"):
        iter(sequence)


def test_the_standard_input_is_a_source(tmp_path):
    code = "from brian_siamsnn.sequences.sources import open_sequence as o; s = o('-'); print(s.name, len(list(s)))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        input=video(tmp_path / "clip.mkv"),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=120,
    )
    assert done.stdout.split() == [b"stdin", b"12"]


def test_an_input_without_a_video_is_refused():
    code = "from brian_siamsnn.cli.main import main; main(['track', '-', '--init', '1,1,9,9'])"
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(
        command,
        input="not a video",
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=120,
    )
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert_names(done.stderr.strip(), "standard input", "OpenCV")


@pytest.fixture
def server(tmp_path):
    """Address of a folder with a video, served over HTTP."""
    video(tmp_path / "clip.mkv")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{serving.server_port}"
        serving.shutdown()


def test_an_address_is_a_source(server):
    sequence = open_sequence(f"http://me:secret@{server}/clip.mkv")
    assert (sequence.name, sequence.frame_count, sequence.live) == ("clip", None, True)
    assert len(list(sequence)) == 12


def test_a_stream_that_is_not_there_is_named_without_its_password(server):
    with refused(f"http://{server}/none.mkv") as caught:
        open_sequence(f"http://me:secret@{server}/none.mkv")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("source", [-1, 10**20, "99999999999999999999", "", "a\0b", "n" * 300, "123456789"])
def test_sources_that_once_crashed_the_process_are_refused(source):
    with pytest.raises(InputError):
        open_sequence(source)
