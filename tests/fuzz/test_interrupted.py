"""A few runs killed or stopped by a full disk; ``python -m tests.fuzz.interrupted`` does many."""

import random
import sys

import numpy as np
import pytest

from brian_siamsnn.sequences.frames import Sequence
from brian_siamsnn.tracking.run import track
from brian_siamsnn.tracking.tracker import SiameseTracker
from tests.fuzz.interrupted import FRAMES, fill, frames, kill, work
from tests.helpers.matchers import Peak
from tests.helpers.messages import assert_names, refused

forks = pytest.mark.skipif(sys.platform == "win32", reason="children are forked, and stopped by POSIX signals")


@forks
def test_files_are_whole_after_a_kill_at_any_moment():
    assert kill(4, random.Random(1))["runs finished before"] >= 4


@forks
def test_a_full_disk_gives_one_line_and_keeps_finished_files():
    assert fill(3, random.Random(1))["one clear line"] == 3


def start(folder, frame_source, **options):
    sequence = Sequence("mine", lambda: iter(frame_source), FRAMES)
    return track(sequence, SiameseTracker(Peak(1.0), 1), (20, 20, 30, 30), output=folder, **options)


def test_a_folder_accepts_one_run_at_a_time(tmp_path):
    def meanwhile():
        for k, frame in enumerate(frames()):
            if k == 3:
                with refused(tmp_path, "--output"):
                    start(tmp_path, frames())
            yield frame

    assert len(start(tmp_path, meanwhile()).boxes) == FRAMES
    assert len((tmp_path / "boxes.csv").read_text().splitlines()) == FRAMES + 1
    assert len(start(tmp_path, frames()).boxes) == FRAMES  # and then the next one


def test_a_crashed_run_keeps_the_previous_output_and_its_own_boxes(tmp_path):
    work(tmp_path, 0)
    earlier = {name: (tmp_path / name).read_bytes() for name in ("boxes.csv", "tracked.mp4", "summary.json")}

    def broken():
        yield from frames()[:5]
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError):
        start(tmp_path, broken())
    assert {name: (tmp_path / name).read_bytes() for name in earlier} == earlier
    assert len((tmp_path / "boxes.unfinished.csv").read_text().splitlines()) == 1 + 5


def test_a_stopped_run_replaces_the_whole_output(tmp_path):
    """Boxes, video and summary of two runs are never mixed: the old summary is removed with the old boxes."""
    work(tmp_path, 0)
    run = start(tmp_path, [*frames()[:2], np.zeros((10, 20, 3), np.uint8)], video=False)
    assert_names(run.stopped, "128 x 96", "20 x 10", "frame 2")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != ".lock") == [
        "boxes.csv",
        "model.safetensors",
        "page.html",
    ]
    assert len((tmp_path / "boxes.csv").read_text().splitlines()) == 1 + 2
