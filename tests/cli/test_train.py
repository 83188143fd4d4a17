"""The command that trains."""

import pytest

from brian_siamsnn.model.files import read_model, write_model
from tests.helpers.clips import random_teacher, write_clips
from tests.helpers.commands import command
from tests.helpers.messages import assert_names, assert_shows, last_error


@pytest.fixture
def arguments(tmp_path):
    """A two-step run with a teacher, written to student.safetensors."""
    write_model(random_teacher(), tmp_path / "teacher.safetensors")
    write_clips(tmp_path / "clips")
    settings = "--architecture 4-6-5 --steps 2 --batch 2 --pairs 3 --held-out b --device cpu".split()
    files = "--data", tmp_path / "clips", "--teacher", tmp_path / "teacher.safetensors"
    return "train", *files, "--output", tmp_path / "student.safetensors", *settings


def test_the_command_trains_with_a_teacher(arguments, tmp_path, capsys):
    output = tmp_path / "student.safetensors"
    assert command(*arguments) == 0
    assert_shows(capsys.readouterr().out, output)
    assert read_model(output).provenance["training"]["recipe"]["pairs"] == 3
    assert (tmp_path / "student.pool" / "filled.json").read_text() == "3"


def test_resuming_with_another_seed_is_refused(arguments, tmp_path, capsys):
    assert command(*arguments) == 0
    assert command(*arguments, "--pool", tmp_path / "student.pool", "--seed", 1) == 2
    assert_names(last_error(capsys), tmp_path / "student.checkpoint.pt", "seed")
