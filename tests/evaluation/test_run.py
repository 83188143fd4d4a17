"""Evaluation over many sequences: stopped and gone on with, broken sequences, workers that die, result files."""

import json
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from brian_siamsnn.evaluation.report import attribute_table, make_report, score_boxes
from brian_siamsnn.evaluation.store import Store
from brian_siamsnn.evaluation.workers import distribute
from brian_siamsnn.sequences.datasets import open_dataset
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from brian_siamsnn.tracking.config import TrackerConfig
from tests.helpers.commands import command
from tests.helpers.messages import assert_names, last_error, refused

FAST = ["--steps", "2", "--scales", "1"]


def write_sequence(folder, frames=4, seed=0, boxes=None):
    """A sequence in OTB's layout."""
    sequence = SyntheticSequence(frames, size=(120, 160), seed=seed)
    (folder / "img").mkdir(parents=True)
    for k, frame in enumerate(sequence, start=1):
        cv2.imwrite(str(folder / "img" / f"{k:04}.jpg"), frame[:, :, ::-1])
    rows = sequence.boxes + [1, 1, 0, 0] if boxes is None else boxes
    (folder / "groundtruth_rect.txt").write_text("\n".join(",".join(f"{v:.3f}" for v in row) for row in rows))
    return sequence


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two sequences, one of them with an attribute of OTB."""
    folder = tmp_path_factory.mktemp("root")
    write_sequence(folder / "Crossing")
    write_sequence(folder / "own", seed=1)
    return folder


def start(arguments, folder):
    """The command in a process of its own, with Brian2's NumPy code (its workers read the file too)."""
    (folder / "brian_preferences").write_text("codegen.target = 'numpy'\n")
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        [sys.executable, "-m", "brian_siamsnn", *map(str, arguments)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def boxes_of(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "boxes").glob("*.txt"))}


def scores_of(folder):
    """A report without what depends on the machine's mood."""
    report = json.loads((folder / "report.json").read_text())
    rows = {
        name: {key: value for key, value in row.items() if key not in ("seconds", "fps")}
        for name, row in report["sequences"].items()
    }
    return report["mean"], report["attributes"], rows, report["success"], report["precision"]


def until(condition, process, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_evaluation_from_the_command_line(root, tmp_path, capsys):
    output = tmp_path / "out"
    assert command("evaluate", root, *FAST, "--output", output) == 0
    report = json.loads((output / "report.json").read_text())
    assert list(report["sequences"]) == ["Crossing", "own"]
    rows = report["sequences"].values()
    for key in ("auc", "precision20", "overlap"):
        assert report["mean"][key] == pytest.approx(np.mean([row[key] for row in rows]))
    # Crossing is SV DEF BC; the other sequence has no attribute
    assert report["attributes"]["SV"]["overlap"] == report["sequences"]["Crossing"]["overlap"]
    assert report["attributes"]["SV"]["sequences"] == 1 and report["attributes"]["LR"]["overlap"] is None
    assert report["total"]["frames"] == 8 and report["total"]["seconds"] > 0
    assert report["total"]["synaptic_operations"] > report["total"]["spikes"] > 0
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["hash"] == report["manifest"]["hash"]
    assert manifest["configuration"]["steps"] == 2 and len(manifest["configuration"]["model_sha256"]) == 64
    assert set(manifest["versions"]) == {"brian_siamsnn", "brian2", "numpy"}
    for name in ("success.png", "precision.png", "table.md", "table.csv", "sequences.csv"):
        assert (output / name).stat().st_size > 0
    assert "| ALL |" in (output / "table.md").read_text().replace("  ", " ")
    # OTB counts pixels from 1: the first line is the first line of the annotation
    first = np.loadtxt(output / "boxes" / "Crossing.txt", delimiter=",")[0]
    truth = np.loadtxt(root / "Crossing" / "groundtruth_rect.txt", delimiter=",")[0]
    np.testing.assert_allclose(first, truth, atol=2e-4)
    # its own boxes, scored as result files, score the same
    assert command("evaluate", root, "--boxes", output, "--output", tmp_path / "scored") == 0
    assert json.loads((tmp_path / "scored" / "report.json").read_text())["mean"] == report["mean"]
    capsys.readouterr()


@pytest.fixture(scope="module")
def longer(tmp_path_factory):
    """Three sequences, and their evaluation without a disturbance."""
    folder = tmp_path_factory.mktemp("longer")
    for seed in range(3):
        write_sequence(folder / "root" / f"s{seed}", frames=6, seed=seed)
    arguments = ["evaluate", folder / "root", "--steps", "5", "--scales", "1", "--output"]
    assert command(*arguments, folder / "whole") == 0
    return folder / "whole", arguments


@pytest.mark.slow
def test_killed_and_gone_on_with_it_ends_the_same(longer, tmp_path):
    """SIGKILL after the first sequence: what is finished is not done again, and the end is the same."""
    whole, arguments = longer
    output = tmp_path / "killed"
    killed = start([*arguments, output], tmp_path)
    until((output / "boxes" / "s0.json").exists, killed)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (output / "report.json").exists()
    kept = (output / "boxes" / "s0.json").read_bytes()
    # boxes without their record, as a kill between the two leaves them, count as not done
    (output / "boxes" / "s2.txt").write_text("1,2,3,4\n")
    assert command(*arguments, output) == 0
    assert boxes_of(output) == boxes_of(whole)
    assert scores_of(output) == scores_of(whole)
    assert (output / "boxes" / "s0.json").read_bytes() == kept


@pytest.mark.slow
def test_a_worker_that_dies_loses_nothing(longer, tmp_path):
    pytest.importorskip("distributed", reason="workers are Dask's")
    psutil = pytest.importorskip("psutil", reason="finds the workers' processes")
    whole, arguments = longer
    output = tmp_path / "many"
    many = start([*arguments, output, "--workers", "2"], tmp_path)

    def workers():
        children = psutil.Process(many.pid).children(recursive=True)
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]

    # with one sequence done, one worker has the second and the other the third; one of them goes
    until(lambda: list((output / "boxes").glob("*.json")), many)
    before = workers()
    max(before, key=lambda worker: worker.cpu_times().user).send_signal(signal.SIGKILL)
    assert many.wait(timeout=240) == 0, many.stderr.read()
    assert len(before) >= 2
    assert boxes_of(output) == boxes_of(whole)
    assert scores_of(output) == scores_of(whole)


def test_a_cluster_that_is_slow_to_close_loses_nothing(monkeypatch):
    distributed = pytest.importorskip("distributed", reason="workers are Dask's")
    close = distributed.LocalCluster.close

    def slow(self, *arguments, **options):
        close(self, *arguments, **options)
        raise TimeoutError

    monkeypatch.setattr(distributed.LocalCluster, "close", slow)
    jobs = {"a": (1,), "b": (2,)}
    assert dict(distribute(lambda number, threads, tell: 10 * number, jobs, workers=2)) == {"a": 10, "b": 20}


def test_a_broken_sequence_is_reported_and_the_others_finish(tmp_path, capsys):
    root = tmp_path / "root"
    for name in ("a", "b", "c", "d"):
        write_sequence(root / name, frames=3)
    (root / "b" / "img" / "0002.jpg").write_bytes(b"broken")
    (root / "c" / "groundtruth_rect.txt").write_text("1,2,x,4\n")
    (root / "notes").mkdir()
    output = tmp_path / "out"
    assert command("evaluate", root, *FAST, "--output", output) == 1
    report = json.loads((output / "report.json").read_text())
    assert list(report["sequences"]) == ["a", "d"] and set(report["failed"]) == {"b", "c"}
    assert "0002.jpg" in report["failed"]["b"] and "line 1" in report["failed"]["c"]
    assert report["dataset"]["ignored"] == ["notes"]
    # mended, it is tracked when the command is given again, and the others are not
    kept = (output / "boxes" / "a.json").stat().st_mtime_ns
    (root / "b" / "img" / "0002.jpg").write_bytes((root / "a" / "img" / "0002.jpg").read_bytes())
    assert command("evaluate", root, *FAST, "--output", output) == 1
    assert list(json.loads((output / "report.json").read_text())["sequences"]) == ["a", "b", "d"]
    assert (output / "boxes" / "a.json").stat().st_mtime_ns == kept
    capsys.readouterr()


def test_another_configuration_is_refused_and_has_a_folder_of_its_own(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    output = tmp_path / "out"
    assert command("evaluate", root, "--sequences", "crossing", *FAST, "--output", output) == 0
    before = boxes_of(output)
    assert command("evaluate", root, "--steps", 3, "--scales", 1, "--output", output) == 2
    assert_names(last_error(capsys), output, "steps", 2, 3)
    assert boxes_of(output) == before
    for steps in (2, 3):
        assert command("evaluate", root, "--sequences", "own", "--scales", 1, "--steps", steps, "--frames", 2) == 0
    folders = [path.name for path in (tmp_path / "brian-siamsnn-output" / "evaluate" / root.name).iterdir()]
    assert len(folders) == 2
    capsys.readouterr()


def test_the_hash_covers_settings_and_files(tmp_path):
    from brian_siamsnn.files import find

    assert TrackerConfig().hash == TrackerConfig().hash
    others = [{"steps": 10}, {"tau": 2}, {"lambda_t": 5.0}, {"coding": "two_status"}, {"frames": 3}, {"scales": 1}]
    hashes = {TrackerConfig(**settings).hash for settings in [{}, *others]}
    assert len(hashes) == len(others) + 1
    # the CNN has no time steps
    assert TrackerConfig(tracker="cnn", steps=10).hash == TrackerConfig(tracker="cnn").hash
    # a copy of a file elsewhere is the same; another content under the same name is not
    model, coding = tmp_path / "compact.safetensors", tmp_path / "rate.toml"
    model.write_bytes(find("weights", "compact", ".safetensors").read_bytes())
    assert TrackerConfig(model=str(model)).hash == TrackerConfig().hash
    text = find("equations", "rate", ".toml").read_text()
    coding.write_text(text)
    own = TrackerConfig(coding=str(coding)).hash
    coding.write_text(text + "\n# changed\n")
    assert TrackerConfig(coding=str(coding)).hash != own


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"tracker": "rnn"}, ["tracker", ["snn", "cnn"], "'rnn'"]),
        ({"scales": 2}, ["scales", [1, 3, 5], 2]),
        ({"steps": 0}, [1, 0]),
        ({"model": "nowhere"}, ["nowhere", "compact", ".safetensors"]),
        ({"coding": "nowhere:beta=1"}, ["nowhere", "two_status", ".toml"]),
    ],
)
def test_a_configuration_says_what_is_wrong(settings, named):
    with refused(*named):
        TrackerConfig(**settings)


def test_labels_are_the_papers():
    from brian_siamsnn.tracking.config import PAPER_CONFIGS

    for label, settings in PAPER_CONFIGS.items():
        assert TrackerConfig(**settings).label == label
    assert TrackerConfig(steps=10, tau=2, scales=1).label == "SiamSNN+HSM, T=10, tau=2, 1 scale"


def test_a_result_that_was_changed_or_belongs_to_another_sequence_is_not_taken(root, tmp_path):
    dataset = open_dataset(root)
    item, sequence = dataset.items[0], dataset.items[0].open()
    store = Store(tmp_path)
    (tmp_path / "boxes").mkdir()
    store.save(item, {"boxes": sequence.boxes, "frames": 4})
    np.testing.assert_allclose(store.load(item, sequence)["boxes"], sequence.boxes, atol=1e-4)
    assert store.load(item, sequence, frames=3) is None
    assert store.load(item, dataset.items[1].open()) is None
    path = tmp_path / "boxes" / "Crossing.txt"
    path.write_text(path.read_text().replace("1", "2", 1))
    assert store.load(item, sequence) is None


def test_attribute_means_by_hand():
    # overlaps 1, 1/3 and 1, 0; AUC 20/21, 7/21 and 20/21, 0
    truth = np.array([[0, 0, 4, 4]] * 2, float)
    rows = {
        "one": score_boxes(np.array([[0, 0, 4, 4], [2, 0, 4, 4]], float), truth, ("SV", "OCC")),
        "two": score_boxes(np.array([[0, 0, 4, 4], [90, 0, 4, 4]], float), truth, ("SV",)),
        "unknown": score_boxes(truth, np.array([[0, 0, 4, 4], [np.nan] * 4])),
    }
    report = make_report("x", rows)
    assert report["mean"] == pytest.approx({"overlap": (2 / 3 + 1 / 2) / 2, "auc": 47 / 84, "precision20": 0.75})
    assert report["attributes"]["OCC"]["overlap"] == pytest.approx(2 / 3)
    assert report["attributes"]["SV"]["overlap"] == report["attributes"]["ALL"]["overlap"]
    assert report["sequences"]["unknown"]["auc"] is None
    assert report["success"]["values"][0] == pytest.approx(0.75) and report["success"]["values"][20] == 0
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


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nowhere"], ["nowhere"]),
        (["."], ["groundtruth_rect.txt", "groundtruth.txt"]),
        (["--sequences", "Crossing"], ["synthetic", "Crossing"]),
        (["--annotations", "a.json"], ["--annotations", "--boxes", "ROOT"]),
        (["--boxes", "nowhere.json"], ["nowhere.json"]),
        (["--scheduler", "tcp://127.0.0.1:9", "--frames", "1"], ["tcp://127.0.0.1:9", "dask scheduler"]),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, named, tmp_path, monkeypatch, capsys):
    if "--scheduler" in arguments:
        pytest.importorskip("distributed", reason="workers are Dask's")
        monkeypatch.setattr("brian_siamsnn.evaluation.workers._PATIENCE", 0.5)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.json").write_text("{}")
    assert command("evaluate", *arguments) == 2
    assert_names(last_error(capsys), *named)


def test_plots_show_the_curves_and_the_best_tracker_first():
    from brian_siamsnn.evaluation.plots import curve_figure, latency_figure

    truth = np.array([[0, 0, 4, 4]] * 2, float)
    worse = make_report("worse", {"a": score_boxes(np.array([[0, 0, 4, 4], [90, 0, 4, 4]], float), truth)})
    better = make_report("better", {"a": score_boxes(truth, truth)})
    for kind, values in {"success": ("[0.952]", "[0.476]"), "precision": ("[1.000]", "[0.500]")}.items():
        (axes,) = curve_figure([worse, better], kind).axes
        labels = [text.get_text() for text in axes.get_legend().get_texts()]
        assert labels == [f"better {values[0]}", f"worse {values[1]}"]
        curves = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
        np.testing.assert_array_equal(curves[labels[0]], better[kind]["values"])
    (axes,) = latency_figure({"HSM": {5: 0.4, 10: 0.6}}, {"CNN": 0.7}).axes
    np.testing.assert_array_equal(axes.get_lines()[0].get_xydata(), [[5, 0.4], [10, 0.6]])
