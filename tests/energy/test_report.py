"""The report of energy by hand, and its pictures."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from brian_siamsnn.energy.cost_models import load_cost_models
from brian_siamsnn.energy.operations import LayerCounts, OperationCounts
from brian_siamsnn.energy.plots import plot_energy_against_steps, plot_energy_by_hardware, plot_frontier, plot_layers
from brian_siamsnn.energy.report import bills, energy_report, format_report, format_table
from brian_siamsnn.model.conversion import SpikingModel
from brian_siamsnn.model.layers import COMPACT
from brian_siamsnn.palette import BLUE
from tests.helpers.messages import assert_shows


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
