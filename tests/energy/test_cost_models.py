"""Cost models as data, what fits on a chip, and the arithmetic of Table III."""

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


def test_every_shipped_constant_has_a_source_and_a_status():
    models = load_cost_models()
    assert {
        "truenorth",
        "truenorth-typical",
        "truenorth-26pJ",
        "loihi",
        "loihi2",
        "spinnaker2",
        "cmos45-fp32",
        "titan-x",
    } <= set(models)
    for model in models.values():
        for constant in model.constants.values():
            assert constant.value > 0
            assert constant.status in ("measured", "estimated")
            assert len(constant.source) > 5
    # operations a second and watt are operations a joule
    assert models["truenorth"].value("synaptic_operation") == pytest.approx(1 / 400e9)
    assert models["truenorth-typical"].value("synaptic_operation") == pytest.approx(1 / 46e9)
    assert (models["truenorth"].status, models["loihi"].status) == ("measured", "estimated")


def test_the_papers_gpu_gives_back_the_papers_row():
    """Three scales of SiamFC: 250 W for 11.63 ms are 2.9 J (Table III)."""
    macs = 3 * 2_719_701_792
    row = cnn_row("SiamFC", 3, macs, load_cost_models()["titan-x"])
    assert row.energy == pytest.approx(250 * 11.63e-3, rel=1e-4)
    assert row.seconds == pytest.approx(11.63e-3, rel=1e-4)
    assert row.power == pytest.approx(250, rel=1e-4)


def test_table_three_as_printed_and_corrected():
    printed = as_printed("paper", 1, 1.10e9, 400e9, 20e-3)
    assert (printed.power, printed.energy) == (pytest.approx(2.75e-3), pytest.approx(5.5e-5))  # the paper's figures
    right = corrected("corrected", 1, 1.10e9, 1.10e9 / 400e9, 20e-3)
    assert (right.power, right.energy) == (pytest.approx(0.1375), pytest.approx(2.75e-3))
    assert printed.ratio(right) == pytest.approx(1 / 20e-3)
    # for as many crops
    assert right.ratio(corrected("three", 3, 3.3e9, 3 * 2.75e-3, 60e-3)) == pytest.approx(1)


def test_a_file_of_ones_own_is_read_on_top(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(OWN)
    models = load_cost_models(path)
    assert models["mine"].value("tick") == 1e-4
    assert "truenorth" in models
    path.write_text(OWN.replace("[mine", "[truenorth"))
    assert load_cost_models(path)["truenorth"].title == "my chip"


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
def test_what_is_wrong_with_a_file_is_said(tmp_path, old, new, named):
    path = tmp_path / "mine.toml"
    path.write_text(OWN.replace(old, new, 1))
    with refused(path, *named):
        load_cost_models(path)


def test_a_file_that_is_not_there_or_empty_is_said(tmp_path):
    with refused(tmp_path / "none.toml"):
        load_cost_models(tmp_path / "none.toml")
    (tmp_path / "empty.toml").write_text("# nothing\n")
    with refused(tmp_path / "empty.toml", "[NAME]"):
        load_cost_models(tmp_path / "empty.toml")


def _chip(**counts):
    return CostModel(
        "chip", "chip", "spikes", constants={k: Constant(v, "measured", "test") for k, v in counts.items()}
    )


def test_cores_by_hand():
    # conv1: 4x4x6 = 96 neurons; conv2: 2x2x5 = 20 neurons of 6*9 = 54 inputs, 1080 synapses
    layers = (Convolution("conv1", 3, 6, 3), Convolution("conv2", 6, 5, 3))
    shapes = {"conv1": (4, 4, 6), "conv2": (2, 2, 5)}
    # 96/32 = 3 cores and 20/32 -> 1
    fit = _chip(cores=4, neurons_per_core=32).fit(layers, shapes)
    assert (fit.cores, fit.chips, fit.reasons) == (4, 1, ())
    # 54 inputs where 30 reach one neuron: two for each, 40/32 -> 2 cores
    fit = _chip(cores=4, neurons_per_core=32, fan_in=30).fit(layers, shapes)
    assert (fit.cores, fit.chips) == (5, 2)
    (reason,) = fit.reasons
    assert_names(reason, 54, 30)
    # 1080 synapses where 200 fit in a core: 6 cores
    fit = _chip(cores=4, neurons_per_core=32, synapses_per_core=200).fit(layers, shapes)
    assert (fit.cores, fit.chips) == (9, 3)
    (reason,) = fit.reasons
    assert_names(reason, "1,080", 800)
    assert _chip(tick=1e-3).fit(layers, shapes) is None


def test_siamfc_does_not_fit_on_a_chip():
    """2.9 million neurons of the convolutions alone (FIELD: 59 to 22 pixels) exceed TrueNorth's million."""
    shapes = SpikingModel(ALEXNET, {}).shapes(255)
    for name, chips in (("truenorth", 4), ("loihi", 23)):
        fit = load_cost_models()[name].fit(ALEXNET, shapes)
        assert fit.chips >= chips
        assert "neurons" in fit.reasons[0]
