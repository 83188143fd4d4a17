"""Sequences to evaluate."""

import pytest

from tests.helpers.evaluations import write_sequence


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    """Two sequences, one with an OTB attribute."""
    folder = tmp_path_factory.mktemp("root")
    write_sequence(folder / "Crossing")
    write_sequence(folder / "own", seed=1)
    return folder
