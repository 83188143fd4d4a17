"""Frames in order, as a `Sequence`.

A frame is a uint8 array of shape (H, W, 3) with the channels R, G, B; gray
images have three equal channels. Frames are read one at a time as they are
needed, so a long video takes no more memory than a short one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from .images import read_images

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..aliases import FilePath

__all__ = ["Sequence", "image_sequence", "starting_at"]


@dataclass(eq=False)
class Sequence:
    """Frames in order, with what is known about them.

    Iterating yields the frames, from the first one each time. A frame that
    cannot be read raises `InputError` when it is reached, after all frames
    before it have been yielded.

    Attributes
    ----------
    name : str
        Name of the sequence, for tables and file names.
    frames : callable
        Returns a new iterator over the frames.
    frame_count : int or None
        Number of frames; None where it is unknown (cameras, streams).
    fps : float or None
        Frames per second; None where it is unknown (images).
    boxes : ndarray of shape (N, 4), or None
        Ground-truth boxes x, y, w, h in zero-based pixels, one per frame; a row
        is NaN where the target is absent or its box is unknown. None if there
        is no ground truth.
    attributes : tuple of str
        Codes of the benchmark's challenge attributes.
    live : bool
        Whether the frames are captured while they are read, as from a camera.
    """

    name: str
    frames: Callable[[], Iterator[np.ndarray]]
    frame_count: int | None = None
    fps: float | None = None
    boxes: np.ndarray | None = None
    attributes: tuple[str, ...] = ()
    live: bool = False

    def __iter__(self) -> Iterator[np.ndarray]:
        return self.frames()

    def __len__(self) -> int:
        if self.frame_count is None:
            raise TypeError(f"{self.name}: the number of frames is not known; check frame_count before calling len()")
        return self.frame_count

    def __bool__(self) -> bool:
        return True

    @property
    def first_box(self) -> np.ndarray | None:
        """Ground-truth box of the first frame, shape (4,); None if it is unknown."""
        if self.boxes is None or np.isnan(self.boxes[0]).any():
            return None
        return self.boxes[0].copy()


def image_sequence(name: str, paths: Collection[FilePath], **known: Any) -> Sequence:
    """Make a sequence from image files.

    Parameters
    ----------
    name : str
        Name of the sequence.
    paths : list of path-like
        One file per frame, in order.
    **known
        Further attributes of the `Sequence`, such as ``boxes``.

    Returns
    -------
    Sequence
        The sequence; the files are read while iterating.
    """
    paths = list(paths)
    return Sequence(name, lambda: read_images(paths), len(paths), **known)


def starting_at(sequence: Sequence, start: int) -> Sequence:
    """Leave out the first frames of a sequence.

    Parameters
    ----------
    sequence : Sequence
        The sequence.
    start : int
        Number of frames to leave out, 0 or more.

    Returns
    -------
    Sequence
        The sequence from that frame on, with the boxes of these frames; its
        frames count from 0 again.

    Raises
    ------
    InputError
        If the sequence has no such frame: at once where its number of frames is
        known, or when it is iterated over.
    """
    if start == 0:
        return sequence
    count = sequence.frame_count

    def refusal(count):
        return InputError(f"{sequence.name}: expected a frame from 0 to {count - 1} to start at, got {start}")

    def frames():
        k = -1
        for k, frame in enumerate(sequence):
            if k >= start:
                yield frame
        if k < start:
            raise refusal(k + 1)

    if start < 0 or (count is not None and start >= count):
        raise refusal(count or 1)
    boxes = None if sequence.boxes is None else sequence.boxes[start:]
    left = None if count is None else count - start
    return Sequence(sequence.name, frames, left, sequence.fps, boxes, sequence.attributes, sequence.live)
