"""Data and a teacher; only the fixtures that need PyTorch import it."""

import pytest

from tests.helpers.clips import random_teacher, write_clips


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def teacher():
    return random_teacher()
