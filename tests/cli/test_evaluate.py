"""Input that the evaluate command refuses."""

import functools

import pytest

from brian_siamsnn.evaluation import run
from brian_siamsnn.evaluation.workers import distribute
from tests.helpers.commands import command
from tests.helpers.messages import assert_names, last_error


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nowhere"], ["nowhere"]),
        (["."], ["groundtruth_rect.txt", "groundtruth.txt"]),
        (["--sequences", "Crossing"], ["synthetic", "Crossing"]),
        (["--annotations", "a.json"], ["--annotations", "--boxes", "ROOT"]),
        (["--boxes", "nowhere.json"], ["nowhere.json"]),
    ],
)
def test_bad_input_gives_one_line_and_exit_code_2(arguments, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.json").write_text("{}")
    assert command("evaluate", *arguments) == 2
    assert_names(last_error(capsys), *named)


def test_an_unresponsive_scheduler_gives_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys):
    pytest.importorskip("distributed", reason="workers are Dask's")
    monkeypatch.setattr(run, "distribute", functools.partial(distribute, patience=0.5))
    monkeypatch.chdir(tmp_path)
    assert command("evaluate", "--scheduler", "tcp://127.0.0.1:9", "--frames", 1) == 2
    assert_names(last_error(capsys), "tcp://127.0.0.1:9", "dask scheduler")
