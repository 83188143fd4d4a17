"""The energy report by hand, and its figures."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from brian_siamsnn.energy.cost_models import load_cost_models
from brian_siamsnn.energy.operations import LayerCounts, OperationCounts
from brian_siamsnn.energy.plots import plot_energy_against_steps, plot_energy_by_hardware, plot_frontier, plot_layers
from brian_siamsnn.energy.report import bills, energy_report, format_report, format_table
from brian_siamsnn.model.conversion import SpikingModel
from brian_siamsnn.model.layers import COMPACT
from brian_siamsnn.neurons.waves import Wave
from brian_siamsnn.palette import BLUE
from tests.helpers.messages import assert_shows


@pytest.fixture(scope="module")
def model():
    return SpikingModel(COMPACT, {})


@pytest.fixture(scope="module")
def frame(model):
    """A frame of one scale and two steps, with 100 operations per layer in the first step and 50 in the second."""
    shapes = model.shapes(255)
    layers = []
    for k, (name, shape) in enumerate(shapes.items()):
        neurons, operations = int(np.prod(shape)), np.array([100, 50]) * (k > 0)
        layers.append(
            LayerCounts(name, False, neurons, 10, 7 * (k == 0), operations // 10, operations, np.full(2, neurons))
        )
    return OperationCounts(tuple(layers), np.array([4, 6]), 30)


@pytest.fixture(scope="module")
def costs():
    return load_cost_models()


@pytest.fixture(scope="module")
def report(frame, model, costs):
    return energy_report(frame, model, costs, scales=1)


def test_operations_of_a_frame_by_hand(report):
    assert report["frame"]["synaptic_operations"] == 4 * 150


def test_macs_of_the_cnn_by_hand(report):
    # 62*62*16*363 + 29*29*32*400 + 27*27*48*288 + 25*25*48*432 + 23*23*32*432
    assert report["cnn"]["macs_a_crop"] == 22_325_952 + 10_764_800 + 10_077_696 + 12_960_000 + 7_312_896


def test_energy_on_truenorth_by_hand(report):
    assert report["hardware"]["truenorth"]["energy"] == pytest.approx(610 * 2.5e-12 + 37 * 4.6e-12)


def test_a_mac_is_two_operations_in_table_three(report):
    rows = [row for row in report["table3"] if row["method"] == "CNN, GPU"]
    assert {row["operations"] for row in rows} == {2 * report["cnn"]["macs_a_crop"]}


def test_table_three_on_truenorth_as_printed_and_corrected(report):
    printed, *right = (row["energy"] for row in report["table3"] if row["method"].startswith("SNN, TrueNorth"))
    assert printed == pytest.approx(600 / 400e9 * 2e-3)
    assert right == [pytest.approx(600 / 400e9)] * 2


def test_the_text_gives_the_number_of_neurons_and_the_chip_capacity(report):
    assert_shows(format_report(report), "170,336", "131,072")


# waves


def test_a_waves_crops_follow_each_other(frame, model, costs):
    """p = 3 and ticks of 1 ms: a crop every 6 ms; the two steps of this frame are one crop."""
    report = energy_report(frame, model, costs, scales=1, wave=Wave(3))
    latency = report["hardware"]["truenorth"]["latency"]
    assert latency["interval_pipelined"] == pytest.approx(6e-3)
    assert latency["frame_pipelined"] == pytest.approx(2e-3 + 4e-3)  # four layers later
    several = energy_report(frame, model, costs, scales=2, wave=Wave(3, waves=2))["hardware"]["truenorth"]["latency"]
    assert several["interval_pipelined"] == pytest.approx(12e-3)
    assert several["frame_pipelined"] == pytest.approx(1e-3 + 4e-3 + 12e-3)


def test_the_quantised_cnn_has_a_row_beside_the_wave(frame, model, costs):
    rows = energy_report(frame, model, costs, scales=3, wave=Wave(4))["table3"][-2:]
    macs = 22_325_952 + 10_764_800 + 10_077_696 + 12_960_000 + 7_312_896
    int8 = costs["cmos45-int8"]
    assert rows[0]["energy"] == pytest.approx(3 * macs * int8.value("mac"))
    assert rows[1]["energy"] == pytest.approx(
        610 * int8.value("synaptic_operation") + 2 * 170_336 * int8.value("neuron_update") + 37 * int8.value("mac")
    )


def test_a_tick_at_rest_by_hand(report):
    """170,336 neurons of Loihi on two chips."""
    rest = report["hardware"]["loihi"]["tick_at_rest"]
    assert rest == pytest.approx(170_336 * 8.1e-11 + 2 * 0.1044 * 1e-3)
    assert report["hardware"]["truenorth"]["tick_at_rest"] == 0


def test_text_is_aligned_in_columns():
    assert format_table(("a", "number"), [("long name", 1), ("b", 23)]) == (
        "a          number\n-----------------\nlong name       1\nb              23"
    )


# figures


def test_the_bars_show_operations_per_layer(frame):
    axes = plot_layers(frame).axes[0]
    blue = [bar.get_height() for bar in axes.patches if to_hex(bar.get_facecolor()) == BLUE.lower()]
    np.testing.assert_allclose(blue, [0, 150e-6, 150e-6, 150e-6, 150e-6, 10e-6])


def test_the_papers_gpu_has_no_spiking_energy_bill(frame, model, costs):
    assert costs["titan-x"].title not in bills(frame, model, costs)


def test_the_parts_of_a_bill_add_up_to_100_percent(frame, model, costs):
    bill = bills(frame, model, costs)
    totals = np.zeros(len(bill))
    for container in plot_energy_by_hardware(bill).axes[0].containers:
        totals += [bar.get_width() for bar in container]
    np.testing.assert_allclose(totals, 100)


def test_energy_lines_show_the_energy_used_up_to_each_step(frame, model, costs):
    until = [bills(frame.until(steps), model, costs) for steps in (1, 2)]
    by_title = {title: [one[title] for one in until] for title in until[0]}
    axes = plot_energy_against_steps(by_title, {"CNN": 1e-3}).axes[0]
    truenorth = 1e3 * np.array([404 * 2.5e-12, 610 * 2.5e-12]) + 1e3 * 37 * 4.6e-12
    np.testing.assert_allclose(axes.lines[0].get_ydata(), truenorth)


def test_the_frontier_line_joins_its_points():
    rows = [
        {"group": "g", "family": family, "label": label, "auc": auc, "energy_mj": energy}
        for family, label, auc, energy in (("a", "1", 0.5, 1.0), ("a", "2", 0.6, 2.0), ("b", "3", 0.4, 3.0))
    ]
    axes = plot_frontier(rows, [0, 1]).axes[0]
    np.testing.assert_array_equal(axes.lines[-1].get_xydata(), [[1, 0.5], [2, 0.6]])
