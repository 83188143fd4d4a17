"""The command line, called in this process, and the files that it writes."""

import csv

import pytest

from brian_siamsnn.cli.main import main


def command(*arguments):
    """Exit code of the command line."""
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return stop.value.code


def boxes_of(folder):
    """Rows of a run's boxes.csv."""
    with open(folder / "boxes.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))
