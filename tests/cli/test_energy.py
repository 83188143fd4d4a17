"""The energy command from end to end, its report and its pictures."""

import json

import pytest

from brian_siamsnn.matching.matchers import SpikingMatcher
from brian_siamsnn.model.files import load_model
from brian_siamsnn.sequences.sources import open_sequence
from brian_siamsnn.tracking.run import track
from brian_siamsnn.tracking.tracker import SiameseTracker
from tests.helpers.commands import command
from tests.helpers.messages import assert_names, assert_shows, last_error

OWN = """
[mine]
title = "my chip"
runs = "spikes"
synaptic_operation = {value = 1e-9, status = "measured", source = "our bench"}
tick = {value = 1e-4, status = "measured", source = "our bench"}
"""


def test_the_command_counts_what_tracking_does(tmp_path, capsys):
    (tmp_path / "mine.toml").write_text(OWN)
    assert (
        command(
            "energy",
            "--frames",
            3,
            "--steps",
            6,
            "--threshold-scale",
            1.5,
            "--output",
            tmp_path / "out",
            "--json",
            tmp_path / "out" / "all.json",
            "--cost-models",
            tmp_path / "mine.toml",
        )
        == 0
    )
    text = capsys.readouterr().out
    content = json.loads((tmp_path / "out" / "all.json").read_text())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "all.json",
        "energy_hardware.png",
        "energy_layers.png",
        "energy_steps.png",
    ]
    assert_shows(text, "my chip", *(row["method"] for row in content["table3"]))

    # the same sequence by the tracker alone, whose three scales run side by side
    from brian_siamsnn.model.conversion import scale_thresholds

    matcher = SpikingMatcher(scale_thresholds(load_model("compact"), 1.5), 6)
    result = track(open_sequence("synthetic"), SiameseTracker(matcher), frames=3)
    assert (
        matcher.operations == content["exemplar"]["synaptic_operations"] + 2 * content["frame"]["synaptic_operations"]
    )
    assert matcher.spikes == content["exemplar"]["spikes"] + 2 * content["frame"]["spikes"]
    assert content["auc"] == result.metrics["auc"]

    frame = content["frame"]
    assert sum(one["synaptic_operations"] for one in content["by_scale"]) == pytest.approx(frame["synaptic_operations"])
    assert sum(layer["operations"] for layer in content["layers"]) == pytest.approx(frame["synaptic_operations"])
    assert frame["steps"] == 3 * 6
    mine = content["hardware"]["mine"]
    spent = 1e-9 * (frame["synaptic_operations"] + frame["matching_operations"])
    assert sum(mine["bill"][part] for part in ("synapses", "pooling", "matching")) == pytest.approx(spent)
    assert mine["latency"]["frame"] == pytest.approx(18e-4)
    # five layers: four ticks more until the first spike of the last one
    assert mine["latency"]["crop_through_pipeline"] == pytest.approx((6 + 4) * 1e-4)
    assert content["hardware"]["loihi"]["chips_at_least"]["chips"] == 2
    printed, right = (row for row in content["table3"] if "SNN" in row["method"] and row["crops"] == 1)
    assert right["energy"] / printed["energy"] == pytest.approx(1 / 6e-3)
    assert right["power"] * right["seconds"] == pytest.approx(right["energy"])


def test_early_stopping_spends_less(tmp_path):
    counts = {}
    for stop in (None, 1):
        option = ["--early-stop", stop] if stop else []
        assert (
            command(
                "energy", "--frames", 2, "--steps", 8, *option, "--output", tmp_path, "--json", tmp_path / "all.json"
            )
            == 0
        )
        counts[stop] = json.loads((tmp_path / "all.json").read_text())["frame"]
    assert counts[1]["steps"] < counts[None]["steps"] == 24
    assert counts[1]["synaptic_operations"] < counts[None]["synaptic_operations"]
    assert counts[1]["neuron_updates"] * counts[None]["steps"] == counts[None]["neuron_updates"] * counts[1]["steps"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["energy", "--tracker", "cnn"], ["energy", "--tracker snn"]),
        (["energy", "--cost-models", "nowhere.toml"], ["nowhere.toml"]),
        (["energy", "--frames", "1", "--steps", "1"], ["energy", "--frames"]),
        (["energy", "nowhere.mp4"], ["nowhere.mp4", "'synthetic'"]),
        (["energy", "--early-stop", "0"], ["'--early-stop'", 0, 1]),
        (["track", "synthetic", "--threshold-scale", "0"], ["'--threshold-scale'", 0.0]),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command(*arguments) == 2
    assert_names(last_error(capsys), *named)
    assert not list(tmp_path.iterdir())
