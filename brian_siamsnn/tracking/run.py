"""Tracking one object through a whole sequence, with boxes and video written to a folder.

Boxes are written frame by frame. If a frame cannot be read, the run ends there, and its boxes and video are still
completed (see `run_folder`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..crops import checked_box
from ..errors import InputError
from ..metrics import score
from .run_folder import OutputError, RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt

    from ..aliases import FilePath
    from ..sequences.frames import Sequence
    from .region_tracker import RegionTracker
    from .tracker import SiameseTracker

__all__ = ["TrackingResult", "known_box", "track"]

#: Frame rate of the written video if the source has none.
DEFAULT_FPS = 25.0


@dataclass(frozen=True)
class TrackingResult:
    """The result of tracking a sequence.

    Attributes
    ----------
    boxes : ndarray, shape (N, 4)
        x, y, w, h in pixels, zero-based; the first one is the given box.
    scores : ndarray, shape (N,)
        Highest response in each frame; NaN in the first frame.
    lost : ndarray of bool, shape (N,)
        Whether the target seems to be gone, see `SiameseTracker`.
    seconds : float
        Time spent in the tracker, without reading and writing.
    metrics : dict of str to float
        ``mean_iou``, ``auc`` and ``precision20`` if there is ground truth, otherwise empty.
    stopped : str or None
        Why the run ended early; None if it did not.
    """

    boxes: np.ndarray
    scores: np.ndarray
    lost: np.ndarray
    seconds: float
    metrics: dict[str, float]
    stopped: str | None = None

    @property
    def fps(self) -> float | None:
        """Frames per second in the tracker, not counting the first frame; None if there is no other."""
        return (len(self.boxes) - 1) / self.seconds if self.seconds > 0 and len(self.boxes) > 1 else None


def track(
    sequence: Sequence,
    tracker: SiameseTracker | RegionTracker,
    first_box: npt.ArrayLike | None = None,
    frames: int | None = None,
    output: FilePath | None = None,
    progress: Callable[..., Any] | None = None,
    video: bool = True,
    watchers: Iterable[Callable[..., Any]] = (),
) -> TrackingResult:
    """Track one object through a sequence.

    Parameters
    ----------
    sequence : Sequence
        The frames, from `open_sequence`.
    tracker : SiameseTracker or RegionTracker
        The tracker to use; it is initialised with the first frame.
    first_box : array_like, shape (4,), optional
        x, y, w, h in the first frame, in pixels, zero-based; by default the sequence's own first box.
    frames : int, optional
        Number of frames to track; all by default.
    output : path, optional
        Folder for ``boxes.csv`` and ``tracked.mp4``, created if necessary; by default nothing is written.
    progress : callable, optional
        Called without arguments after each frame.
    video : bool
        Whether to write ``tracked.mp4``, True by default.
    watchers : iterable of callable
        Each one is called after every frame as ``watcher(k, frame, box, tracker, truth)``, where ``truth`` is None if
        no true box is known. The run ends after a frame for which a watcher returns True.

    Returns
    -------
    TrackingResult
        Boxes, scores, flags and metrics. If a frame cannot be read, the result has all frames before it, and
        ``stopped`` says why.

    Raises
    ------
    InputError
        If there is no valid first box, the first frame cannot be read, or the output cannot be written.
    """
    first_box = known_box(sequence, first_box)
    boxes: list[np.ndarray] = []
    scores: list[float] = []
    lost: list[bool] = []
    seconds, stopped = 0.0, None
    shape: tuple[int, ...] = ()
    with RunFolder(output, sequence.fps or DEFAULT_FPS, video) as folder:
        try:
            for k, frame in enumerate(sequence):
                began = time.perf_counter()
                if k == 0:
                    tracker.init(frame, first_box)
                    box, shape = first_box, frame.shape
                elif frame.shape != shape:
                    expected, got = (f"{width} x {height}" for height, width, *_ in (shape, frame.shape))
                    raise InputError(
                        f"{sequence.name}: expected frames of {expected} pixels like the first one, got {got} in frame "
                        f"{k}; resize the frames, or track each part separately"
                    )
                else:
                    box = tracker.update(frame)
                    seconds += time.perf_counter() - began
                truth = sequence.boxes[k] if sequence.boxes is not None and k < len(sequence.boxes) else None
                folder.add(k, frame, box, tracker, truth)
                boxes.append(np.array(box, float))
                scores.append(tracker.score)
                lost.append(tracker.lost)
                if progress is not None:
                    progress()
                # a list, so that every watcher sees the last frame
                if any([watch(k, frame, box, tracker, truth) for watch in watchers]) or k + 1 == frames:
                    break
        except OutputError:
            raise
        except InputError as error:
            if not boxes:
                raise
            stopped = str(error)
        except KeyboardInterrupt:
            if not boxes:
                raise
            stopped = "interrupted"
        folder.finish()
    tracked, metrics = np.array(boxes), {}
    if sequence.boxes is not None and np.isfinite(sequence.boxes[: len(boxes)]).all(1).sum() > 1:
        scored = score(tracked, sequence.boxes[: len(boxes)])
        metrics = {key: value for key, value in scored.items() if key != "frames"}
    return TrackingResult(tracked, np.array(scores), np.array(lost), seconds, metrics, stopped)


def known_box(sequence: Sequence, first_box: npt.ArrayLike | None = None) -> np.ndarray:
    """Choose the box of the first frame: the given one, or the sequence's own.

    Parameters
    ----------
    sequence : Sequence
        The sequence, with or without ground truth.
    first_box : array_like, shape (4,), optional
        The given box x, y, w, h, in pixels, zero-based; by default the sequence's own first box.

    Returns
    -------
    ndarray of float, shape (4,)
        The box.

    Raises
    ------
    InputError
        If there is no box, or it is invalid.
    """
    if first_box is None:
        first_box = sequence.first_box
    if first_box is None:
        raise InputError(f"{sequence.name}: no box is known for its first frame; give it with --init x,y,w,h")
    return checked_box(first_box)
