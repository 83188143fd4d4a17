"""Cost models as data, chip capacity, and the arithmetic of Table III."""

import pytest

from brian_siamsnn.energy.cost_models import Constant, CostModel, load_cost_models
from brian_siamsnn.energy.table3 import as_printed, cnn_row, corrected
from brian_siamsnn.model.conversion import SpikingModel
from brian_siamsnn.model.layers import ALEXNET, Convolution
from tests.helpers.messages import assert_names, refused

OWN = """
[mine]
title = "my chip"
runs = "spikes"
[mine.synaptic_operation]
value = 1e-12
status = "measured"
source = "our bench"
[mine.tick]
value = 1e-4
status = "measured"
source = "our bench"
"""


@pytest.fixture(scope="module")
def shipped():
    return load_cost_models()


NAMES = "truenorth truenorth-typical truenorth-26pJ loihi loihi2 spinnaker2 cmos45-fp32 titan-x".split()


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_constant_has_a_source_and_a_status(shipped, name):
    for constant in shipped[name].constants.values():
        assert constant.value > 0
        assert constant.status in ("measured", "estimated")
        assert len(constant.source) > 5


def test_operations_per_second_per_watt_are_operations_per_joule(shipped):
    assert shipped["truenorth"].value("synaptic_operation") == pytest.approx(1 / 400e9)
    assert shipped["truenorth-typical"].value("synaptic_operation") == pytest.approx(1 / 46e9)


def test_a_model_is_measured_if_all_its_constants_are(shipped):
    assert (shipped["truenorth"].status, shipped["loihi"].status) == ("measured", "estimated")


def test_the_papers_gpu_reproduces_the_papers_row():
    """Three scales of SiamFC: 250 W for 11.63 ms are 2.9 J (Table III)."""
    macs = 3 * 2_719_701_792
    row = cnn_row("SiamFC", 3, macs, load_cost_models()["titan-x"])
    assert row.energy == pytest.approx(250 * 11.63e-3, rel=1e-4)
    assert row.seconds == pytest.approx(11.63e-3, rel=1e-4)
    assert row.power == pytest.approx(250, rel=1e-4)


def test_table_three_as_printed_by_hand():
    printed = as_printed("paper", 1, 1.10e9, 400e9, 20e-3)
    assert (printed.power, printed.energy) == (pytest.approx(2.75e-3), pytest.approx(5.5e-5))  # the paper's figures


def test_table_three_corrected_by_hand():
    right = corrected("corrected", 1, 1.10e9, 1.10e9 / 400e9, 20e-3)
    assert (right.power, right.energy) == (pytest.approx(0.1375), pytest.approx(2.75e-3))


def test_rows_are_compared_per_crop():
    printed = as_printed("paper", 1, 1.10e9, 400e9, 20e-3)
    right = corrected("corrected", 1, 1.10e9, 1.10e9 / 400e9, 20e-3)
    assert printed.ratio(right) == pytest.approx(1 / 20e-3)
    assert right.ratio(corrected("three", 3, 3.3e9, 3 * 2.75e-3, 60e-3)) == pytest.approx(1)


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(OWN)
    return path


def test_a_file_extends_the_shipped_models(mine):
    models = load_cost_models(mine)
    assert models["mine"].value("tick") == 1e-4
    assert "truenorth" in models


def test_a_file_replaces_a_shipped_model_of_the_same_name(mine):
    mine.write_text(OWN.replace("[mine", "[truenorth"))
    assert load_cost_models(mine)["truenorth"].title == "my chip"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("value = 1e-12", "value = -1", ["[mine]", "synaptic_operation", "value", -1]),
        ("value = 1e-12", "value = true", ["[mine]", "synaptic_operation", "value", True]),
        ("value = 1e-12", "value = inf", ["[mine]", "synaptic_operation", "value", "inf"]),
        ("value = 1e-12", 'value = "1 pJ"', ["[mine]", "synaptic_operation", "value", "'1 pJ'"]),
        ('source = "our bench"\n[mine.tick]', "[mine.tick]", ["[mine]", "synaptic_operation", "source"]),
        (
            'source = "our bench"\n[mine.tick]',
            'source = " "\n[mine.tick]',
            ["[mine]", "synaptic_operation", "source", "' '"],
        ),
        ('status = "measured"', 'status = "guess"', ["status", "measured", "estimated", "'guess'"]),
        ("mine.tick", "mine.tock", ["[mine]", "tock", "tick", "synaptic_operation"]),
        ("mine.tick", "mine.spike", ["[mine]", "tick", ["spike", "synaptic_operation"]]),
        ('runs = "spikes"', 'runs = "fast"', ["[mine]", "runs", "spikes", "arrays", "both", "'fast'"]),
        ('title = "my chip"', "", ["[mine]", "title", None]),
        ("[mine]", "[mine", ["TOML", "line 2"]),
        ("[mine]", "other = 1\n[mine]", ["[other]", 1]),
    ],
)
def test_errors_in_a_file_are_named(mine, old, new, named):
    mine.write_text(OWN.replace(old, new, 1))
    with refused(mine, *named):
        load_cost_models(mine)


def test_a_missing_file_is_named(tmp_path):
    with refused(tmp_path / "none.toml"):
        load_cost_models(tmp_path / "none.toml")


def test_an_empty_file_is_named(mine):
    mine.write_text("# nothing\n")
    with refused(mine, "[NAME]"):
        load_cost_models(mine)


# chips


def fit(**counts):
    """The chips that a network needs, for hardware with these counts.

    conv1: 4x4x6 = 96 neurons; conv2: 2x2x5 = 20 neurons of 6*9 = 54 inputs, 1080 synapses.
    """
    constants = {name: Constant(value, "measured", "test") for name, value in counts.items()}
    layers = (Convolution("conv1", 3, 6, 3), Convolution("conv2", 6, 5, 3))
    shapes = {"conv1": (4, 4, 6), "conv2": (2, 2, 5)}
    return CostModel("chip", "chip", "spikes", constants=constants).fit(layers, shapes)


def test_neurons_fill_cores():
    # 96/32 = 3 cores and 20/32 -> 1
    found = fit(cores=4, neurons_per_core=32)
    assert (found.cores, found.chips, found.reasons) == (4, 1, ())


def test_inputs_beyond_the_fan_in_limit_take_more_neurons():
    # 54 inputs with a fan-in limit of 30: two neurons each, 40/32 -> 2 cores
    found = fit(cores=4, neurons_per_core=32, fan_in=30)
    assert (found.cores, found.chips) == (5, 2)
    (reason,) = found.reasons
    assert_names(reason, 54, 30)


def test_synapses_fill_cores():
    # 1080 synapses at 200 per core: 6 cores
    found = fit(cores=4, neurons_per_core=32, synapses_per_core=200)
    assert (found.cores, found.chips) == (9, 3)
    (reason,) = found.reasons
    assert_names(reason, "1,080", 800)


def test_hardware_without_cores_has_no_fit():
    assert fit(tick=1e-3) is None


@pytest.mark.parametrize(("name", "chips"), [("truenorth", 4), ("loihi", 23)])
def test_siamfc_does_not_fit_on_one_chip(shipped, name, chips):
    """The convolutions alone have 2.9 million neurons (FIELD: 59 to 22 pixels), more than TrueNorth's million."""
    found = shipped[name].fit(ALEXNET, SpikingModel(ALEXNET, {}).shapes(255))
    assert found.chips >= chips
    assert "neurons" in found.reasons[0]
