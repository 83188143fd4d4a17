"""Videos, streams and cameras, decoded by OpenCV."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import cv2
import numpy as np

from ..errors import InputError
from ..files import openable, printable
from .containers import is_cut_matroska, states_frame_count
from .frames import Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..aliases import FilePath

__all__ = ["camera_sequence", "is_stream", "pipe_sequence", "public_address", "stream_sequence", "video_sequence"]

#: More cameras than any machine has.
_CAMERAS = 100

#: FFmpeg's name of the standard input.
_STANDARD_INPUT = "pipe:0"


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
        well before the number of frames that the file states, or the file is
        cut.
    """
    path = Path(path)
    capture, _ = _first_frame(
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
    capture, _ = _first_frame(index, problem)
    fps = _reported(capture, cv2.CAP_PROP_FPS)
    capture.release()
    return Sequence(f"camera-{index}", partial(_camera_frames, index, problem), None, fps, live=True)


def is_stream(source: str) -> bool:
    """Whether a source is the address of a stream, such as ``rtsp://camera/1`` or ``http://host/video.mp4``.

    Parameters
    ----------
    source : str
        Text of a source.

    Returns
    -------
    bool
        True if it begins with a protocol.
    """
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", source) is not None


def public_address(source: str) -> str:
    """Address of a stream without user name and password, for messages and files.

    Parameters
    ----------
    source : str
        Text of a source.

    Returns
    -------
    str
        The address; any other source unchanged.
    """
    return re.sub(r"^([A-Za-z][A-Za-z0-9+.-]+://)[^/]*@", r"\1", source)


def stream_sequence(address: str) -> Sequence:
    """Make a sequence from the address of a stream, which FFmpeg opens.

    Parameters
    ----------
    address : str
        Such as ``rtsp://user:password@camera/1``.

    Returns
    -------
    Sequence
        A live sequence, named after the last part of the address, which ends
        when the stream does and can be iterated over once.

    Raises
    ------
    InputError
        If no frame is received.
    """
    public = public_address(address)
    parts = urlsplit(public)
    name = Path(parts.path).stem or parts.netloc or "stream"
    problem = f"{public}: expected a stream that FFmpeg can open, got no frame from it; check address and network"
    return _once(address, name, problem, f"{public}: a stream can be read only once; open it again")


def pipe_sequence(path: FilePath | None = None) -> Sequence:
    """Make a sequence from the standard input, or from a named pipe.

    Parameters
    ----------
    path : path-like, optional
        The pipe; the standard input by default.

    Returns
    -------
    Sequence
        A live sequence without a `frame_count`, which can be iterated over
        once.

    Raises
    ------
    InputError
        If no frame can be decoded. While iterating a second time.
    """
    name = "standard input" if path is None else str(path)
    problem = f"{name}: expected a video that OpenCV can decode from a pipe, such as Matroska or MPEG-TS, got no frame"
    stem = "stdin" if path is None else printable(Path(path).stem)
    again = f"{name}: a pipe can be read only once; save it to a file"
    return _once(_STANDARD_INPUT if path is None else Path(path), stem, problem, again)


def _once(source, name, problem, again):
    """Make a sequence of a source that cannot be opened twice."""
    capture, first = _first_frame(source, problem)
    frames = _rest(capture, first)
    opened: list[bool] = []

    def iterate() -> Iterator[np.ndarray]:
        if opened:
            raise InputError(again)
        opened.append(True)
        return frames

    return Sequence(name, iterate, None, _reported(capture, cv2.CAP_PROP_FPS), live=True)


def _rest(capture, frame):
    """Yield the frames of a capture from one on that was read already."""
    try:
        while frame is not None:
            yield frame
            frame = _read(capture)
    finally:
        capture.release()


def _read(capture):
    """The next frame of a capture, R, G, B; None if there is none."""
    read, image = capture.read()
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if read else None


def _reported(capture, prop):
    """A capture property, or None if it is not a positive number."""
    value = capture.get(prop)
    return value if np.isfinite(value) and value > 0 else None


def _capture(source):
    """Open the file, address or camera with a given path, text or index."""
    if isinstance(source, Path):
        with openable(source) as path:
            return cv2.VideoCapture(path)
    return cv2.VideoCapture(source)


def _first_frame(source, problem):
    """Open a capture and read one frame, which is the only proof that it can be read."""
    capture = _capture(source)
    frame = _read(capture) if capture.isOpened() else None
    if frame is None:
        capture.release()
        raise InputError(problem)
    return capture, frame


def _captured(source):
    """Yield the frames of a capture, each with its time in seconds."""
    capture = _capture(source)
    try:
        while (frame := _read(capture)) is not None:
            yield frame, capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
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
    # where the count is an estimate, the sound may be longer than the picture
    if not states_frame_count(path) and not is_cut_matroska(path):
        return
    # The missing time decides, because the rate of some videos varies: the video is incomplete if more than 5 % of it
    # is missing and at least two frames are; a missing second is always too much.
    missing = count / fps - last - last / max(read - 1, 1)
    if missing > min(max(0.05 * count / fps, 1.5 / fps), 1.0):
        raise InputError(
            f"{path}: expected {count} frames as given in the file, got {read}: it ends, or cannot be decoded, at "
            f"frame {read + 1}; repair it or cut it there"
        )
