"""Frames from image files, video files and cameras, as a `Sequence`.

A frame is a uint8 array of shape (H, W, 3) with the channels R, G, B; gray
images have three equal channels. Frames are read one at a time as they are
needed, so a long video takes no more memory than a short one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ..errors import InputError
from ..files import openable, printable

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..aliases import FilePath

__all__ = ["Sequence", "camera_sequence", "image_sequence", "read_image", "video_sequence"]

#: More cameras than any machine has.
_CAMERAS = 100


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


def read_image(path: FilePath) -> np.ndarray:
    """Read an image file.

    Parameters
    ----------
    path : path-like
        File in any format that OpenCV decodes.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        The image, with the channels R, G, B.

    Raises
    ------
    InputError
        If the file cannot be read or decoded, or is a truncated JPEG.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: expected an image, but it cannot be read ({reason})") from None
    # OpenCV fills the missing part of a truncated JPEG with gray, and only warns on stderr
    truncated = data.startswith(b"\xff\xd8") and _is_truncated(data)
    try:
        image = None if truncated or not data else cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # the header declares more pixels than OpenCV accepts
        image = None
    if image is None:
        problem = "are truncated" if truncated else "cannot be decoded"
        raise InputError(f"{path}: expected an image, but its {len(data)} bytes {problem}; replace or remove the file")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _is_truncated(jpeg):
    """Whether a JPEG has no end-of-image marker after its start of scan; an embedded thumbnail has one before it."""
    position = 2
    while position + 4 <= len(jpeg) and jpeg[position] == 0xFF and jpeg[position + 1] != 0xDA:
        is_fill_byte = jpeg[position + 1] == 0xFF  # any number of these may precede a marker
        position += 1 if is_fill_byte else 2 + int.from_bytes(jpeg[position + 2 : position + 4], "big")
    return b"\xff\xd9" not in jpeg[position:]


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
    return Sequence(name, lambda: map(read_image, paths), len(paths), **known)


def video_sequence(path: FilePath) -> Sequence:
    """Make a sequence from a video file, using OpenCV.

    Parameters
    ----------
    path : path-like
        File in any format that OpenCV decodes.

    Returns
    -------
    Sequence
        The sequence. Its `frame_count` is the number given in the file, which
        some containers only estimate; None if the file gives no number.

    Raises
    ------
    InputError
        If not even one frame can be decoded. While iterating: if the video ends
        well before the number of frames given in the file.
    """
    path = Path(path)
    capture = _first_frame(
        path,
        f"{path}: expected a video that OpenCV can decode, got no frame from it; convert it "
        "(ffmpeg -i IN -c:v libx264 OUT.mp4) or give a folder of images",
    )
    fps = _reported(capture, cv2.CAP_PROP_FPS)
    count = _reported(capture, cv2.CAP_PROP_FRAME_COUNT)
    capture.release()
    count = count and int(count)
    return Sequence(printable(path.stem), partial(_video_frames, path, count, fps), count, fps)


def camera_sequence(index: int) -> Sequence:
    """Make an endless sequence from a camera.

    Parameters
    ----------
    index : int
        Index of the camera; 0 is the first one.

    Returns
    -------
    Sequence
        A live sequence without a `frame_count`.

    Raises
    ------
    InputError
        If the camera delivers no frame. While iterating: if it stops.
    """
    if not 0 <= index < _CAMERAS:  # OpenCV aborts the process for some indices outside this range
        raise InputError(f"camera {index:.0f}: expected an index from 0 to {_CAMERAS - 1}")
    problem = f"camera {index}: expected frames, got none; plug it in, or give another index or a video file"
    capture = _first_frame(index, problem)
    fps = _reported(capture, cv2.CAP_PROP_FPS)
    capture.release()
    return Sequence(f"camera-{index}", partial(_camera_frames, index, problem), None, fps, live=True)


def _reported(capture, prop):
    """A capture property, or None if it is not a positive number."""
    value = capture.get(prop)
    return value if np.isfinite(value) and value > 0 else None


def _capture(source):
    """Open the file or camera with a given path or index."""
    if isinstance(source, int):
        return cv2.VideoCapture(source)
    with openable(source) as path:
        return cv2.VideoCapture(path)


def _first_frame(source, problem):
    """Open a capture and read one frame, which is the only proof that it can be read."""
    capture = _capture(source)
    if not capture.isOpened() or not capture.read()[0]:
        capture.release()
        raise InputError(problem)
    return capture


def _captured(source):
    """Yield the frames of a capture, each with its time in seconds."""
    capture = _capture(source)
    try:
        while True:
            read, image = capture.read()
            if not read:
                return
            yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB), capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
    finally:
        capture.release()


def _camera_frames(index, problem):
    for frame, _ in _captured(index):
        yield frame
    raise InputError(problem)


def _video_frames(path, count, fps):
    read, last = 0, 0.0
    for frame, seconds in _captured(path):
        read, last = read + 1, seconds
        yield frame
    if count is None or fps is None or read >= count:
        return
    # The frame count in a file is often duration times rate, which is wrong where the rate varies or the audio is
    # longer than the picture. So the missing time decides: the video is incomplete if more than 5 % of it is missing
    # and at least two frames are; a missing second is always too much.
    missing = count / fps - last - last / max(read - 1, 1)
    if missing > min(max(0.05 * count / fps, 1.5 / fps), 1.0):
        raise InputError(
            f"{path}: expected {count} frames as given in the file, got {read}: it ends, or cannot be decoded, at "
            f"frame {read + 1}; repair it or cut it there"
        )
