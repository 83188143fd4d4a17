"""The folder that a tracking run fills: what has its final name there is finished.

A run writes ``boxes.unfinished.csv``, a line a frame as soon as it is known, and
``tracked.unfinished.mp4``. They become ``boxes.csv`` and ``tracked.mp4`` once the
run is over, and ``summary.json`` is written last. So a run that is killed leaves
the files of an earlier one as they were, and its own boxes beside them.
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
    from .tracker import SiameseTracker

__all__ = ["OutputError", "RunFolder"]

_BOXES, _VIDEO = ("boxes.unfinished.csv", "boxes.csv"), ("tracked.unfinished.mp4", "tracked.mp4")


class OutputError(InputError):
    """The output cannot be written: tracking on would be in vain."""


class RunFolder:
    """``boxes.csv`` and ``tracked.mp4``, as a context manager.

    Nothing is touched before the first `add`: a run that cannot start
    leaves an earlier one's files alone. One run at a time writes to a folder.

    Parameters
    ----------
    folder : path or None
        Made if it is not there; with None nothing is written.
    fps : float
        Frame rate of the video.
    video : bool
        Whether there is one.
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
            for unfinished, _ in (_BOXES, _VIDEO):  # nothing but the box that was given
                with suppress(OSError):
                    (self._folder / unfinished).unlink()
        if self._lock is not None:
            self._lock.release()

    def add(
        self, k: int, frame: np.ndarray, box: npt.ArrayLike, tracker: SiameseTracker, truth: npt.ArrayLike | None
    ) -> None:
        """Write what became of frame ``k``.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        if not self._wanted:
            return
        with self._named():
            boxes = self._boxes or self._open()
            boxes.write(f"{k},{','.join(f'{value:.4f}' for value in np.ravel(box))},{tracker.score:.6g}\n")
            boxes.flush()
        if self._video is not None:
            self._video.write(draw_overlay(frame, box, truth, f"frame {k}", tracker.response))
        self._rows += 1

    def finish(self) -> None:
        """Give the files their names; what an earlier run left under these is replaced.

        Raises
        ------
        OutputError
            If they are not whole.
        """
        if self._boxes is None:
            return
        with self._named():
            os.fsync(self._boxes.fileno())
            self._boxes.close()
            if self._video is not None:
                self._video.close()
            # from here to the new summary there is none: boxes and video are never another run's than it says
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
                f"{self._folder}: another run is writing there; wait for it, or give --output another folder"
            ) from None
        self._lock = lock
        boxes = self._boxes = open(self._folder / _BOXES[0], "w", encoding="utf-8", newline="")
        boxes.write("frame,x,y,w,h,score\n")
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
                what = "a file of that name is there" if isinstance(error, FileExistsError) else error.strerror
                reason = f"{self._folder}: cannot be written to ({what}); make room, or give --output another folder"
            raise OutputError(f"{reason}. {kept}, and what a finished run left there before is unchanged") from None
