"""What tests of networks share."""

import pytest

from brian_siamsnn.network import genn


@pytest.fixture
def without_genn(monkeypatch):
    """Whatever is installed, nothing is wrong with GeNN: networks for it are made, and not compiled."""
    monkeypatch.setattr(genn, "genn_problem", lambda backend="cpu": None)
