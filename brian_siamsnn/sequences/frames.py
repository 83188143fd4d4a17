"""Frames from image files, video files and cameras, as a `Sequence`.

A frame is uint8 of the shape (H, W, 3) in the order R, G, B; gray images have
their one channel three times.  Frames are read while they are asked for, so a
long video takes no more memory than a short one.
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

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..aliases import FilePath

#: More than any machine has.
_CAMERAS = 100

__all__ = ["Sequence", "camera_sequence", "image_sequence", "read_image", "video_sequence"]


@dataclass(eq=False)
class Sequence:
    """Frames in their order, with what is known of them.

    Iterating yields the frames; each iteration starts anew.  A frame that
    cannot be read raises `InputError` in its turn, after all before it.

    Attributes
    ----------
    name : str
        Name of the sequence, for tables and files.
    frames : callable
        Returns a new iterator over the frames.
    frame_count : int or None
        Number of frames; None where it is not known (a camera, a stream).
    fps : float or None
        Frames a second; None where it is not known (images).
    boxes : ndarray of shape (N, 4), or None
        True boxes x, y, w, h in pixels, the corner counted from zero, one a
        frame; NaN where the target is absent or its box unknown.
    attributes : tuple of str
        What makes the sequence hard, in the benchmark's codes.
    live : bool
        Whether it happens while it is read: a camera.
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
            raise TypeError(f"{self.name}: the number of frames is not known; see frame_count")
        return self.frame_count

    def __bool__(self) -> bool:
        return True

    @property
    def first_box(self) -> np.ndarray | None:
        """True box of the first frame, shape (4,); None where it is unknown."""
        if self.boxes is None or np.isnan(self.boxes[0]).any():
            return None
        return self.boxes[0].copy()


def read_image(path: FilePath) -> np.ndarray:
    """Read one image file.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    ndarray, shape (H, W, 3), uint8
        R, G, B.

    Raises
    ------
    InputError
        If the file cannot be read or decoded, or is a JPEG that breaks off.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: expected an image, but it cannot be read ({reason})") from None
    # OpenCV fills the rest of a truncated JPEG with gray and says so on stderr only
    broken_off = data.startswith(b"\xff\xd8") and _breaks_off(data)
    try:
        image = None if broken_off or not data else cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # it announces more pixels than OpenCV takes
        image = None
    if image is None:
        problem = "break off before their end" if broken_off else "cannot be decoded"
        raise InputError(f"{path}: expected an image, but its {len(data)} bytes {problem}; replace or remove the file")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _breaks_off(jpeg):
    """Whether a JPEG has no end of image after its start of scan; the thumbnail before that has an end of its own."""
    place = 2
    while place + 4 <= len(jpeg) and jpeg[place] == 0xFF and jpeg[place + 1] != 0xDA:
        filling = jpeg[place + 1] == 0xFF  # markers may be preceded by any number of these
        place += 1 if filling else 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big")
    return b"\xff\xd9" not in jpeg[place:]


def image_sequence(name: str, paths: Collection[FilePath], **known: Any) -> Sequence:
    """Sequence of image files.

    Parameters
    ----------
    name : str
    paths : list of path-like
        One file a frame, in their order.
    **known
        Further attributes of the `Sequence`.

    Returns
    -------
    Sequence
    """
    return Sequence(name, lambda: map(read_image, paths), len(paths), **known)


def video_sequence(path: FilePath) -> Sequence:
    """Sequence of a video file, by OpenCV.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Sequence
        Its `frame_count` is what the file announces, which is an estimate in
        some containers; None where it announces nothing.

    Raises
    ------
    InputError
        If not even one frame can be decoded.  While iterating: if the video
        ends clearly before the end that it announces.
    """
    path = Path(path)
    capture = _first_frame(
        str(path),
        f"{path}: expected a video that OpenCV can decode, got no frame from it; convert it "
        "(ffmpeg -i IN -c:v libx264 OUT.mp4) or give a folder of images",
    )
    fps, count = (_announced(capture, value) for value in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT))
    capture.release()
    count = count and int(count)
    return Sequence(path.stem, partial(_video_frames, path, count, fps), count, fps)


def camera_sequence(index: int) -> Sequence:
    """Sequence of a camera, without end.

    Parameters
    ----------
    index : int
        Number of the camera, 0 the first.

    Returns
    -------
    Sequence

    Raises
    ------
    InputError
        If the camera gives no frame.  While iterating: if it stops.
    """
    if not 0 <= index < _CAMERAS:  # OpenCV ends the process at some of the others
        raise InputError(f"camera {index:.0f}: expected its index, from 0 to {_CAMERAS - 1}")
    problem = f"camera {index}: expected frames, got none; plug it in, or give another index or a video file"
    capture = _first_frame(index, problem)
    fps = _announced(capture, cv2.CAP_PROP_FPS)
    capture.release()
    return Sequence(f"camera-{index}", partial(_camera_frames, index, problem), None, fps, live=True)


def _announced(capture, what):
    """A positive number that a capture announces, or None."""
    value = capture.get(what)
    return value if np.isfinite(value) and value > 0 else None


def _first_frame(source, problem):
    """Open a capture and take a frame from it, for only that proves that it can be read."""
    capture = cv2.VideoCapture(source)
    if not capture.isOpened() or not capture.read()[0]:
        capture.release()
        raise InputError(problem)
    return capture


def _captured(source):
    """Yield the frames of a capture, each with its time in seconds."""
    capture = cv2.VideoCapture(source)
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
    for frame, seconds in _captured(str(path)):
        read, last = read + 1, seconds
        yield frame
    if count is None or fps is None or read >= count:
        return
    # Announced counts are often duration times rate: off where the rate varies or the sound lasts longer than
    # the picture.  So the time that is missing decides: 5 % of the video, at least two frames, at most a second.
    missing = count / fps - last - last / max(read - 1, 1)
    if missing > min(max(0.05 * count / fps, 1.5 / fps), 1.0):
        raise InputError(
            f"{path}: expected {count} frames as the file announces, got {read}: it ends, or cannot be decoded, "
            f"at frame {read + 1}; repair it or cut it there"
        )
