"""One-pass evaluation of a tracker configuration on many sequences, on one machine or a cluster.

Finished sequences are stored (see `store`), so a run that was stopped continues
with those that are missing, and ends with the same boxes. A sequence that cannot
be read is reported while the others finish.
"""

from __future__ import annotations

import functools
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from ..environment import quiet, versions
from ..errors import InputError
from ..tracking.run import track
from .report import make_report
from .scores import score_sequence
from .store import Store
from .workers import distribute

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..aliases import FilePath
    from ..sequences.datasets import Dataset, Item
    from ..tracking.config import TrackerConfig

__all__ = ["evaluate", "run_sequence"]

#: Minimum time between two progress reports, in seconds.
_REPORT_INTERVAL = 0.5


def evaluate(
    config: TrackerConfig,
    dataset: Dataset,
    folder: FilePath,
    frames: int | None = None,
    workers: int = 1,
    scheduler: str | None = None,
) -> dict[str, Any]:
    """Evaluate one tracker configuration on a data set.

    Parameters
    ----------
    config : TrackerConfig
        Tracker, model and settings.
    dataset : Dataset
        Sequences to evaluate, from `open_dataset`.
    folder : str or path
        Folder for the results. If it holds an unfinished run of the same
        configuration, that run is continued.
    frames : int, optional
        First frames of each sequence to track; all by default.
    workers : int
        Number of processes on this machine, 1 by default. With several, each uses
        one thread.
    scheduler : str, optional
        Address of a Dask scheduler whose workers are used instead of local
        processes; they must find sequences and model files under the same paths.
        None by default.

    Returns
    -------
    dict
        Report of the evaluation; see `make_report`.

    Raises
    ------
    InputError
        If the folder belongs to another configuration, no sequence can be
        evaluated, or Dask is needed but not installed.
    """
    if frames is not None and frames < 1:
        raise InputError(f"frames: expected 1 or more, got {frames}")
    store = Store(Path(folder))
    store.claim(config, frames, versions())
    rows, failed, waiting, total = {}, {}, {}, 0
    for item in dataset.items:
        try:
            sequence = item.open()
            if sequence.first_box is None:
                raise InputError(
                    f"{item.name}: no box is known for its first frame; write one into the first line of its annotation"
                )
            done = store.load(item, sequence, frames)
            if done is None:
                waiting[item.name] = item
            else:
                rows[item.name] = score_sequence(done, sequence)
            total += min(filter(None, (sequence.frame_count, frames)))
        except InputError as error:
            failed[item.name] = str(error)
    with tqdm(total=total, desc=config.label, unit=" frames", disable=None) as bar:
        finished = sum(row["frames"] for row in rows.values())
        bar.update(finished)
        counts = {}

        def tell(name, frames):
            # if a worker dies, its sequence restarts from 0, so the bar shows the sum of the counts last reported
            counts[name] = frames
            bar.update(finished + sum(counts.values()) - bar.n)

        jobs = {name: (config, item, frames, config.hash) for name, item in waiting.items()}
        for name, result in distribute(run_sequence, jobs, workers, scheduler, tell):
            if "failed" in result:
                failed[name] = result["failed"]
                tqdm.write(f"{name}: {result['failed']}", file=sys.stderr)
            else:
                item = waiting[name]
                store.save(item, result)
                sequence = item.open()
                kept = store.load(item, sequence, frames)
                if kept is None:
                    raise InputError(f"{name}: its boxes were changed by another program right after they were saved")
                rows[name] = score_sequence(kept, sequence)
                tell(name, rows[name]["frames"])
    if not rows:
        name, reason = next(iter(failed.items()))
        raise InputError(f"none of the {len(failed)} sequences could be evaluated; {name}: {reason}")
    rows = {item.name: rows[item.name] for item in dataset.items if item.name in rows}
    return make_report(config.label, rows, dataset, failed, store.manifest())


def run_sequence(
    config: TrackerConfig,
    item: Item,
    frames: int | None,
    expected_hash: str,
    threads: int | None,
    tell: Callable[..., Any],
) -> dict[str, Any]:
    """Track one sequence; this is the function that a worker runs.

    Parameters
    ----------
    config : TrackerConfig
        Tracker, model and settings.
    item : Item
        Sequence to track.
    frames : int or None
        First frames to track; None for all.
    expected_hash : str
        Hash of the configuration on the machine that started the evaluation. A
        different hash here means that a file or this package differs between the
        machines.
    threads : int or None
        Number of threads for the kernels; None leaves it to them.
    tell : callable
        Called from time to time with the number of finished frames.

    Returns
    -------
    dict
        ``boxes``, ``frames``, ``seconds``, ``spikes``, ``synaptic_operations``,
        ``pooling_events``, ``firing_rates`` by layer, ``configuration_hash`` and
        ``versions``; or only ``failed``, the reason.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts the run.
    """
    try:
        if config.hash != expected_hash:
            raise InputError(
                "worker: expected the model file, equations and package of the machine that started the evaluation, "
                "got different ones; use the same on all machines"
            )
        matcher = _matcher(config, expected_hash, threads)
        if config.tracker == "snn":
            matcher.reset_counts()
        progress = _FrameCounter(tell)
        tracker = config.tracker_with(matcher)
        result = track(item.open(), tracker, frames=frames, progress=progress)
    except Exception as error:  # the other sequences must not be lost with this one
        # the command line shows no traceback, so an exception that is a bug is at least named by its type
        return {"failed": str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"}
    if result.stopped == "interrupted":
        raise KeyboardInterrupt
    if result.stopped:
        return {"failed": f"{result.stopped} (after {len(result.boxes)} frames)"}
    return {
        "boxes": result.boxes,
        "frames": len(result.boxes),
        "seconds": result.seconds,
        **_counts(matcher),
        "configuration_hash": expected_hash,
        "versions": versions(),
    }


@functools.lru_cache(maxsize=1)
def _matcher(config, _hash, threads):
    """The matcher of this process, built once; the hash makes the cache notice a model file that has changed."""
    quiet()
    if threads is not None:
        import cv2

        cv2.setNumThreads(threads)
        if config.tracker == "cnn":
            import torch

            torch.set_num_threads(threads)
    matcher = config.build_matcher(threads=threads)
    matcher.prepare()
    return matcher


def _counts(matcher):
    """Spikes, operations and firing rates of a sequence; None for the CNN, which has none."""
    return {
        "spikes": getattr(matcher, "spikes", None),
        "synaptic_operations": getattr(matcher, "operations", None),
        "pooling_events": getattr(matcher, "pooling_events", None),
        "firing_rates": getattr(matcher, "firing_rates", None),
    }


class _FrameCounter:
    """Counts frames, and reports the count at most once per interval."""

    def __init__(self, tell):
        self._tell, self._frames, self._last_report = tell, 0, time.monotonic()

    def __call__(self):
        self._frames += 1
        if time.monotonic() - self._last_report > _REPORT_INTERVAL:
            self._tell(self._frames)
            self._last_report = time.monotonic()
