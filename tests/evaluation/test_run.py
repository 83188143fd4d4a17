"""Evaluation over many sequences: reports and files, broken sequences and resumed runs."""

import json

import numpy as np
import pytest

from brian_siamsnn.evaluation.run import evaluate
from brian_siamsnn.model.files import load_model
from brian_siamsnn.sequences.datasets import open_dataset
from brian_siamsnn.tracking.config import TrackerConfig
from tests.helpers.commands import command
from tests.helpers.evaluations import FAST, box_files_of, report_of, write_sequence
from tests.helpers.messages import assert_names, last_error


@pytest.fixture(scope="module")
def evaluated(root, tmp_path_factory):
    """The output folder of an evaluation."""
    output = tmp_path_factory.mktemp("evaluated")
    assert command("evaluate", root, *FAST, "--output", output) == 0
    return output


@pytest.fixture
def report(evaluated):
    return report_of(evaluated)


def test_the_report_has_every_sequence(report):
    assert list(report["sequences"]) == ["Crossing", "own"]


@pytest.mark.parametrize("key", ["auc", "precision20", "overlap"])
def test_means_are_over_the_sequences(report, key):
    assert report["mean"][key] == pytest.approx(np.mean([row[key] for row in report["sequences"].values()]))


def test_means_of_an_attribute_are_over_the_sequences_that_have_it(report):
    # Crossing is SV DEF BC; the other sequence has no attributes
    assert report["attributes"]["SV"]["overlap"] == report["sequences"]["Crossing"]["overlap"]
    assert report["attributes"]["SV"]["sequences"] == 1 and report["attributes"]["LR"]["overlap"] is None


def test_totals_by_hand(report):
    assert report["total"]["frames"] == 8 and report["total"]["seconds"] > 0
    assert report["total"]["synaptic_operations"] > report["total"]["spikes"] > 0


def test_the_manifest_has_the_configuration_and_versions(evaluated, report):
    manifest = json.loads((evaluated / "manifest.json").read_text())
    assert manifest["hash"] == report["manifest"]["hash"]
    assert manifest["configuration"]["steps"] == 2 and len(manifest["configuration"]["model_sha256"]) == 64
    assert set(manifest["versions"]) == {"brian_siamsnn", "brian2", "numpy"}


@pytest.mark.parametrize("name", ["success.png", "precision.png", "table.md", "table.csv", "sequences.csv"])
def test_figures_and_tables_are_written(evaluated, name):
    assert (evaluated / name).stat().st_size > 0


def test_the_table_has_a_column_for_all_sequences(evaluated):
    assert "| ALL |" in (evaluated / "table.md").read_text().replace("  ", " ")


def test_otb_boxes_are_written_in_the_coordinates_of_the_annotations(evaluated, root):
    # OTB counts pixels from 1: the first line is the first line of the annotation
    first = np.loadtxt(evaluated / "boxes" / "Crossing.txt", delimiter=",")[0]
    truth = np.loadtxt(root / "Crossing" / "groundtruth_rect.txt", delimiter=",")[0]
    np.testing.assert_allclose(first, truth, atol=2e-4)


def test_boxes_of_an_evaluation_score_the_same_as_result_files(evaluated, report, root, tmp_path):
    assert command("evaluate", root, "--boxes", evaluated, "--output", tmp_path) == 0
    assert report_of(tmp_path)["mean"] == report["mean"]


# broken sequences


@pytest.fixture
def partly_broken(tmp_path):
    """A folder of sequences, one with a broken frame and one with a broken line, and its evaluation."""
    root, output = tmp_path / "root", tmp_path / "out"
    for name in ("a", "b", "c", "d"):
        write_sequence(root / name, frames=3)
    (root / "b" / "img" / "0002.jpg").write_bytes(b"broken")
    (root / "c" / "groundtruth_rect.txt").write_text("1,2,x,4\n")
    (root / "notes").mkdir()
    assert command("evaluate", root, *FAST, "--output", output) == 1
    return root, output


def test_broken_sequences_are_reported_and_the_others_finish(partly_broken):
    report = report_of(partly_broken[1])
    assert list(report["sequences"]) == ["a", "d"] and set(report["failed"]) == {"b", "c"}
    assert "0002.jpg" in report["failed"]["b"] and "line 1" in report["failed"]["c"]


def test_folders_without_a_sequence_are_reported(partly_broken):
    assert report_of(partly_broken[1])["dataset"]["ignored"] == ["notes"]


def test_resuming_tracks_only_the_repaired_sequence(partly_broken):
    root, output = partly_broken
    kept = (output / "boxes" / "a.json").stat().st_mtime_ns
    (root / "b" / "img" / "0002.jpg").write_bytes((root / "a" / "img" / "0002.jpg").read_bytes())
    assert command("evaluate", root, *FAST, "--output", output) == 1
    assert list(report_of(output)["sequences"]) == ["a", "b", "d"]
    assert (output / "boxes" / "a.json").stat().st_mtime_ns == kept


# other configurations


def test_results_of_another_configuration_are_refused_and_kept(root, tmp_path, capsys):
    assert command("evaluate", root, "--sequences", "crossing", *FAST, "--output", tmp_path) == 0
    before = box_files_of(tmp_path)
    assert command("evaluate", root, "--steps", 3, "--scales", 1, "--output", tmp_path) == 2
    assert_names(last_error(capsys), tmp_path, "steps", 2, 3)
    assert box_files_of(tmp_path) == before


def test_each_configuration_has_its_own_folder(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for steps in (2, 3):
        assert command("evaluate", root, "--sequences", "own", "--scales", 1, "--steps", steps, "--frames", 2) == 0
    folders = [path.name for path in (tmp_path / "brian-siamsnn-output" / "evaluate" / root.name).iterdir()]
    assert len(folders) == 2


def test_a_loaded_model_gives_the_report_of_its_file(root, tmp_path, report):
    config = TrackerConfig(model=load_model("compact"), steps=2, scales=1)
    loaded = evaluate(config, open_dataset(root), tmp_path / "loaded", frames=4)
    assert loaded["failed"] == {} and loaded["mean"] == report["mean"]


def test_a_sequence_without_a_first_box_is_left_out_with_advice_that_evaluate_can_follow(root, tmp_path, capsys):
    write_sequence(tmp_path / "root" / "mine")
    annotation = tmp_path / "root" / "mine" / "groundtruth_rect.txt"
    annotation.write_text("NaN,NaN,NaN,NaN\n" + "".join(annotation.read_text().splitlines(keepends=True)[1:]))
    assert command("evaluate", tmp_path / "root", *FAST, "--output", tmp_path / "out") == 2
    message = last_error(capsys)
    assert_names(message, "mine", "first frame")
    assert "--init" not in message
