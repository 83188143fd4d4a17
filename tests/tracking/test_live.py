"""Live windows, with OpenCV's window functions replaced."""

import functools
import json
import sys

import cv2
import numpy as np
import pytest

from brian_siamsnn.palette import BLUE
from brian_siamsnn.sequences.frames import Sequence
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from brian_siamsnn.tracking import live
from brian_siamsnn.tracking.overlay import TRACKED_COLOUR
from tests.helpers.commands import boxes_of, command
from tests.helpers.messages import assert_names, last_error, refused
from tests.helpers.opencv import Camera
from tests.helpers.pictures import rgb

window_problem = live._window_problem  # before conftest replaces it
FAST = ["--steps", 5, "--scales", 1]


class Windows:
    """OpenCV's windows without a display: stores the shown images and presses keys."""

    def __init__(self, monkeypatch, keys=(), drawn=(0, 0, 0, 0), visible=1.0):
        self.shown, self.keys, self.drawn, self.visible, self.open = [], list(keys), drawn, visible, set()
        monkeypatch.setattr(live, "_window_problem", lambda: None)
        replaced = {
            "namedWindow": lambda name, flags: self.open.add(name),
            "imshow": self._show,
            "waitKey": self._key,
            "selectROI": self._select,
            "getWindowProperty": lambda name, what: self.visible,
            "destroyAllWindows": self.open.clear,
        }
        for name, function in replaced.items():
            monkeypatch.setattr(cv2, name, function)

    def _show(self, name, picture):
        assert name in self.open
        self.shown.append(picture[..., ::-1])

    def _key(self, milliseconds):
        return self.keys.pop(0) if self.keys else -1

    def _select(self, name, picture, cross, centre):
        self._show(name, picture)
        return self.drawn


@pytest.fixture
def windows(monkeypatch):
    """A function that replaces OpenCV's windows with `Windows`, given its keys and the drawn box."""
    return functools.partial(Windows, monkeypatch)


def numbered(count, shape=(240, 320, 3), **known):
    """Frame k has the gray level k."""
    return Sequence("numbered", lambda: (np.full(shape, k, np.uint8) for k in range(count)), **known)


def has_colour(picture, colour):
    return (picture == colour).all(-1).any()


# drawing a box


def test_a_drawn_box_is_in_frame_pixels(windows):
    # 240 pixels are shown as 480: columns 20 to 79 and rows 40 to 119 of the window are 10 to 39 and 20 to 59
    screen = windows(drawn=(20, 40, 60, 80))
    box, sequence = live.draw_box(numbered(3, (180, 240, 3), frame_count=3))
    assert screen.shown[0].shape == (360, 480, 3)
    assert box.tolist() == [10, 20, 30, 40]
    assert [frame[0, 0, 0] for frame in sequence] == [0, 1, 2]
    assert not screen.open


def test_a_large_frame_is_fitted_to_the_screen(windows):
    screen = windows(drawn=(1, 2, 3, 4))
    box, _ = live.draw_box(numbered(1, (2160, 3840, 3)))
    assert screen.shown[0].shape == (720, 1280, 3)
    assert box.tolist() == [3, 6, 9, 12]


def test_drawing_no_box_is_an_error_with_instructions(windows):
    screen = windows()
    with refused("numbered", "--init x,y,w,h"):
        live.draw_box(numbered(3))
    assert not screen.open


def test_a_camera_is_shown_until_a_key_press_and_tracking_starts_with_the_frozen_frame(windows):
    screen = windows(keys=[-1, -1, ord(" ")], drawn=(5, 5, 10, 10))
    _, sequence = live.draw_box(numbered(6, live=True))
    assert len(screen.shown) == 4  # three from the camera, and one to draw in
    assert [frame[0, 0, 0] for frame in sequence] == [2, 3, 4, 5]


def test_a_camera_can_be_left_before_a_box_is_drawn(windows):
    screen = windows(keys=[-1, ord("q")])
    with refused("numbered", "--init x,y,w,h"):
        live.draw_box(numbered(6, live=True))
    assert not screen.open


# machines without a display


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--frames", 3], ["no display", "--init"]),
        (["--init", "5,5,20,20", "--show"], ["--show", "no display"]),
    ],
)
def test_nothing_starts_without_a_display(arguments, named, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(live, "_window_problem", lambda: "no display")
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((40, 60, 3), np.uint8))
    assert command("track", tmp_path, *arguments, "--output", tmp_path / "out") == 2
    (error,) = capsys.readouterr().err.strip().splitlines()
    assert error.startswith("error: ")
    assert_names(error, *named)
    assert not (tmp_path / "out").exists()


def problem(monkeypatch, trial=live._TRIAL, **displays):
    """The result of the check with these displays and this trial."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in displays.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(live, "_TRIAL", trial)
    window_problem.cache_clear()
    return window_problem()


named_displays = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a display has no name")


@named_displays
def test_a_missing_display_is_named_with_its_environment_variables(monkeypatch):
    assert_names(problem(monkeypatch), "DISPLAY", "WAYLAND_DISPLAY")


@named_displays
def test_an_unresponsive_display_is_named(monkeypatch):
    # with OpenCV itself, which aborts its process
    assert_names(problem(monkeypatch, DISPLAY=":93.7"), ":93.7")


@named_displays
def test_an_opencv_without_windows_is_named_with_the_package_to_install(monkeypatch):
    headless = "raise Exception('The function is not implemented. Rebuild the library with ... support')"
    assert "pip install opencv-python" in problem(monkeypatch, headless, DISPLAY=":0")


@named_displays
def test_a_working_display_passes_the_check(monkeypatch):
    assert problem(monkeypatch, "pass", DISPLAY=":0") is None


# live tracking


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The windows and the output folder of a run ended with q after three frames."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        windows = Windows(patch, keys=[-1, -1, ord("q")])
        assert command("demo", "--show", *FAST, "--output", folder) == 0
    return windows, folder


def test_q_ends_a_run_and_closes_the_window(demo):
    windows, _ = demo
    assert len(windows.shown) == 3 and not windows.open


def test_q_keeps_the_finished_frames(demo):
    _, folder = demo
    assert len(boxes_of(folder)) == 3
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["frames"] == 3 and summary["stopped"] is None
    assert int(cv2.VideoCapture(str(folder / "tracked.mp4")).get(cv2.CAP_PROP_FRAME_COUNT)) == 3


def test_the_window_shows_the_box(demo):
    assert has_colour(demo[0].shown[-1][:360], TRACKED_COLOUR)


def test_the_window_shows_the_response(demo):
    inset = demo[0].shown[-1][6:96, 384:474]
    assert (inset[..., 0] > 200).any() and (inset[..., 2] > 80).any()  # viridis: yellow and violet


def test_the_window_shows_spikes_below_the_frame_once_there_are_any(demo):
    first, last = demo[0].shown[0], demo[0].shown[-1]
    assert first.shape == (360, 480, 3) and last.shape == (360 + 150, 480, 3)
    assert has_colour(last[360:], rgb(BLUE))


@pytest.mark.parametrize(("keys", "visible"), [([27], 1.0), ([], 0.0)], ids=["Escape", "closed"])
def test_escape_and_closing_the_window_also_end_the_run(keys, visible, windows):
    windows(keys, visible=visible)
    tracker = type("Tracker", (), {"response": None, "matcher": None})
    with live.LiveView("name") as view:
        assert view(0, np.zeros((40, 60, 3), np.uint8), (1, 1, 5, 5), tracker, None)


@pytest.mark.parametrize(
    ("options", "interrupt", "code", "count"),
    [(["--frames", 2], None, 0, 2), ([], 5, 130, 4), ([], None, 2, 8)],
    ids=["--frames", "Ctrl+C", "unplugged"],
)
def test_a_camera_run_keeps_the_finished_frames(options, interrupt, code, count, tmp_path, monkeypatch, capsys):
    box = ",".join(str(v) for v in SyntheticSequence(frames=1).boxes[0])
    real = cv2.VideoCapture

    def capture(source):
        return Camera(SyntheticSequence(frames=8), interrupt=interrupt) if source == 3 else real(source)

    monkeypatch.setattr(cv2, "VideoCapture", capture)
    assert command("track", 3, "--init", box, *options, *FAST, "--report", "--output", tmp_path) == code
    assert len(boxes_of(tmp_path)) == count
    assert json.loads((tmp_path / "summary.json").read_text())["frames"] == count
    assert (tmp_path / "report.html").is_file()
    if code == 2:
        assert_names(last_error(capsys), "camera 3", 8)
