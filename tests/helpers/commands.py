"""The command line called in this process, and its output files."""

import contextlib
import csv
import io

import pytest

from brian_siamsnn.cli.main import main


def command(*arguments):
    """Exit code of the command line."""
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return stop.value.code


def output_of(*arguments):
    """The output of a command that ends with 0; for fixtures shared by several tests, which have no capsys."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert command(*arguments) == 0
    return printed.getvalue()


def boxes_of(folder):
    """Rows of a run's boxes.csv."""
    with open(folder / "boxes.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))
