"""One-pass evaluation of a configuration over many sequences, on one machine or a cluster.

Finished sequences are kept (`evaluation_store`); a run that
was stopped does what is missing and ends with the same boxes. A sequence that
cannot be read is reported and the others finish.
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
from ..tracking.tracker import SiameseTracker
from .report import make_report, score_sequence
from .store import Store
from .workers import distribute

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..aliases import FilePath
    from ..sequences.datasets import Dataset, Item
    from ..tracking.config import TrackerConfig

__all__ = ["evaluate", "run_sequence"]

#: Seconds between two reports of a worker.
_TELL_EVERY = 0.5


def evaluate(
    configuration: TrackerConfig, dataset: Dataset, folder: FilePath, workers: int = 1, scheduler: str | None = None
) -> dict[str, Any]:
    """Evaluate one configuration.

    Parameters
    ----------
    configuration : TrackerConfig
    dataset : Dataset
        Of `open_dataset`.
    folder : path-like
        Where results are kept; an earlier run of the same configuration goes on.
    workers : int
        Processes on this machine; each takes one thread where there are several.
    scheduler : str, optional
        Address of a Dask scheduler whose workers are used in place of own ones.
        They have to find sequences and model files at the same paths.

    Returns
    -------
    dict
        See `make_report`.

    Raises
    ------
    InputError
        If the folder belongs to another configuration, if not one sequence can
        be evaluated, or Dask is needed and not installed.
    """
    store = Store(Path(folder))
    store.claim(configuration, versions())
    rows, failed, waiting, total = {}, {}, {}, 0
    for item in dataset.items:
        try:
            sequence = item.open()
            done = store.load(item, sequence, configuration.frames)
            if done is None:
                waiting[item.name] = item
            else:
                rows[item.name] = score_sequence(done, sequence)
            total += min(filter(None, (sequence.frame_count, configuration.frames)))
        except InputError as error:
            failed[item.name] = str(error)
    with tqdm(total=total, desc=configuration.label, unit=" frames", disable=None) as bar:
        finished = sum(row["frames"] for row in rows.values())
        bar.update(finished)
        counts = {}

        def tell(name, frames):
            # a sequence that a dead worker had begun starts again, so the bar shows a sum and not a count of calls
            counts[name] = frames
            bar.update(finished + sum(counts.values()) - bar.n)

        jobs = {name: (configuration, item, configuration.hash) for name, item in waiting.items()}
        for name, result in distribute(run_sequence, jobs, workers, scheduler, tell):
            if "failed" in result:
                failed[name] = result["failed"]
                tqdm.write(f"{name}: {result['failed']}", file=sys.stderr)
            else:
                item = waiting[name]
                store.save(item, result)
                sequence = item.open()
                kept = store.load(item, sequence, configuration.frames)
                if kept is None:
                    raise InputError(f"{name}: its boxes were changed by another program just after they were written")
                rows[name] = score_sequence(kept, sequence)
                tell(name, rows[name]["frames"])
    if not rows:
        name, reason = next(iter(failed.items()))
        raise InputError(f"not one of {len(failed)} sequences could be evaluated; {name}: {reason}")
    rows = {item.name: rows[item.name] for item in dataset.items if item.name in rows}
    return make_report(configuration.label, rows, dataset, failed, store.manifest())


def run_sequence(
    configuration: TrackerConfig, item: Item, expected_hash: str, threads: int | None, tell: Callable[..., Any]
) -> dict[str, Any]:
    """Track one sequence; runs in a worker.

    Parameters
    ----------
    configuration : TrackerConfig
    item : Item
    expected_hash : str
        Hash of the configuration where the evaluation was started; another one
        here means that a file or this package differs between the machines.
    threads : int or None
        Of the kernels.
    tell : callable
        Called with the number of finished frames, now and then.

    Returns
    -------
    dict
        ``boxes``, ``frames``, ``seconds``, ``spikes``, ``synaptic_operations``,
        ``pooling_events``, ``firing_rates`` by layer, ``configuration_hash`` and
        ``versions``; or ``failed``, the reason.
    """
    try:
        if configuration.hash != expected_hash:
            raise InputError("model file, equations or package differ between this worker and the evaluation's machine")
        matcher = _matcher(configuration, expected_hash, threads)
        if configuration.tracker == "snn":
            matcher.reset_counts()
        clock = _Clock(tell)
        tracker = SiameseTracker(matcher, configuration.scales)
        result = track(item.open(), tracker, frames=configuration.frames, progress=clock)
    except Exception as error:  # one sequence must not take the others with it
        # the command line shows no traceback, so what is not the user's to mend is named by its type
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
def _matcher(configuration, _hash, threads):
    """The matcher of this process, made once; the hash is there for a model file that changes under its name."""
    quiet()
    if threads is not None:
        import cv2

        cv2.setNumThreads(threads)
        if configuration.tracker == "cnn":
            import torch

            torch.set_num_threads(threads)
    matcher = configuration.matcher(threads)
    matcher.prepare()
    return matcher


def _counts(matcher):
    """Spikes, operations and firing rates of a sequence; None for the CNN, which has none."""
    names = {
        "spikes": "spikes",
        "synaptic_operations": "operations",
        "pooling_events": "pooling_events",
        "firing_rates": "firing_rates",
    }
    return {key: getattr(matcher, name, None) for key, name in names.items()}


class _Clock:
    """Counts frames and tells of them, but not of every one."""

    def __init__(self, tell):
        self._tell, self._frames, self._told = tell, 0, time.monotonic()

    def __call__(self):
        self._frames += 1
        if time.monotonic() - self._told > _TELL_EVERY:
            self._tell(self._frames)
            self._told = time.monotonic()
