"""The command that counts operations and estimates energy."""

import json

import pytest

from brian_siamsnn.matching.spiking import SpikingMatcher
from brian_siamsnn.model.conversion import scale_thresholds
from brian_siamsnn.model.files import load_model
from brian_siamsnn.sequences.sources import open_sequence
from brian_siamsnn.tracking.run import track
from brian_siamsnn.tracking.tracker import SiameseTracker
from tests.helpers.commands import command, output_of
from tests.helpers.messages import assert_names, assert_shows, last_error

OWN = """
[mine]
title = "my chip"
runs = "spikes"
synaptic_operation = {value = 1e-9, status = "measured", source = "our bench"}
tick = {value = 1e-4, status = "measured", source = "our bench"}
"""


@pytest.fixture(scope="module")
def priced(tmp_path_factory):
    """Three frames with a custom cost model and thresholds scaled by 1.5: the output folder and the printed text."""
    folder = tmp_path_factory.mktemp("energy")
    (folder / "mine.toml").write_text(OWN)
    files = "--output", folder / "out", "--json", folder / "out" / "all.json", "--cost-models", folder / "mine.toml"
    printed = output_of("energy", *"--frames 3 --steps 6 --threshold-scale 1.5".split(), *files)
    return folder / "out", printed


@pytest.fixture(scope="module")
def content(priced):
    return json.loads((priced[0] / "all.json").read_text())


@pytest.fixture(scope="module")
def frame(content):
    return content["frame"]


def test_tables_and_figures_are_written(priced):
    pictures = [f"energy_{what}.png" for what in ("hardware", "layers", "steps")]
    assert sorted(path.name for path in priced[0].iterdir()) == ["all.json", *pictures]


def test_custom_cost_models_and_table_three_are_printed(priced, content):
    assert_shows(priced[1], "my chip", *(row["method"] for row in content["table3"]))


def test_the_operation_counts_equal_the_trackers(content, frame):
    # the same sequence with the plain tracker, which runs the three scales side by side
    matcher = SpikingMatcher(scale_thresholds(load_model("compact"), 1.5), 6)
    result = track(open_sequence("synthetic"), SiameseTracker(matcher), frames=3)
    exemplar = content["exemplar"]
    assert matcher.operations == exemplar["synaptic_operations"] + 2 * frame["synaptic_operations"]
    assert matcher.spikes == exemplar["spikes"] + 2 * frame["spikes"]
    assert content["auc"] == result.metrics["auc"]


@pytest.mark.parametrize(("part", "key"), [("by_scale", "synaptic_operations"), ("layers", "operations")])
def test_operations_add_up_over_scales_and_layers(content, frame, part, key):
    assert sum(one[key] for one in content[part]) == pytest.approx(frame["synaptic_operations"])


def test_a_frame_takes_the_steps_of_its_three_scales(frame):
    assert frame["steps"] == 3 * 6


def test_energy_is_operations_times_their_cost(content, frame):
    bill = content["hardware"]["mine"]["bill"]
    spent = 1e-9 * (frame["synaptic_operations"] + frame["matching_operations"])
    assert sum(bill[part] for part in ("synapses", "pooling", "matching")) == pytest.approx(spent)


def test_latency_is_steps_times_tick_duration(content):
    latency = content["hardware"]["mine"]["latency"]
    assert latency["frame"] == pytest.approx(18e-4)
    # five layers: four more ticks until the last layer's first spike
    assert latency["crop_through_pipeline"] == pytest.approx((6 + 4) * 1e-4)


def test_the_network_needs_two_loihi_chips(content):
    assert content["hardware"]["loihi"]["chips_at_least"]["chips"] == 2


def test_table_three_is_corrected_by_the_frame_time(content):
    printed, right = (row for row in content["table3"] if "SNN" in row["method"] and row["crops"] == 1)
    assert right["energy"] / printed["energy"] == pytest.approx(1 / 6e-3)
    assert right["power"] * right["seconds"] == pytest.approx(right["energy"])


def test_early_stopping_uses_fewer_operations(tmp_path):
    counts = {}
    for stop in (None, 1):
        options = "--early-stop 1".split() if stop else []
        files = "--output", tmp_path, "--json", tmp_path / "all.json"
        assert command("energy", *"--frames 2 --steps 8".split(), *options, *files) == 0
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
def test_bad_input_gives_one_line_and_exit_code_2(arguments, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command(*arguments) == 2
    assert_names(last_error(capsys), *named)
    assert not list(tmp_path.iterdir())
