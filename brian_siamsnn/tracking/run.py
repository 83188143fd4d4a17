"""One object through a whole sequence, with everything that is worth keeping on disk.

What is finished is kept: boxes are written frame by frame, and if a frame
cannot be read the video and the summary of what came before it are completed
(see `run_folder`).
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
    from .tracker import SiameseTracker

__all__ = ["TrackingResult", "known_box", "track"]

#: Frame rate of the written video where the source has none.
DEFAULT_FPS = 25.0


@dataclass(frozen=True)
class TrackingResult:
    """What a tracker did on a sequence.

    Attributes
    ----------
    boxes : ndarray, shape (N, 4)
        x, y, w, h, zero-based; the first is the one that was given.
    scores : ndarray, shape (N,)
        Highest response in each frame; NaN in the first.
    seconds : float
        Spent in the tracker, without reading and writing.
    metrics : dict
        ``mean_iou``, ``auc`` and ``precision20`` where there is ground truth.
    stopped : str or None
        Why it ended before the sequence did.
    """

    boxes: np.ndarray
    scores: np.ndarray
    seconds: float
    metrics: dict[str, float]
    stopped: str | None = None

    @property
    def fps(self) -> float | None:
        """Frames a second in the tracker; the first frame has no search and does not count."""
        return (len(self.boxes) - 1) / self.seconds if self.seconds > 0 and len(self.boxes) > 1 else None


def track(
    sequence: Sequence,
    tracker: SiameseTracker,
    first_box: npt.ArrayLike | None = None,
    frames: int | None = None,
    output: FilePath | None = None,
    progress: Callable[..., Any] | None = None,
    video: bool = True,
    watchers: Iterable[Callable[..., Any]] = (),
) -> TrackingResult:
    """Track one object.

    Parameters
    ----------
    sequence : Sequence
        Of `open_sequence`.
    tracker : SiameseTracker
    first_box : sequence of 4 float, optional
        x, y, w, h in the first frame, zero-based; by default the sequence's own.
    frames : int, optional
        Stop after so many; all by default.
    output : path, optional
        Folder for ``boxes.csv`` and ``tracked.mp4``; made if it is not there.
    progress : callable, optional
        Called after each frame.
    video : bool
        Whether ``tracked.mp4`` is written.
    watchers : sequence of callable
        Each is called as ``watcher(k, frame, box, tracker, truth)`` with what became of every frame, ``truth`` being
        None where no box is known; one that returns True ends the run after this frame.

    Returns
    -------
    TrackingResult
        Complete up to the frame that could not be read, if there is one;
        ``stopped`` then says why.

    Raises
    ------
    InputError
        If there is no first box, or it is none, or not even the first frame
        can be read, or the output cannot be written.
    """
    first_box = known_box(sequence, first_box)
    boxes: list[np.ndarray] = []
    scores: list[float] = []
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
                    raise InputError(
                        f"{sequence.name}: expected frames of {shape[1]} x {shape[0]} pixels as the first "
                        f"one, got {frame.shape[1]} x {frame.shape[0]} in frame {k}; "
                        "resize them, or track each part by itself"
                    )
                else:
                    box = tracker.update(frame)
                    seconds += time.perf_counter() - began
                truth = sequence.boxes[k] if sequence.boxes is not None and k < len(sequence.boxes) else None
                folder.add(k, frame, box, tracker, truth)
                boxes.append(np.array(box, float))
                scores.append(tracker.score)
                if progress is not None:
                    progress()
                # all of them see the last frame too
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
    return TrackingResult(tracked, np.array(scores), seconds, metrics, stopped)


def known_box(sequence: Sequence, first_box: npt.ArrayLike | None = None) -> np.ndarray:
    """The box that was given, or the sequence's own of its first frame.

    Raises
    ------
    InputError
        If neither is there, or the box is none.
    """
    if first_box is None:
        first_box = sequence.first_box
    if first_box is None:
        raise InputError(f"{sequence.name}: no box is known for its first frame; give it with --init x,y,w,h")
    return checked_box(first_box)
