"""Scores in tables and curves, by hand."""

import numpy as np
import pytest

from brian_siamsnn.evaluation.plots import curve_figure, latency_figure
from brian_siamsnn.evaluation.report import make_report
from brian_siamsnn.evaluation.scores import score_boxes
from brian_siamsnn.evaluation.tables import attribute_table, difference_table

CURVES = {"success": np.zeros(21), "precision": np.zeros(51)}
TRUTH = np.array([[0, 0, 4, 4]] * 2, float)
# overlaps 1 and 1/3, and 1 and 0
HALF_OFF = np.array([[0, 0, 4, 4], [2, 0, 4, 4]], float)
LOST = np.array([[0, 0, 4, 4], [90, 0, 4, 4]], float)


@pytest.fixture(scope="module")
def report():
    """AUC 20/21 and 7/21, and 20/21 and 0."""
    rows = {
        "one": score_boxes(HALF_OFF, TRUTH, ("SV", "OCC")),
        "two": score_boxes(LOST, TRUTH, ("SV",)),
        "unknown": score_boxes(TRUTH, np.array([[0, 0, 4, 4], [np.nan] * 4])),
    }
    return make_report("x", rows)


def test_means_are_over_the_scored_sequences(report):
    assert report["mean"] == pytest.approx({"overlap": (2 / 3 + 1 / 2) / 2, "auc": 47 / 84, "precision20": 0.75})
    assert report["sequences"]["unknown"]["auc"] is None


def test_means_of_an_attribute_by_hand(report):
    assert report["attributes"]["OCC"]["overlap"] == pytest.approx(2 / 3)
    assert report["attributes"]["SV"]["overlap"] == report["attributes"]["ALL"]["overlap"]


def test_the_success_curve_starts_at_the_share_of_overlaps_above_zero_and_ends_at_zero(report):
    values = report["success"]["values"]
    assert values[0] == pytest.approx(0.75) and values[20] == 0


def test_the_attribute_table_by_hand(report):
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in attribute_table([report]).splitlines()]
    assert dict(zip(table[0], table[2], strict=True)) == {
        "overlap (%)": "x",
        "ALL": "58.3",
        "SV": "58.3",
        "OCC": "66.7",
        "AUC (%)": "56.0",
        "precision (%)": "75.0",
        **dict.fromkeys(["BC", "DEF", "FM", "IPR", "IV", "LR", "MB", "OPR", "OV"], "-"),
    }


@pytest.fixture(scope="module")
def reports():
    """A worse tracker and a better one."""
    return tuple(
        make_report(name, {"a": score_boxes(boxes, TRUTH)}) for name, boxes in (("worse", LOST), ("better", TRUTH))
    )


@pytest.mark.parametrize(
    ("kind", "better", "worse"), [("success", "[0.952]", "[0.476]"), ("precision", "[1.000]", "[0.500]")]
)
def test_the_legend_has_the_scores_with_the_best_tracker_first(reports, kind, better, worse):
    (axes,) = curve_figure(reports, kind).axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [f"better {better}", f"worse {worse}"]


@pytest.mark.parametrize("kind", ["success", "precision"])
def test_plots_show_the_curves(reports, kind):
    (axes,) = curve_figure(reports, kind).axes
    curves = {line.get_label().split()[0]: line.get_ydata() for line in axes.get_lines()}
    np.testing.assert_array_equal(curves["better"], reports[1][kind]["values"])


def test_the_latency_plot_shows_scores_against_steps():
    (axes,) = latency_figure({"HSM": {5: 0.4, 10: 0.6}}, {"CNN": 0.7}).axes
    np.testing.assert_array_equal(axes.get_lines()[0].get_xydata(), [[5, 0.4], [10, 0.6]])


def test_differences_to_the_first_tracker_by_hand(report):
    # AUC 20/21 and 7/21 of a perfect tracker, 0 and 20/21 less: every resample has a mean between these
    perfect = make_report("perfect", {name: score_boxes(TRUTH, TRUTH) for name in ("one", "two")})
    other = make_report("x", {name: report["sequences"][name] | CURVES for name in ("one", "two")})
    table = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in difference_table([other, perfect]).splitlines()
    ]
    difference = other["mean"]["auc"] - perfect["mean"]["auc"]
    gaps = sorted(100 * (20 / 21 - report["sequences"][name]["auc"]) for name in ("one", "two"))
    assert table[0] == ["minus x (points)", "AUC [95 %]", "precision [95 %]"]
    assert table[2][:2] == ["perfect", f"{-100 * difference:+.1f} [{gaps[0]:+.1f}, {gaps[1]:+.1f}]"]


def test_a_single_tracker_has_no_differences(report):
    assert difference_table([report]) == ""
