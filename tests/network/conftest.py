"""Fixtures for the network tests."""

import pytest

from brian_siamsnn.network import genn


@pytest.fixture
def without_genn(monkeypatch):
    """Treat GeNN as available on any machine: networks for it are built but not compiled."""
    monkeypatch.setattr(genn, "genn_problem", lambda backend="cpu": None)
