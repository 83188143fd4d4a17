"""Kill runs or fill their disk at any moment: every file under its final name is whole.

    python -m tests.fuzz.interrupted [--kills 50] [--limits 50] [--matcher snn]

A child process writes one run after another into one folder: boxes, video, summary, model and a page, all containing
the number of the run. It is killed (signal 9) or prevented from writing any more, and the files are examined.
It tracks with a matcher that responds immediately, so that many kills hit a write, or with the shipped network.
"""

import argparse
import contextlib
import dataclasses
import functools
import json
import multiprocessing
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import brian2
import cv2
import numpy as np

from brian_siamsnn.environment import quiet
from brian_siamsnn.errors import InputError
from brian_siamsnn.files import write_json, write_whole
from brian_siamsnn.matching.spiking import SpikingMatcher
from brian_siamsnn.model.files import load_model, read_model, write_model
from brian_siamsnn.sequences.frames import Sequence
from brian_siamsnn.tracking.run import track
from brian_siamsnn.tracking.tracker import SiameseTracker
from tests.helpers.matchers import Peak
from tests.helpers.pictures import noise

from .model_targets import model

FRAMES = 12


@functools.cache
def frames():
    return [np.roll(noise(96, 128), k, axis=1) for k in range(FRAMES)]


@functools.cache
def spiking():
    """The shipped network with few steps and Brian2's NumPy code, so that nothing is compiled."""
    brian2.prefs.codegen.target = "numpy"
    return SpikingMatcher(load_model("compact"), 4, crops=1, threads=1)


def boxes_of(folder, run, matcher):
    """Track for one run and return the boxes, which depend on the run's number."""
    sequence = Sequence("killed", lambda: iter(frames()), FRAMES)
    tracker = SiameseTracker(spiking() if matcher == "snn" else Peak(float(run)), 1)
    return track(sequence, tracker, (20, 20, 30 + run % 7, 30), output=folder).boxes


@functools.cache
def expected(run, matcher):
    """The boxes written by an uninterrupted run."""
    with tempfile.TemporaryDirectory() as folder:
        boxes_of(Path(folder), run, matcher)
        return (Path(folder) / "boxes.csv").read_text(encoding="utf-8")


def work(folder, run, matcher="peak"):
    """One run, as started by the command line."""
    boxes = boxes_of(folder, run, matcher)
    write_json(folder / "summary.json", {"run": run, "frames": len(boxes)})
    write_model(dataclasses.replace(model()[0], provenance={"run": run}), folder / "model.safetensors")
    write_whole(folder / "page.html", f"{run} ".encode() * 50_000)


def _child(folder, first, limit, said, matcher):
    quiet()
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        for run in range(first, sys.maxsize):
            work(folder, run, matcher)
            said.value = run
    except InputError as error:
        assert limit is not None and "\n" not in str(error), error
        os._exit(2)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(3)


def examine(folder, finished, matcher="peak"):
    """Check the folder after run ``finished`` and before the end of the next one; return the state that was found."""
    seen = Counter()
    rows = (folder / "boxes.csv").read_text(encoding="utf-8")
    lines = rows.splitlines()
    assert rows.endswith("\n") and len(lines) == FRAMES + 1, rows
    # the boxes repeat after seven runs with the spiking network, and never with the other matcher
    known = {run: expected(run % 7 if matcher == "snn" else run, matcher) for run in (finished, finished + 1)}
    assert rows in known.values(), rows
    capture = cv2.VideoCapture(str(folder / "tracked.mp4"))
    assert sum(1 for _ in iter(lambda: capture.read()[0], False)) == FRAMES
    summary = folder / "summary.json"
    if summary.exists():
        content = json.loads(summary.read_text(encoding="utf-8"))
        assert content["frames"] == FRAMES and content["run"] in (finished, finished + 1)
        assert rows == known[content["run"]], "boxes of one run, summary of another"
    else:
        seen["between boxes and summary"] += 1
    assert read_model(folder / "model.safetensors").provenance["run"] in (finished, finished + 1)
    page = (folder / "page.html").read_bytes()
    assert page in {f"{run} ".encode() * 50_000 for run in (finished, finished + 1)}
    seen["amid tracking" if list(folder.glob("*.unfinished.*")) else "amid another file or none"] += 1
    return seen


@contextlib.contextmanager
def _started(folder, first, limit=None, matcher="peak"):
    """A working child process, and the number of its last finished run."""
    # forked from a process that has only imported modules: a fork of this one would lack its threads
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    said = context.Value("q", first - 1)
    process = context.Process(target=_child, args=(folder, first, limit, said, matcher))
    process.start()
    try:
        yield process, said
    finally:
        process.kill()
        process.join()


def _wait(happened, seconds=300):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "the child does nothing"
        time.sleep(0.005)


def kill(count, rng, matcher="peak"):
    """Kill runs ``count`` times; count the kills by the kind of moment."""
    seen = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder, finished = Path(name), 0
        work(folder, 0, matcher)
        began = time.monotonic()
        work(folder, 0, matcher)
        one_run = time.monotonic() - began
        for _ in range(count):
            with _started(folder, finished + 1, matcher=matcher) as (_, said):
                _wait(lambda: said.value > finished)  # noqa: B023
                time.sleep(rng.uniform(0, max(0.3, one_run)))
            seen["runs finished before"] += said.value - finished
            finished = said.value
            seen += examine(folder, finished, matcher)
            for hidden in folder.glob(".*.*"):  # temporary files of write_whole
                hidden.unlink()
                seen["amid a whole file"] += 1
            work(folder, finished := finished + 7, matcher)  # the folder can be used again immediately
    return seen


def fill(count, rng, place=None):
    """Limit the file size or the disk of a run, ``count`` times; count the outcomes."""
    seen = Counter()
    for _ in range(count):
        with tempfile.TemporaryDirectory(dir=place) as name:
            folder = Path(name)
            work(folder, 0)
            limit = None
            if place is None:
                limit = rng.choice([0, 20, 100, 5_000, 20_000, 60_000, 99_999])
            else:
                free = shutil.disk_usage(place).free
                (folder / "ballast").write_bytes(bytes(max(0, free - rng.randrange(200_000))))
            with _started(folder, 1, limit if place is None else sys.maxsize >> 1) as (process, said):
                process.join(300)  # a busy machine may need this long
                assert process.exitcode == 2, process.exitcode
            seen["one clear line"] += 1
            seen += examine(folder, said.value)
            assert not list(folder.glob(".*.*.*")), "an unfinished file is left"
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--limits", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--disk", type=Path, help="A small file system to fill up, in place of limits to each file.")
    parser.add_argument("--matcher", choices=["peak", "snn"], default="peak", help="What is tracked with while killed.")
    arguments = parser.parse_args()
    print("killed:", dict(kill(arguments.kills, random.Random(arguments.seed), arguments.matcher)))
    print("full:", dict(fill(arguments.limits, random.Random(arguments.seed), arguments.disk)))


if __name__ == "__main__":
    main()
