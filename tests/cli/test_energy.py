"""The energy command from end to end, its report and its pictures."""

import json

import numpy as np
import pytest
from matplotlib.colors import to_hex

from brian_siamsnn.energy.cost_models import load_cost_models
from brian_siamsnn.energy.operations import LayerCounts, OperationCounts
from brian_siamsnn.energy.plots import plot_energy_against_steps, plot_energy_by_hardware, plot_frontier, plot_layers
from brian_siamsnn.energy.report import bills, energy_report, format_report, format_table
from brian_siamsnn.matching.matchers import SpikingMatcher
from brian_siamsnn.model.conversion import SpikingModel
from brian_siamsnn.model.files import load_model
from brian_siamsnn.model.layers import COMPACT
from brian_siamsnn.palette import BLUE
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


@pytest.fixture(scope="module")
def model():
    return SpikingModel(COMPACT, {})


@pytest.fixture(scope="module")
def frame(model):
    """A frame of one scale and two steps, 100 operations a layer in the first step and 50 in the second."""
    shapes = model.shapes(255)
    layers = []
    for k, (name, shape) in enumerate(shapes.items()):
        neurons, operations = int(np.prod(shape)), np.array([100, 50]) * (k > 0)
        layers.append(
            LayerCounts(name, False, neurons, 10, 7 * (k == 0), operations // 10, operations, np.full(2, neurons))
        )
    return OperationCounts(tuple(layers), np.array([4, 6]), 30)


def test_report_by_hand(frame, model):
    costs = load_cost_models()
    report = energy_report(frame, model, costs, scales=1)
    assert report["frame"]["synaptic_operations"] == 4 * 150
    # 62*62*16*363 + 29*29*32*400 + 27*27*48*288 + 25*25*48*432 + 23*23*32*432
    assert report["cnn"]["macs_a_crop"] == 22_325_952 + 10_764_800 + 10_077_696 + 12_960_000 + 7_312_896
    best = report["hardware"]["truenorth"]
    assert best["energy"] == pytest.approx(610 * 2.5e-12 + 37 * 4.6e-12)
    rows = {row["method"]: row for row in report["table3"]}
    assert rows["CNN, GPU"]["operations"] == 2 * report["cnn"]["macs_a_crop"]
    printed, right = (row["energy"] for name, row in rows.items() if name.startswith("SNN, TrueNorth"))
    assert (printed, right) == (pytest.approx(600 / 400e9 * 2e-3), pytest.approx(600 / 400e9))
    assert_shows(format_report(report), "170,336", "131,072")


def test_text_in_columns():
    assert format_table(("a", "number"), [("long name", 1), ("b", 23)]) == (
        "a          number\n-----------------\nlong name       1\nb              23"
    )


def test_pictures_show_the_counts(frame, model):
    axes = plot_layers(frame).axes[0]
    blue = [bar.get_height() for bar in axes.patches if to_hex(bar.get_facecolor()) == BLUE.lower()]
    np.testing.assert_allclose(blue, [0, 150e-6, 150e-6, 150e-6, 150e-6, 10e-6])
    costs = load_cost_models()
    bill = bills(frame, model, costs)
    assert "GTX Titan X (the paper's GPU)" not in bill
    axes = plot_energy_by_hardware(bill).axes[0]
    totals = np.zeros(len(bill))
    for container in axes.containers:
        totals += [bar.get_width() for bar in container]
    np.testing.assert_allclose(totals, 100)
    until = [bills(frame.until(steps), model, costs) for steps in (1, 2)]
    axes = plot_energy_against_steps({title: [one[title] for one in until] for title in bill}, {"CNN": 1e-3}).axes[0]
    truenorth = 1e3 * np.array([404 * 2.5e-12, 610 * 2.5e-12]) + 1e3 * 37 * 4.6e-12
    np.testing.assert_allclose(axes.lines[0].get_ydata(), truenorth)
    rows = [
        {"group": "g", "family": "a", "label": "1", "auc": 0.5, "energy_mj": 1.0},
        {"group": "g", "family": "a", "label": "2", "auc": 0.6, "energy_mj": 2.0},
        {"group": "g", "family": "b", "label": "3", "auc": 0.4, "energy_mj": 3.0},
    ]
    axes = plot_frontier(rows, [0, 1]).axes[0]
    np.testing.assert_array_equal(axes.lines[-1].get_xydata(), [[1, 0.5], [2, 0.6]])
