"""What all tests share."""

from pathlib import Path

import brian2
import pytest

# NumPy needs no compilation; the tests marked cython ask for that by themselves
brian2.prefs.codegen.target = "numpy"


@pytest.fixture(autouse=True)
def no_windows(monkeypatch):
    """No test waits for a mouse on a developer's screen."""
    monkeypatch.setattr("brian_siamsnn.live._window_problem", lambda: "tests open none")


@pytest.fixture(scope="session")
def data():
    """Folder of the real sequences and published weights, which are not part of the project."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real sequences and weights (../shared/data) are not here")
    return folder
