"""Windows: drawing a box with the mouse, and watching a tracking run.

OpenCV ends the whole process if its window toolkit finds no display. Opening a window is therefore tried in a separate
process first.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

import cv2
import matplotlib
import numpy as np

from ..errors import InputError
from ..network.snapshot import take_snapshot
from ..palette import PALETTE
from .overlay import draw_text, scaled_overlay

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..network.snapshot import BranchSnapshot
    from ..sequences.frames import Sequence
    from .tracker import SiameseTracker

__all__ = ["LiveView", "draw_box", "require_window"]

_TRIAL = "import cv2; cv2.namedWindow('trial'); cv2.destroyAllWindows()"
_ESCAPE, _ENTER, _SPACE = 27, 13, 32
#: Minimum width, maximum width and maximum height of a shown frame, in pixels.
_LEAST_WIDTH, _MOST_WIDTH, _MOST_HEIGHT = 480, 1280, 720
_PANEL_HEIGHT = 150
_BACKGROUND, _INK = (24, 24, 24), (235, 235, 235)


def require_window(purpose: str, instead: str) -> None:
    """Check that a window can be opened.

    Parameters
    ----------
    purpose : str
        What needs the window, such as ``"--show"``, as the start of the message.
    instead : str
        What to do without a window, as the end of the message.

    Raises
    ------
    InputError
        If no window can be opened.
    """
    problem = _window_problem()
    if problem:
        raise InputError(f"{purpose} needs a window, but none can be opened ({problem}); {instead}")


@cache
def _window_problem():
    """Return why no window can be opened here, or None if one can."""
    displays = ("DISPLAY", "WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not any(map(os.environ.get, (*displays, "QT_QPA_PLATFORM"))):
        return "no display: neither DISPLAY nor WAYLAND_DISPLAY is set"
    try:
        done = subprocess.run([sys.executable, "-c", _TRIAL], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"opening one failed: {type(error).__name__}"
    if done.returncode == 0:
        return None
    if "not implemented" in done.stderr:
        return "this OpenCV was built without windows: pip uninstall opencv-python-headless, pip install opencv-python"
    return f"the display {next(filter(None, map(os.environ.get, displays)), '')!r} does not answer"


def draw_box(sequence: Sequence) -> tuple[np.ndarray, Sequence]:
    """Let the user draw the object's box in the first frame.

    A camera is shown live until a key freezes the frame to draw in; tracking then starts from that frame.

    Parameters
    ----------
    sequence : Sequence
        The frames, from `open_sequence`.

    Returns
    -------
    box : ndarray of float, shape (4,)
        x, y, w, h in pixels of the source, zero-based.
    sequence : Sequence
        The sequence from the frame with the box onwards. That of a camera can be iterated over only once.

    Raises
    ------
    InputError
        If no box was drawn.
    """
    window = f"{sequence.name}: the object"
    refusal = InputError(
        f"{sequence.name}: no box was drawn; draw one with the mouse and press Enter, or give it with --init x,y,w,h"
    )
    frames = iter(sequence)
    frame = next(frames)
    _open(window)
    try:
        while sequence.live:
            cv2.imshow(window, _bgr(scaled_overlay(frame, _factor(frame), text="Space: freeze and draw the box")))
            key = cv2.waitKey(1) & 0xFF
            if key in (_SPACE, _ENTER):
                break
            if _ended(key, window):
                raise refusal
            frame = next(frames)
        factor = _factor(frame)
        picture = scaled_overlay(frame, factor, text="drag a box around the object, then Enter (c: none)")
        drawn = cv2.selectROI(window, _bgr(picture), False, False)
    finally:
        cv2.destroyAllWindows()
    if not (drawn[2] > 0 and drawn[3] > 0):
        raise refusal
    if sequence.live:
        sequence = replace(sequence, frames=lambda: chain([frame], frames))
    return np.array(drawn) / factor, sequence


class LiveView:
    """A window that shows every frame with its box, response map and spikes.

    It is a watcher for `tracking.run.track`, and a context manager that closes the window at its end. Q, Esc and
    closing the window end the run.

    Parameters
    ----------
    name : str
        Name of the sequence, for the title.
    """

    def __init__(self, name: str) -> None:
        self._window = f"{name} (q ends)"

    def __enter__(self) -> LiveView:
        _open(self._window)
        return self

    def __exit__(self, *exception: object) -> None:
        cv2.destroyAllWindows()

    def __call__(
        self, k: int, frame: np.ndarray, box: npt.ArrayLike, tracker: SiameseTracker, truth: npt.ArrayLike | None
    ) -> bool:
        """Show a frame.

        Parameters
        ----------
        k : int
            Number of the frame, counted from 0.
        frame : ndarray, shape (H, W, 3), uint8
            The frame, RGB.
        box : array_like, shape (4,)
            The tracked box x, y, w, h, in pixels, zero-based.
        tracker : SiameseTracker
            The tracker, with the response map of this frame.
        truth : array_like, shape (4,), or None
            The true box; None if it is not known.

        Returns
        -------
        bool
            Whether the user ended the run.
        """
        picture = scaled_overlay(frame, _factor(frame), box, truth, f"frame {k}", tracker.response)
        if k > 0 and hasattr(tracker.matcher, "search_branch"):
            activity = draw_activity(take_snapshot(tracker.matcher.search_branch), picture.shape[1])
            picture = np.concatenate([picture, activity])
        cv2.imshow(self._window, _bgr(picture))
        return _ended(cv2.waitKey(1) & 0xFF, self._window)


def draw_activity(activity: BranchSnapshot, width: int, height: int = _PANEL_HEIGHT) -> np.ndarray:
    """Draw a raster of the last layer, with time to the right, and beside it the firing rates of all layers.

    Parameters
    ----------
    activity : BranchSnapshot
        Raster and firing rates, from `take_snapshot`.
    width : int
        Width of the picture, in pixels.
    height : int
        Height of the picture, in pixels; 150 by default.

    Returns
    -------
    ndarray, shape (height, width, 3), uint8
        The picture, RGB.
    """
    panel = np.full((height, width, 3), _BACKGROUND, np.uint8)
    left, top, gap = 8, 26, 12
    split = width // 2
    draw_text(panel, f"{activity.layer}: spikes of {len(activity.neurons)} neurons", left, top - 4, _INK)
    room = split - left - gap, height - top - 8
    # a step is several pixels wide, and neurons share a row of pixels: its brightness shows the fraction that fired
    density = cv2.resize(
        activity.raster.T.astype(np.float32), (len(activity.raster), room[1]), interpolation=cv2.INTER_AREA
    )
    density = cv2.resize(np.sqrt(density), room, interpolation=cv2.INTER_NEAREST)[..., None]
    colours = [tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in PALETTE]
    panel[top : top + room[1], left : left + room[0]] = (1 - density) * 40 + density * np.array(_INK)
    draw_text(panel, "firing rate, % of steps", split, top - 4, _INK)
    pitch = room[1] / len(activity.rates)
    bar = split + 70, width - split - 70 - 60
    for row, (name, rate) in enumerate(activity.rates.items()):
        y = round(top + pitch * row)
        end = bar[0] + round(bar[1] * min(rate / 0.25, 1))  # a rate of 25% fills the row
        panel[y + 2 : round(top + pitch * (row + 1)) - 2, bar[0] : end] = colours[row % (len(colours) - 1)]
        draw_text(panel, name, split, round(top + pitch * (row + 1)), _INK)
        draw_text(panel, f"{100 * rate:.1f}", end + 4, round(top + pitch * (row + 1)), _INK)
    return panel


def _open(window):
    # OpenCV's wheels point Qt to a font folder that they do not contain, and Qt prints long warnings about it
    if not os.path.isdir(os.environ.get("QT_QPA_FONTDIR", os.curdir)):
        os.environ["QT_QPA_FONTDIR"] = os.path.join(matplotlib.get_data_path(), "fonts", "ttf")
    cv2.namedWindow(window, cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)


def _ended(key, window):
    return key in (ord("q"), ord("Q"), _ESCAPE) or cv2.getWindowProperty(window, cv2.WND_PROP_VISIBLE) < 1


def _factor(frame):
    height, width = frame.shape[:2]
    return min(max(1.0, _LEAST_WIDTH / width), _MOST_WIDTH / width, _MOST_HEIGHT / height)


def _bgr(picture):
    return cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
