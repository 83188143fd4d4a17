"""The command that compares a spiking network with its CNN."""

import csv

import pytest

from tests.helpers.commands import command, output_of
from tests.helpers.messages import assert_names, last_error


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The output folder of the command, and its printed output."""
    folder = tmp_path_factory.mktemp("inspect")
    return folder, output_of("inspect", *"--frames 1 --steps 3 --hidden-coding burst --output".split(), folder)


@pytest.fixture
def folder(written):
    return written[0]


def rows_of(path):
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_layer_has_a_line(written):
    layers = [line.split()[0] for line in written[1].splitlines()[1:6]]
    assert layers == ["conv1", "conv2", "conv3", "conv4", "conv5"]


def test_the_layer_table_has_the_numbers_of_each_layer(folder):
    first = rows_of(folder / "inspection.csv")[0]
    assert float(first["correlation"]) > 0.5 and int(first["spikes"]) > 0


def test_the_step_table_has_every_step(folder):
    assert [row["step"] for row in rows_of(folder / "inspection_steps.csv")] == ["1", "2", "3"]


def test_the_figure_is_a_png(folder):
    assert (folder / "inspection.png").read_bytes().startswith(b"\x89PNG")


def test_an_invalid_threshold_scale_is_refused(capsys):
    assert command("inspect", "--threshold-scale", 0) == 2
    assert_names(last_error(capsys), "'--threshold-scale'", 0.0)


def test_a_wave_is_said_to_equal_the_quantised_cnn(tmp_path):
    printed = output_of("inspect", *"--frames 1 --model compact --coding wave:p=2 --output".split(), tmp_path)
    assert "quantised CNN" in printed and "--levels 2" in printed
    assert [row["differing"] for row in rows_of(tmp_path / "inspection.csv")] == ["0"] * 5
    assert len(rows_of(tmp_path / "inspection_steps.csv")) == 10
