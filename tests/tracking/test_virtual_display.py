"""Mouse and keyboard in real windows, under a virtual display."""

import os
import shutil
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from brian_siamsnn.sequences.synthetic import SyntheticSequence
from tests.helpers.commands import boxes_of


@pytest.mark.slow
@pytest.mark.skipif(not all(map(shutil.which, ("Xvfb", "xdotool"))), reason="Xvfb or xdotool is not installed")
def test_mouse_and_keyboard_work_under_a_virtual_display(tmp_path):
    """A box is drawn with the mouse, tracking is shown, and q ends it."""
    sequence = SyntheticSequence(frames=60)
    folder = tmp_path / "fish"
    folder.mkdir()
    for k, frame in enumerate(sequence):
        cv2.imwrite(str(folder / f"{k:02}.jpg"), frame[..., ::-1])
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x700x24"], pass_fds=[write], stderr=subprocess.DEVNULL
    )
    os.close(write)  # so that reading ends when the server does
    with open(read) as number:  # the whole line: the server writes the line end separately, and dies if nobody reads it
        environment = {**os.environ, "DISPLAY": f":{number.readline().strip()}"}

    def control(*words):
        return subprocess.run(["xdotool", *map(str, words)], env=environment, capture_output=True, text=True).stdout

    def window(name):
        for _ in range(600):
            if found := control("search", "--name", name).split():
                time.sleep(0.5)  # the window accepts clicks only once it is drawn
                return found[0]
            assert run.poll() is None, run.stderr.read()
            time.sleep(0.1)
        pytest.fail(f"no window {name}")

    code = "import brian2; brian2.prefs.codegen.target = 'numpy'; from brian_siamsnn.cli.main import main; main()"
    command = [sys.executable, "-c", code, "track", folder, "--show", "--steps", "5", "--output", tmp_path / "out"]
    run = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        control("windowfocus", window("the object"))
        # without a window manager the window is in the corner of the screen, and the frame in the corner of the window
        x, y, w, h = (round(v) for v in sequence.boxes[0])
        for _ in range(4):  # on a busy machine OpenCV may miss the first events
            control("mousemove", x, y, "mousedown", 1)
            for part in (0.5, 1):
                control("mousemove", x + round(part * w), y + round(part * h))
                time.sleep(0.2)
            control("mouseup", 1)
            time.sleep(0.5)
        control("key", "Return")
        control("windowfocus", window("q ends"))
        for _ in range(300):
            if run.poll() is not None:
                break
            control("key", "q")
            time.sleep(0.2)
        output, error = run.communicate(timeout=120)
    finally:
        run.kill()
        server.terminate()
        server.wait()
    assert run.returncode == 0, output + error
    assert "QFontDatabase" not in error
    rows = boxes_of(tmp_path / "out")
    assert 1 < len(rows) < 60
    first = [float(rows[0][side]) for side in "xywh"]
    np.testing.assert_allclose(first, (x, y, w, h), atol=2)
