"""Names that a file system allows: bytes that are not UTF-8, and colons."""

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from brian_siamsnn.sequences.sources import open_sequence
from brian_siamsnn.tracking.config import TrackerConfig
from brian_siamsnn.training.pairs import PairSampler, read_photos, read_videos
from tests.fuzz.files import video
from tests.helpers.clips import write_clips
from tests.helpers.commands import boxes_of, command
from tests.helpers.messages import last_error
from tests.helpers.paths import ROOT
from tests.helpers.pictures import write_otb

#: "café" in Latin-1, as many disks and archives still have it.
LATIN = os.fsdecode(b"caf\xe9")
QUICK = ("--steps", 1, "--scales", 1, "--frames", 2)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, which accepts any bytes as a name."""
    monkeypatch.chdir(tmp_path)
    try:
        os.mkdir(LATIN)
    except (OSError, UnicodeError):
        pytest.skip("file names are UTF-8 on this file system")
    return tmp_path


@pytest.fixture
def clip(folder):
    """Bytes of a small video."""
    return video(folder / "clip.mp4")


def frames_in(path):
    """Frames in a video at a path of any name."""
    copy = path.parents[1] / "copy.mp4"  # OpenCV itself cannot read it where it is
    copy.write_bytes(path.read_bytes())
    return int(cv2.VideoCapture(str(copy)).get(cv2.CAP_PROP_FRAME_COUNT))


@pytest.mark.parametrize("name", [f"{LATIN}.mp4", f"{LATIN}/{LATIN}.mp4", "2024-05-01T12:30:05.mp4", "file:a.mp4"])
def test_a_video_of_any_name_is_read(folder, clip, name):
    (folder / name).write_bytes(clip)
    sequence = open_sequence(name)
    assert (sequence.name, len(list(sequence))) == (os.path.basename(name).replace(LATIN, r"caf\xe9")[:-4], 12)


@pytest.mark.parametrize("output", [f"out-{LATIN}", "12:30:05"])
def test_a_run_writes_to_a_folder_of_any_name(folder, clip, output, capsys):
    (folder / f"{LATIN}.mp4").write_bytes(clip)
    assert command("track", f"{LATIN}.mp4", "--init", "10,10,20,20", "--report", "--output", output, *QUICK) == 0
    assert len(boxes_of(folder / output)) == frames_in(folder / output / "tracked.mp4") == 2
    summary = json.loads((folder / output / "summary.json").read_text())
    assert summary["frames"] == 2 and os.fsencode(summary["source"]) == b"caf\xe9.mp4"
    assert rb"<title>caf\xe9" in (folder / output / "report.html").read_bytes()


def test_the_default_folder_is_named_in_printable_characters(folder, clip):
    (folder / f"{LATIN}.mp4").write_bytes(clip)
    assert command("track", f"{LATIN}.mp4", "--init", "10,10,20,20", *QUICK) == 0
    assert len(boxes_of(folder / "brian-siamsnn-output" / r"caf\xe9")) == 2


def test_a_benchmark_of_such_names_is_evaluated(folder, capsys):
    write_otb(folder / LATIN / LATIN, [], ["2,2,10,10"] * 2)
    for number in (1, 2):
        content = cv2.imencode(".png", np.full((24, 32, 3), number, np.uint8))[1]
        (folder / LATIN / LATIN / "img" / f"{number}.png").write_bytes(content.tobytes())
    rate = (ROOT / "equations" / "rate.toml").read_bytes()
    (folder / f"{LATIN}.toml").write_bytes(rate)
    options = (*QUICK, "--coding", f"{LATIN}.toml", "--sequences", LATIN, "--output", f"out-{LATIN}")
    assert command("evaluate", LATIN, *options) == 0
    report = json.loads((folder / f"out-{LATIN}" / "report.json").read_text())
    assert list(report["sequences"]) == [r"caf\xe9"]
    assert "caf\\xe9" in TrackerConfig(coding=f"{LATIN}.toml").label


def test_a_missing_file_of_such_a_name_is_named(folder, capsys):
    assert command("track", f"no-{LATIN}") == 2
    assert last_error(capsys).startswith(r"no-caf\udce9: ")


def test_brian2_can_be_imported_in_a_process_with_such_an_argument(folder):
    """Brian2 writes the arguments of the process into a file, in UTF-8, when it is imported."""
    done = subprocess.run(
        [sys.executable, "-m", "brian_siamsnn", "equations", f"no-{LATIN}.toml"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=120,
    )
    assert done.returncode == 2 and done.stderr.startswith(r"error: no-caf\udce9.toml: ")
    assert len(done.stderr.splitlines()) == 1


def test_training_reads_videos_and_photos_of_such_names(folder):
    plain, latin = write_clips(folder / "plain"), folder / LATIN
    for file in plain.rglob("*"):
        if file.is_file():
            names = [LATIN if name in ("video", "photos") else name for name in file.relative_to(plain).parts]
            copy = latin.joinpath(*names).with_stem(f"{file.stem}{LATIN if file.suffix == '.jpg' else ''}")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    pairs = [
        PairSampler(read_videos(top / video), [], read_photos(top / photos), seed=1)
        for top, video, photos in ((plain, "video", "photos"), (latin, LATIN, LATIN))
    ]
    for index in range(6):
        for ours, theirs in zip(*(sampler(index) for sampler in pairs), strict=True):
            np.testing.assert_array_equal(ours, theirs)
