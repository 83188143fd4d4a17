"""A workspace of the VOT toolkit for any data set: sequences in its layout, experiments, trackers.

    WORKSPACE/config.yaml          what the toolkit looks for
    WORKSPACE/stack.yaml           the experiments
    WORKSPACE/trackers.ini         see `brian_siamsnn.vot.registry_entry`
    WORKSPACE/sequences/list.txt   and a folder for each sequence

Frames of sequences on disk are linked to, others are written as PNG.
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

#: Lengths of sequences that VOT2016's expected average overlap goes over (``low``, ``high`` of its stack).
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
    """Make a workspace, or leave one that is there with its results, and register trackers.

    Parameters
    ----------
    dataset : Dataset
        Of `open_dataset`.
    folder : Path
    trackers : dict of str to str
        Entries of ``trackers.ini`` by identifier.
    repetitions : int
        Of each sequence. These trackers are deterministic, so one is enough.

    Returns
    -------
    tuple of int
        The interval of lengths that the expected average overlap goes over:
        VOT2016's, or all lengths where the sequences are shorter than that.

    Raises
    ------
    InputError
        If a sequence cannot be read, or a file cannot be written.
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
        raise InputError(f"{item.name}: expected true boxes and a known number of frames")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written to ({error.strerror})") from None
    pattern = _link_frames(item, sequence, folder)
    source = Path(item.source) / "groundtruth.txt"
    # VOT's own annotations are polygons, which the toolkit overlaps as such
    truth = source.read_bytes() if source.is_file() else _rectangles(sequence.boxes).encode()
    write_whole(folder / "groundtruth.txt", truth)
    height, width = next(iter(sequence)).shape[:2]
    about = {
        "name": item.name,
        "fps": 30,
        "format": "default",
        "channel.default": "color",
        "channels.color": pattern,
        "width": width,
        "height": height,
    }
    write_whole(folder / "sequence", "".join(f"{key}={value}\n" for key, value in about.items()).encode())
    return sequence.frame_count


def _rectangles(boxes):
    return "".join(",".join(f"{value:.4f}" for value in box) + "\n" for box in boxes)


def _link_frames(item, sequence, folder):
    """Frames where the toolkit finds them; its pattern."""
    for place in ("color", "imgs", "img", "."):
        for suffix in (".jpg", ".png"):
            source = Path(item.source) / place
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
