"""Creates a workspace of the VOT toolkit from any data set.

    WORKSPACE/config.yaml          the file by which the toolkit recognises a workspace
    WORKSPACE/stack.yaml           experiments
    WORKSPACE/trackers.ini         trackers; see `vot.registry_entry`
    WORKSPACE/sequences/list.txt   names of the sequences, with a folder for each

Frames on disk are linked if their names suit the toolkit; others are written as
PNG files.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..errors import InputError
from ..files import write_whole

if TYPE_CHECKING:
    from ..sequences.datasets import Dataset

__all__ = ["make_workspace"]

#: Sequence lengths over which VOT2016 averages its expected overlap (``low`` and ``high`` in its stack).
EAO_INTERVAL = 108, 371

_STACK = """\
title: Supervised experiment of VOT2016
experiments:
  baseline:
    type: supervised
    repetitions: {repetitions}
    skip_initialize: 5
    analyses:
      - type: supervised_average_ar
        sensitivity: 30
      - type: supervised_eao_score
        low: {low}
        high: {high}
"""


def make_workspace(dataset: Dataset, folder: Path, trackers: dict[str, str], repetitions: int = 1) -> tuple[int, ...]:
    """Create a workspace, or update an existing one without touching its results.

    Parameters
    ----------
    dataset : Dataset
        Sequences of the workspace, from `open_dataset`.
    folder : Path
        Folder of the workspace.
    trackers : dict of str to str
        Entries of ``trackers.ini`` by identifier, from `vot.registry_entry`.
    repetitions : int
        Number of runs per sequence, 1 by default; these trackers are
        deterministic, so one is enough.

    Returns
    -------
    tuple of int
        Shortest and longest sequence length over which the expected overlap is
        averaged: VOT2016's interval, or all lengths if the sequences are shorter
        than that.

    Raises
    ------
    InputError
        If a sequence cannot be read or has no ground truth, or a file cannot be
        written.
    """
    lengths = [_write_sequence(item, folder / "sequences" / item.name) for item in dataset.items]
    low, high = EAO_INTERVAL if max(lengths) >= EAO_INTERVAL[1] else (1, max(lengths))
    files = {
        "sequences/list.txt": "".join(f"{item.name}\n" for item in dataset.items),
        "stack.yaml": _STACK.format(repetitions=repetitions, low=low, high=high),
        "trackers.ini": "\n".join(trackers.values()),
        "config.yaml": "registry:\n- ./trackers.ini\nstack: stack.yaml\n",
    }
    for name, text in files.items():
        write_whole(folder / name, text.encode())
    return low, high


def _write_sequence(item, folder):
    sequence = item.open()
    if sequence.boxes is None or sequence.frame_count is None:
        raise InputError(f"{item.name}: expected ground-truth boxes and a known number of frames")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written to ({error.strerror})") from None
    pattern = _link_frames(item, sequence, folder)
    source = Path(item.source) / "groundtruth.txt"
    # VOT's own annotations are polygons, which the toolkit compares as polygons
    truth = source.read_bytes() if source.is_file() else _rectangles(sequence.boxes).encode()
    write_whole(folder / "groundtruth.txt", truth)
    height, width = next(iter(sequence)).shape[:2]
    metadata = {
        "name": item.name,
        "fps": 30,
        "format": "default",
        "channel.default": "color",
        "channels.color": pattern,
        "width": width,
        "height": height,
    }
    write_whole(folder / "sequence", "".join(f"{key}={value}\n" for key, value in metadata.items()).encode())
    return sequence.frame_count


def _rectangles(boxes):
    return "".join(",".join(f"{value:.4f}" for value in box) + "\n" for box in boxes)


def _link_frames(item, sequence, folder):
    """Link or write the frames where the toolkit looks for them, and return its file name pattern."""
    for subfolder in ("color", "imgs", "img", "."):
        for suffix in (".jpg", ".png"):
            source = Path(item.source) / subfolder
            if (source / f"{sequence.frame_count:08d}{suffix}").is_file() and (source / f"{1:08d}{suffix}").is_file():
                link = folder / "color"
                if not link.exists():
                    link.symlink_to(source.resolve(), target_is_directory=True)
                return f"color/%08d{suffix}"
    (folder / "color").mkdir(exist_ok=True)
    for k, frame in enumerate(sequence, start=1):
        path = folder / "color" / f"{k:08d}.png"
        if not path.is_file():
            write_whole(path, cv2.imencode(".png", np.ascontiguousarray(frame[:, :, ::-1]))[1].tobytes())
    return "color/%08d.png"
