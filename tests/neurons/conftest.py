"""What tests of neuron models share."""

import pytest

from tests.helpers.neuron_models import GOOD


@pytest.fixture
def own(tmp_path):
    """Writes `GOOD` to own.toml with a text in it replaced, and returns its path."""
    path = tmp_path / "own.toml"

    def write(old="", new=""):
        assert old in GOOD
        path.write_text(GOOD.replace(old, new, 1) if old else GOOD)
        return path

    return write
