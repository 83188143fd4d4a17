"""Result and annotation files in all formats, comparisons of trackers, and the published tracker's scores."""

import json

import numpy as np
import pytest

from brian_siamsnn.evaluation.comparison import annotated_truth, compare, dataset_truth, named_results
from brian_siamsnn.evaluation.result_files import read_annotations, read_results
from brian_siamsnn.sequences.datasets import open_dataset
from brian_siamsnn.sequences.otb import ATTRIBUTES, OTB2013, canonical
from tests.helpers.commands import command
from tests.helpers.messages import assert_names, last_error, refused


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


LINES = "1,2,3,4\n5.5\t6 7,8\n"
FORMS = {
    "one JSON file": {"results": {"jogging_1": [[1, 2, 3, 4], [5.5, 6, 7, 8]]}},
    "a folder of text files": {"results/Jogging.1.txt": LINES},
    "a folder of CSV files": {"results/Jogging-1.csv": LINES},
    "GOT-10k": {
        "results/Jogging-1/Jogging-1_001.txt": LINES,
        "results/Jogging-1/Jogging-1_time.txt": "0.1\n0.1\n",
    },
    "an evaluation": {"results/boxes/Jogging-1.txt": LINES, "results/table.csv": "tracker,attribute\n"},
}


@pytest.mark.parametrize("form", FORMS)
def test_all_result_formats_are_read_alike(tmp_path, form):
    for name, content in FORMS[form].items():
        write(tmp_path / name, content)
    results = read_results(tmp_path / "results")
    assert list(results) == ["Jogging-1"]
    np.testing.assert_array_equal(results["Jogging-1"], [[1, 2, 3, 4], [5.5, 6, 7, 8]])


# two of six frames are correct
ROWS = [[0, 0, 4, 4], [None] * 4, [0, 0, 0, 0], [0, 0, -4, 4], [0, 0, 4, 4], [9, 9, 4, 4]]


@pytest.fixture
def truth(tmp_path):
    content = {"a": {"gt_rect": [[0, 0, 4, 4]] * 6, "attr": ["Occlusion"]}}
    return annotated_truth(write(tmp_path / "truth.json", content))


@pytest.fixture
def compared(tmp_path, truth):
    """The same boxes as JSON and as text, compared with the truth."""
    text = "".join(",".join("NaN" if v is None else str(v) for v in row) + "\n" for row in ROWS)
    files = write(tmp_path / "r.json", {"a": ROWS}), write(tmp_path / "t" / "a.txt", text).parent
    return compare(named_results([f"json={files[0]}", f"text={files[1]}"]), truth)


def test_an_invalid_box_counts_as_a_miss(compared):
    assert compared[0]["mean"]["overlap"] == pytest.approx(2 / 6)
    assert compared[0]["mean"]["precision20"] == pytest.approx(3 / 6)


def test_null_in_json_equals_nan_in_text(compared):
    one, two = compared
    assert one["mean"] == two["mean"]


def test_attributes_from_the_annotations_are_scored(compared):
    assert compared[0]["attributes"]["OCC"] == {**compared[0]["mean"], "sequences": 1}


def test_results_are_compared_over_the_first_frames_only(truth):
    (first,) = compare({"x": {"a": np.array([[0, 0, 4, 4.0]] * 9)}}, truth, frames=3)
    assert first["mean"]["overlap"] == 1 and first["total"]["frames"] == 3


def test_annotations_may_have_absent_targets_and_polygons(tmp_path):
    rows = [[0, 0, 4, 4], [0, 0, 0, 0], [0, 0, 10, 0, 10, 4, 0, 4]]
    boxes, attributes = read_annotations(write(tmp_path / "t.json", {"a": {"gt_rect": rows}}))["a"]
    assert np.isnan(boxes[1]).all() and attributes == ()
    # the polygon is axis-aligned, so its box has its size plus pysot's extra pixel, centred at (5, 2)
    np.testing.assert_allclose(boxes[2], [0, 0, 11, 5])


def test_trackers_are_compared_on_their_common_sequences():
    truth = {name: (np.array([[0, 0, 4, 4.0]] * 3), ()) for name in ("a", "b", "c")}
    good, bad = np.array([[0, 0, 4, 4.0]] * 3), np.array([[0, 0, 4, 4.0], *[[8, 8, 4, 4.0]] * 2])
    one, two = compare({"one": {"a": good, "b": bad}, "two": {"a": bad, "c": good, "b": bad[:2]}}, truth)
    assert list(one["sequences"]) == list(two["sequences"]) == ["a"]
    assert (one["mean"]["overlap"], two["mean"]["overlap"]) == (1, pytest.approx(1 / 3))
    assert list(one["failed"]) == ["b", "c"]
    assert_names(one["failed"]["b"], "two", 3, 2)
    assert_names(one["failed"]["c"], "one")


@pytest.fixture
def side_by_side(tmp_path):
    """Arguments that compare two trackers on two sequences, one without results; and the second file."""
    truth = write(tmp_path / "t.json", {"Crossing": {"gt_rect": [[1, 1, 4, 4]] * 2}, "b": {"gt_rect": [[1, 1, 4, 4]]}})
    a = write(tmp_path / "a.json", {"crossing": [[1, 1, 4, 4], [1, 1, 4, 4]]})
    b = write(tmp_path / "b.json", {"Crossing": [[1, 1, 4, 4], [9, 9, 4, 4]]})
    options = "--annotations", truth, "--boxes", f"good={a}", "--boxes", b, "--output", tmp_path / "out"
    return ("evaluate", *options), b


def test_the_command_scores_trackers_side_by_side(side_by_side, tmp_path):
    assert command(*side_by_side[0]) == 1  # the second sequence is missing
    reports = json.loads((tmp_path / "out" / "report.json").read_text())["reports"]
    assert [(r["label"], r["mean"]["overlap"]) for r in reports] == [("good", 1.0), ("b", 0.5)]
    # Crossing is SV DEF BC even if the file omits it
    assert reports[0]["attributes"]["SV"]["sequences"] == 1


def test_the_exit_code_is_0_if_no_sequence_is_missing(side_by_side):
    assert command(*side_by_side[0], "--sequences", "Crossing") == 0


def test_duplicate_tracker_names_are_refused(side_by_side, capsys):
    arguments, b = side_by_side
    assert command(*arguments, "--boxes", b) == 2
    assert_names(last_error(capsys), b, "'b'", "NAME=PATH")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{", ["JSON"]),
        ("[1]", ["list"]),
        ({"walk": [[1, 2, 3]]}, ["walk", 4, 8]),
        ({"walk": [1, 2, 3, 4]}, ["walk", 4, 8]),
        ({"walk": [["x", 2, 3, 4]]}, ["walk", 4, 8]),
        ({}, ["NAME.txt"]),
    ],
)
def test_a_malformed_result_file_is_named(tmp_path, content, named):
    with refused(tmp_path / "r.json", *named):
        read_results(write(tmp_path / "r.json", content))


@pytest.mark.data
def test_attributes_match_the_annotations(data):
    annotations = read_annotations(data / "annotations" / "OTB100.json")
    assert {name: set(codes) for name, (_, codes) in annotations.items()} == {
        name: set(codes) for name, codes in ATTRIBUTES.items()
    }
    edition = read_annotations(data / "annotations" / "OTB2013.json")
    assert set(edition) == set(OTB2013)


@pytest.mark.data
def test_the_command_line_reproduces_the_published_scores(data, tmp_path):
    results = data / "results" / "siamfc3s_otb100_boxes.json"
    output = tmp_path / "out"
    annotations = data / "annotations" / "OTB100.json"
    assert command("evaluate", "--boxes", results, "--annotations", annotations, "--output", output) == 0
    report = json.loads((output / "report.json").read_text())
    # the last frames of Board and Twinnings have no true box; published scores count them as misses
    assert report["mean"]["auc"] == pytest.approx(0.5824, abs=5e-5)
    assert report["mean"]["precision20"] == pytest.approx(0.7705, abs=1e-4)
    published = json.loads((data / "results" / "siamfc3s_otb100_per_sequence.json").read_text())
    assert len(report["sequences"]) == len(published) == 100
    for name, scores in published.items():
        absent = 2 / 472 if name in ("Board", "Twinnings") else 0
        own = report["sequences"][canonical(name)]
        assert own["auc"] == pytest.approx(scores["auc"], abs=7e-4 + absent), name
        assert own["precision20"] == pytest.approx(scores["p20"], abs=5.1e-5 + absent), name


@pytest.mark.data
def test_frames_on_disk_match_the_annotation_file(data):
    """Including Football1's window: 81 images, of which 74 count."""
    annotations = read_annotations(data / "annotations" / "OTB100.json")
    truth = dataset_truth(open_dataset(data / "otb"))
    assert truth.keys() == {folder.name for folder in (data / "otb").iterdir()}
    assert len(truth["Football1"][0]) == 74
    for name, (boxes, attributes) in truth.items():
        np.testing.assert_array_equal(boxes, annotations[name][0])
        assert set(attributes) == set(annotations[name][1])


def test_compare_prints_the_difference_and_its_interval(tmp_path, capsys):
    truth = {name: {"gt_rect": [[0, 0, 4, 4]] * 2} for name in ("x", "y", "z")}
    exact = [[0, 0, 4, 4]] * 2
    files = [
        write(tmp_path / "a.json", {"x": exact, "y": exact, "z": exact}),
        # the last frame is missed in every sequence, so no resample differs from another: 10 of 21 thresholds
        write(tmp_path / "b.json", dict.fromkeys("xyz", [[0, 0, 4, 4], [90, 0, 4, 4]])),
    ]
    annotations = write(tmp_path / "truth.json", truth)
    command("evaluate", "--annotations", annotations, "--compare", *files, "--output", tmp_path / "out")
    assert "-47.6 [-47.6, -47.6]" in capsys.readouterr().out
    differences = json.loads((tmp_path / "out" / "report.json").read_text())["differences"]
    assert differences["b"]["auc"] == pytest.approx({"mean": -10 / 21, "low": -10 / 21, "high": -10 / 21})


def test_compare_and_boxes_together_are_refused(tmp_path, capsys):
    file = write(tmp_path / "a.json", {"x": [[0, 0, 4, 4]] * 2})
    assert command("evaluate", "--compare", file, file, "--boxes", file) == 2
    assert_names(last_error(capsys), "--compare", "--boxes")
