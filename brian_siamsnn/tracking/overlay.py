"""Drawing boxes, a caption and the response map into a frame, and writing frames to a video.

The colours orange and sky blue are from the palette of Okabe and Ito (2008), which people with any colour vision can
tell apart. The true box is also dashed. Both boxes have a dark edge, so they are visible on bright and dark frames.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..errors import InputError
from ..files import openable

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..aliases import FilePath

__all__ = ["TRACKED_COLOUR", "TRUTH_COLOUR", "VideoWriter", "draw_overlay", "draw_text", "scaled_overlay"]

#: RGB colours of the tracked and the true box.
TRACKED_COLOUR = (230, 159, 0)
TRUTH_COLOUR = (86, 180, 233)
_EDGE = (20, 20, 20)
_WHITE = (255, 255, 255)
_DASH = 6
_MARGIN = 6
_COMMON_FPS = 25.0


def draw_overlay(
    frame: np.ndarray,
    box: npt.ArrayLike | None = None,
    truth: npt.ArrayLike | None = None,
    text: str = "",
    response: npt.ArrayLike | None = None,
) -> np.ndarray:
    """Draw boxes, a caption and a response map onto a copy of a frame.

    Parameters
    ----------
    frame : ndarray, shape (H, W, 3), uint8
        The frame, RGB.
    box : array_like, shape (4,), optional
        The tracked box x, y, w, h, in pixels, zero-based. It is clipped to the frame; a NaN box is not drawn.
    truth : array_like, shape (4,), optional
        The true box, likewise.
    text : str
        Caption at the lower left, for example the frame number and the overlap; empty by default.
    response : array_like, shape (h, w), optional
        Response map, shown at the upper right. The colours of viridis range from its smallest to its largest value.

    Returns
    -------
    ndarray, shape (H, W, 3), uint8
        The new picture, RGB.
    """
    canvas = np.ascontiguousarray(frame).copy()
    if truth is not None:
        _draw_box(canvas, truth, TRUTH_COLOUR, dashed=True)
    if box is not None:
        _draw_box(canvas, box, TRACKED_COLOUR, dashed=False)
    if response is not None:
        _draw_response(canvas, np.asarray(response, dtype=float))
    names = [("tracked", TRACKED_COLOUR, box), ("truth", TRUTH_COLOUR, truth)]
    _draw_legend(canvas, [(name, colour) for name, colour, drawn in names if drawn is not None])
    if text:
        draw_text(canvas, text, _MARGIN, canvas.shape[0] - _MARGIN, _WHITE)
    return canvas


def scaled_overlay(
    frame: np.ndarray,
    factor: float,
    box: npt.ArrayLike | None = None,
    truth: npt.ArrayLike | None = None,
    text: str = "",
    response: np.ndarray | None = None,
) -> np.ndarray:
    """Resize a frame, then draw onto it as `draw_overlay` does, with lines and letters at their usual size.

    Parameters
    ----------
    frame : ndarray, shape (H, W, 3), uint8
        The frame before resizing, RGB.
    factor : float
        New size divided by old size.
    box : array_like, shape (4,), optional
        The tracked box x, y, w, h, in pixels of the frame before resizing, zero-based.
    truth : array_like, shape (4,), optional
        The true box, likewise.
    text : str
        Caption at the lower left, empty by default.
    response : ndarray, shape (h, w), optional
        Response map, shown at the upper right.

    Returns
    -------
    ndarray, shape (round(factor * H), round(factor * W), 3), uint8
        The new picture, RGB.
    """
    if factor != 1:
        size = [max(1, round(factor * side)) for side in frame.shape[1::-1]]
        frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    box, truth = (None if one is None else factor * np.asarray(one, dtype=float) for one in (box, truth))
    return draw_overlay(frame, box, truth, text, response)


class VideoWriter:
    """Writer of an MP4 file (MPEG-4 part 2), as a context manager.

    The first frame creates the file and sets the size of all frames. MPEG-4 has an even number of rows and columns: the
    last row or column of a frame with an odd number is written twice.

    Parameters
    ----------
    path : path-like
        File to write; an existing file is replaced.
    fps : float
        Frame rate, in frames per second; 25 by default.

    Raises
    ------
    InputError
        If the frame rate is not positive and finite.
    """

    def __init__(self, path: FilePath, fps: float = 25.0) -> None:
        if not 0 < fps < float("inf"):
            raise InputError(f"fps: expected a positive, finite number, got {fps}")
        self.path = Path(path)
        self.fps = fps
        self._writer: cv2.VideoWriter | None = None
        self._shape: tuple[int, ...] | None = None
        self._count = 0

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def write(self, frame: np.ndarray) -> None:
        """Add a frame.

        Parameters
        ----------
        frame : ndarray, shape (H, W, 3), uint8
            The frame, RGB.

        Raises
        ------
        InputError
            If the file cannot be written, or the frame differs in size from the first one.
        """
        writer = self._writer or self._open(frame)
        if frame.shape != self._shape:
            # OpenCV would drop it silently
            raise InputError(f"{self.path}: expected shape {self._shape} like the first frame, got {frame.shape}")
        height, width = frame.shape[:2]
        # OpenCV would leave the last row or column out
        even = cv2.copyMakeBorder(frame, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        writer.write(cv2.cvtColor(even, cv2.COLOR_RGB2BGR))
        self._count += 1

    def close(self) -> None:
        """Finish the file.

        Raises
        ------
        InputError
            If frames are missing from the file.
        """
        if self._writer is None:
            return
        self._writer.release()
        self._writer = None
        # OpenCV does not report failed writes; a truncated file has a frame count of zero, or a smaller one
        with openable(self.path) as path:
            capture = cv2.VideoCapture(path)
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
        capture.release()
        if count != self._count:
            raise InputError(
                f"{self.path}: expected a video of {self._count} frames, got {count}; check that the disk is not full"
            )

    def _open(self, frame):
        height, width = frame.shape[:2]
        # MPEG-4 divides a second into at most 65535 ticks: it can represent neither 240.1235 frames/s nor 90000
        for fps in (self.fps, round(self.fps), _COMMON_FPS):
            with openable(self.path) as path:
                writer = cv2.VideoWriter(
                    path, cv2.VideoWriter.fourcc(*"mp4v"), fps, (width + width % 2, height + height % 2)
                )
            if writer.isOpened():
                break
        else:
            video = f"an MP4 video of {width}x{height} pixels at {self.fps} frames/s"
            raise InputError(
                f"{self.path}: OpenCV cannot write {video} there; check that the folder exists and is writable, that "
                "the name ends in .mp4, and that frames have 2 to 8190 pixels per side"
            )
        self._writer, self._shape = writer, frame.shape
        return writer


def _draw_box(canvas, box, colour, dashed):
    box = np.asarray(box, dtype=float)
    if not np.isfinite(box).all():
        return
    height, width = canvas.shape[:2]
    # a corner at twice the frame size draws the same, and fits into OpenCV's integers
    reach = 2.0 * np.array([width, height])
    left, top = np.clip(np.rint(box[:2]), -reach, reach).astype(int).tolist()
    right, bottom = np.clip(np.rint(box[:2] + box[2:] - 1), -reach, reach).astype(int).tolist()
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    cv2.rectangle(canvas, corners[0], corners[2], _EDGE, 2 if dashed else 4)
    for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
        for first, last in _dashes(start, end) if dashed else [(start, end)]:
            cv2.line(canvas, first, last, colour, 2)


def _dashes(start, end):
    start, end = np.array(start), np.array(end)
    count = max(int(np.hypot(*(end - start)) / _DASH) // 2 * 2 + 1, 1)
    points = np.rint(np.linspace(start, end, count + 1)).astype(int).tolist()
    return list(zip(points[:-1:2], points[1::2], strict=True))


def draw_text(canvas: np.ndarray, text: str, left: int, bottom: int, colour: tuple[int, int, int]) -> None:
    """Write text on a dark background, in place.

    Parameters
    ----------
    canvas : ndarray, shape (H, W, 3), uint8
        The picture to write into, RGB.
    text : str
        One line of text.
    left : int
        Left edge of the background, in pixels.
    bottom : int
        Bottom edge of the background, in pixels.
    colour : tuple of 3 int
        RGB colour of the letters, 0 to 255.
    """
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.45
    (width, height), below = cv2.getTextSize(text, font, size, 1)
    # a dark outline would not fit, because OpenCV 5's letters become wider as they become thicker
    background = canvas[max(bottom - height - below, 0) : bottom, left : left + width + 4]
    background[:] = background // 3
    cv2.putText(canvas, text, (left + 2, bottom - below), font, size, colour, 1, cv2.LINE_AA)


def _draw_legend(canvas, entries):
    for row, (name, colour) in enumerate(entries):
        draw_text(canvas, name, _MARGIN, _MARGIN + 18 * (row + 1), colour)


def _draw_response(canvas, response):
    side = min(canvas.shape[:2]) // 4
    if not 1 <= side <= min(canvas.shape[:2]) - 2 * _MARGIN:
        return  # the frame is too small
    levels = (response - response.min()) / (np.ptp(response) or 1)
    levels = cv2.resize(np.rint(255 * levels).astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST)
    inset = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)
    left = canvas.shape[1] - side - _MARGIN
    canvas[_MARGIN : _MARGIN + side, left : left + side] = inset
    cv2.rectangle(canvas, (left - 1, _MARGIN - 1), (left + side, _MARGIN + side), _WHITE, 1)
