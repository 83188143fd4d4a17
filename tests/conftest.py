"""Fixtures that several test modules share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data():
    """Folder of the real sequences, beside the checkout; see its README."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real sequences are not here: no ../shared/data beside the repository root")
    return folder
