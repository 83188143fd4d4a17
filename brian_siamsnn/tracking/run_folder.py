"""The output folder of a tracking run: files with their final names are complete.

A run writes ``boxes.unfinished.csv``, one line after each frame, and ``tracked.unfinished.mp4``. They are renamed to
``boxes.csv`` and ``tracked.mp4`` when the run is over, and ``summary.json`` is written last. A run that is killed
therefore leaves the files of an earlier run unchanged, with its own boxes beside them.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock, Timeout

from ..errors import InputError
from .overlay import VideoWriter, draw_overlay

if TYPE_CHECKING:
    from typing import TextIO

    import numpy.typing as npt
    from filelock import BaseFileLock

    from ..aliases import FilePath
    from .region_tracker import RegionTracker
    from .tracker import SiameseTracker

__all__ = ["OutputError", "RunFolder"]

_BOXES, _VIDEO = ("boxes.unfinished.csv", "boxes.csv"), ("tracked.unfinished.mp4", "tracked.mp4")


class OutputError(InputError):
    """Raised if the output cannot be written; the run then ends.

    Parameters
    ----------
    message : str
        Text of the error.
    """


class RunFolder:
    """Writer of ``boxes.csv`` and ``tracked.mp4``, as a context manager.

    Nothing is written before the first `add`, so a run that cannot start leaves the files of an earlier run unchanged.
    A lock ensures that only one run at a time writes to a folder.

    Parameters
    ----------
    folder : path or None
        Output folder, created if necessary; with None nothing is written.
    fps : float
        Frame rate of the video, in frames per second.
    video : bool
        Whether to write a video.
    """

    def __init__(self, folder: FilePath | None, fps: float, video: bool) -> None:
        self._wanted, self._folder = folder is not None, Path(folder or ".")
        self._fps, self._filming = fps, video
        self._lock: BaseFileLock | None = None
        self._boxes: TextIO | None = None
        self._video: VideoWriter | None = None
        self._rows = 0

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *exception: object) -> None:
        for file in (self._boxes, self._video):
            with suppress(OSError, InputError):
                if file is not None:
                    file.close()
        if self._boxes is not None and self._rows < 2:
            for unfinished, _ in (_BOXES, _VIDEO):  # they hold at most the given box
                with suppress(OSError):
                    (self._folder / unfinished).unlink()
        if self._lock is not None:
            self._lock.release()

    def add(
        self,
        k: int,
        frame: np.ndarray,
        box: npt.ArrayLike,
        tracker: SiameseTracker | RegionTracker,
        truth: npt.ArrayLike | None,
    ) -> None:
        """Write the result of one frame.

        Parameters
        ----------
        k : int
            Number of the frame, counted from 0.
        frame : ndarray, shape (H, W, 3), uint8
            The frame, RGB.
        box : array_like, shape (4,)
            The tracked box x, y, w, h, in pixels, zero-based.
        tracker : SiameseTracker or RegionTracker
            The tracker, with the score and response map of this frame.
        truth : array_like, shape (4,), or None
            The true box; None if it is not known.

        Raises
        ------
        OutputError
            If the boxes cannot be written.
        """
        if not self._wanted:
            return
        with self._named():
            boxes = self._boxes or self._open()
            sides = ",".join(f"{value:.4f}" for value in np.ravel(box))
            boxes.write(f"{k},{sides},{tracker.score:.6g},{tracker.lost:d}\n")
            boxes.flush()
        if self._video is not None:
            caption = f"frame {k}, lost" if tracker.lost else f"frame {k}"
            self._video.write(draw_overlay(frame, box, truth, caption, tracker.response))
        self._rows += 1

    def finish(self) -> None:
        """Complete the files and give them their final names, replacing those of an earlier run.

        Raises
        ------
        OutputError
            If a file cannot be completed.
        """
        if self._boxes is None:
            return
        with self._named():
            os.fsync(self._boxes.fileno())
            self._boxes.close()
            if self._video is not None:
                self._video.close()
            # remove the old summary first: a summary never describes the boxes and video of another run
            for name in ("summary.json", "report.html"):
                (self._folder / name).unlink(missing_ok=True)
            os.replace(*(self._folder / name for name in _BOXES))
            if self._video is not None:
                os.replace(*(self._folder / name for name in _VIDEO))
            else:
                (self._folder / _VIDEO[1]).unlink(missing_ok=True)

    def _open(self):
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(self._folder / ".lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise InputError(
                f"{self._folder}: another run is writing there; wait for it, or choose another folder with --output"
            ) from None
        self._lock = lock
        boxes = self._boxes = open(self._folder / _BOXES[0], "w", encoding="utf-8", newline="")
        boxes.write("frame,x,y,w,h,score,lost\n")
        if self._filming:
            self._video = VideoWriter(self._folder / _VIDEO[0], self._fps)
        return boxes

    @contextmanager
    def _named(self):
        try:
            yield
        except (OSError, InputError) as error:
            if self._rows < 2:
                kept = "Nothing was written"
            else:
                kept = f"The {self._rows} frames so far are in {self._folder / _BOXES[0]}"
            reason = error
            if isinstance(error, OSError):
                what = "a file of that name exists" if isinstance(error, FileExistsError) else error.strerror
                advice = "free some space, or choose another folder with --output"
                reason = f"{self._folder}: the folder cannot be written to ({what}); {advice}"
            raise OutputError(f"{reason}. {kept}; earlier results there are unchanged") from None
