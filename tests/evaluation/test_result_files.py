"""Result and annotation files, names in any spelling, frame windows, and the published tracker's scores."""

import json

import numpy as np
import pytest

from brian_siamsnn.evaluation.comparison import annotated_truth, compare, dataset_truth, named_results
from brian_siamsnn.evaluation.result_files import read_annotations, read_results
from brian_siamsnn.sequences.datasets import open_dataset
from brian_siamsnn.sequences.otb import ATTRIBUTES, OTB2013, canonical, window_rows
from tests.helpers.commands import command
from tests.helpers.messages import assert_names, last_error, refused


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("Jogging-1", "Jogging-1"),
        ("Jogging_1", "Jogging-1"),
        ("Jogging.1", "Jogging-1"),
        ("jogging_2", "Jogging-2"),
        ("Skating2.2", "Skating2-2"),
        ("Human4", "Human4-2"),
        ("Human4_2", "Human4-2"),
        ("carDark", "CarDark"),
        ("faceocc2", "FaceOcc2"),
        ("my_own.video", "my_own.video"),
    ],
)
def test_names(spelling, name):
    assert canonical(spelling) == name


def test_the_first_edition_has_51_targets_of_the_hundred():
    assert len(ATTRIBUTES) == 100 and len(set(OTB2013)) == 51
    assert set(OTB2013) < set(ATTRIBUTES)


@pytest.mark.parametrize(
    ("name", "given", "first", "last"),
    [
        ("Tiger1", 354, 6, 354),  # all files: the first five go
        ("Tiger1", 349, 1, 349),  # the window alone: stays
        ("Football1", 81, 1, 74),
        ("Football1", 74, 1, 74),
        ("David", 770, 300, 770),
        ("David", 471, 1, 471),
        ("Crossing", 120, 1, 120),
    ],
)
def test_frame_windows(name, given, first, last):
    rows = window_rows(name, np.arange(1, given + 1))
    assert (rows[0], rows[-1], len(rows)) == (first, last, last - first + 1)


def test_every_kind_of_result_file_reads_alike(tmp_path):
    boxes = [[1, 2, 3, 4], [5.5, 6, 7, 8]]
    text = "1,2,3,4\n5.5\t6 7,8\n"
    write(tmp_path / "a.json", {"jogging_1": boxes})
    write(tmp_path / "folder" / "Jogging.1.txt", text)
    write(tmp_path / "csv" / "Jogging-1.csv", text)
    write(tmp_path / "got10k" / "Jogging-1" / "Jogging-1_001.txt", text)
    write(tmp_path / "got10k" / "Jogging-1" / "Jogging-1_time.txt", "0.1\n0.1\n")
    write(tmp_path / "evaluation" / "boxes" / "Jogging-1.txt", text)
    write(tmp_path / "evaluation" / "table.csv", "tracker,attribute\n")
    for name in ("a.json", "folder", "csv", "got10k", "evaluation"):
        results = read_results(tmp_path / name)
        assert list(results) == ["Jogging-1"], name
        np.testing.assert_array_equal(results["Jogging-1"], boxes)


def test_what_is_no_box_is_a_loss(tmp_path):
    truth = write(tmp_path / "truth.json", {"a": {"gt_rect": [[0, 0, 4, 4]] * 6, "attr": ["Occlusion"]}})
    rows = [[0, 0, 4, 4], None, [0, 0, 0, 0], [0, 0, -4, 4], [0, 0, 4, 4], [9, 9, 4, 4]]
    text = write(tmp_path / "t" / "a.txt", "0,0,4,4\nNaN,NaN,NaN,NaN\n0,0,0,0\n0,0,-4,4\n0,0,4,4\n9,9,4,4\n")
    rows[1] = [None] * 4
    (one, two) = compare(
        named_results([f"json={write(tmp_path / 'r.json', {'a': rows})}", f"text={text.parent}"]),
        annotated_truth(truth),
    )
    # two of six frames are right
    assert one["mean"]["overlap"] == pytest.approx(2 / 6)
    assert one["mean"]["precision20"] == pytest.approx(3 / 6)
    assert one["mean"] == two["mean"]
    assert one["attributes"]["OCC"] == {**one["mean"], "sequences": 1}
    (first,) = compare({"x": {"a": np.array([[0, 0, 4, 4.0]] * 9)}}, annotated_truth(truth), frames=3)
    assert first["mean"]["overlap"] == 1 and first["total"]["frames"] == 3


def test_absent_targets_and_polygons_in_annotations(tmp_path):
    rows = [[0, 0, 4, 4], [0, 0, 0, 0], [0, 0, 10, 0, 10, 4, 0, 4]]
    boxes, attributes = read_annotations(write(tmp_path / "t.json", {"a": {"gt_rect": rows}}))["a"]
    assert np.isnan(boxes[1]).all() and attributes == ()
    # the polygon is upright, so its box has its size and pysot's extra pixel, about the centre (5, 2)
    np.testing.assert_allclose(boxes[2], [0, 0, 11, 5])


def test_trackers_are_compared_on_what_all_have():
    truth = {name: (np.array([[0, 0, 4, 4.0]] * 3), ()) for name in ("a", "b", "c")}
    good, bad = np.array([[0, 0, 4, 4.0]] * 3), np.array([[0, 0, 4, 4.0], *[[8, 8, 4, 4.0]] * 2])
    one, two = compare({"one": {"a": good, "b": bad}, "two": {"a": bad, "c": good, "b": bad[:2]}}, truth)
    assert list(one["sequences"]) == list(two["sequences"]) == ["a"]
    assert (one["mean"]["overlap"], two["mean"]["overlap"]) == (1, pytest.approx(1 / 3))
    assert list(one["failed"]) == ["b", "c"]
    assert_names(one["failed"]["b"], "two", 3, 2)
    assert_names(one["failed"]["c"], "one")


def test_scores_side_by_side_from_the_command_line(tmp_path, capsys):
    truth = write(tmp_path / "t.json", {"Crossing": {"gt_rect": [[1, 1, 4, 4]] * 2}, "b": {"gt_rect": [[1, 1, 4, 4]]}})
    a = write(tmp_path / "a.json", {"crossing": [[1, 1, 4, 4], [1, 1, 4, 4]]})
    b = write(tmp_path / "b.json", {"Crossing": [[1, 1, 4, 4], [9, 9, 4, 4]]})
    output = tmp_path / "out"
    arguments = ["evaluate", "--annotations", truth, "--boxes", f"good={a}", "--boxes", b, "--output", output]
    assert command(*arguments) == 1  # b was left out
    reports = json.loads((output / "report.json").read_text())["reports"]
    assert [(r["label"], r["mean"]["overlap"]) for r in reports] == [("good", 1.0), ("b", 0.5)]
    assert reports[0]["attributes"]["SV"]["sequences"] == 1  # Crossing is SV DEF BC also where the file does not say so
    assert command(*arguments, "--sequences", "Crossing") == 0
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
def test_a_malformed_result_file(tmp_path, content, named):
    with refused(tmp_path / "r.json", *named):
        read_results(write(tmp_path / "r.json", content))


def test_datasets_are_told_apart(tmp_path):
    box = "1,1,4,4\n"
    for name in ("groundtruth_rect.1.txt", "groundtruth_rect.2.txt"):
        write(tmp_path / "Jogging" / name, box)
    write(tmp_path / "Human4" / "groundtruth_rect.1.txt", "")
    write(tmp_path / "Human4" / "groundtruth_rect.2.txt", box)
    write(tmp_path / "carDark" / "groundtruth_rect.txt", box)
    write(tmp_path / "bag" / "groundtruth.txt", box)
    (tmp_path / "other").mkdir()
    dataset = open_dataset(tmp_path)
    assert [item.name for item in dataset.items] == ["bag", "CarDark", "Human4-2", "Jogging-1", "Jogging-2"]
    assert [item.origin for item in dataset.items] == [0, 1, 1, 1, 1] and dataset.ignored == ("other",)
    assert [item.name for item in open_dataset(tmp_path, "vot").items] == ["bag"]
    subset = open_dataset(tmp_path, "otb", subset="otb2013")
    assert [item.name for item in subset.items] == ["CarDark", "Jogging-1", "Jogging-2"] and len(subset.missing) == 48
    assert [item.name for item in open_dataset(tmp_path, names=["jogging.2"]).items] == ["Jogging-2"]
    write(tmp_path / "list.txt", "bag\ngone\n")
    listed = open_dataset(tmp_path, "got10k")
    assert [item.name for item in listed.items] == ["bag"] and listed.missing == ("gone",)


@pytest.mark.data
def test_attributes_are_those_of_the_annotations(data):
    annotations = read_annotations(data / "annotations" / "OTB100.json")
    assert {name: set(codes) for name, (_, codes) in annotations.items()} == {
        name: set(codes) for name, codes in ATTRIBUTES.items()
    }
    edition = read_annotations(data / "annotations" / "OTB2013.json")
    assert set(edition) == set(OTB2013)


@pytest.mark.data
def test_the_published_tracker_from_the_command_line(data, tmp_path):
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
def test_frames_on_disk_have_the_annotations_of_the_file(data):
    """Football1's window included: 81 images, of which 74 count."""
    annotations = read_annotations(data / "annotations" / "OTB100.json")
    truth = dataset_truth(open_dataset(data / "otb"))
    assert truth.keys() == {folder.name for folder in (data / "otb").iterdir()}
    assert len(truth["Football1"][0]) == 74
    for name, (boxes, attributes) in truth.items():
        np.testing.assert_array_equal(boxes, annotations[name][0])
        assert set(attributes) == set(annotations[name][1])
