"""The whole way with the shipped model: sequence in, boxes and files out, through the command line."""

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from brian_siamsnn.matching.matchers import SpikingMatcher
from brian_siamsnn.model.files import load_model
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from brian_siamsnn.tracking.run import track
from brian_siamsnn.tracking.tracker import SiameseTracker
from tests.helpers.commands import boxes_of, command
from tests.helpers.messages import assert_names, assert_shows, last_error, refused

KEYS = {
    "frames",
    "seconds",
    "fps",
    "model",
    "tracker",
    "steps",
    "matching",
    "coding",
    "spikes",
    "synaptic_operations",
    "mean_iou",
    "auc",
    "precision20",
}


@pytest.fixture(scope="module")
def sequence():
    return SyntheticSequence(frames=10)


@pytest.fixture(scope="module")
def matcher():
    return SpikingMatcher(load_model("compact"))


def test_the_spiking_tracker_follows_the_target(sequence, matcher):
    result = track(sequence, SiameseTracker(matcher))
    assert result.metrics["mean_iou"] > 0.6
    assert result.boxes.shape == (10, 4) and result.stopped is None
    assert result.fps > 0


def test_a_matcher_starts_afresh_with_each_sequence(sequence, matcher):
    first, again = (track(sequence, SiameseTracker(matcher), frames=4).boxes for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_command_line_writes_boxes_video_and_summary(tmp_path, capsys):
    output = tmp_path / "out"
    assert command("track", "synthetic", "--frames", 4, "--steps", 5, "--scales", 1, "--output", output) == 0
    summary = json.loads((output / "summary.json").read_text())
    assert summary.keys() >= KEYS
    assert (summary["frames"], summary["tracker"], summary["steps"]) == (4, "snn", 5)
    assert summary["synaptic_operations"] > summary["spikes"] > 0
    rows = boxes_of(output)
    assert [row["frame"] for row in rows] == ["0", "1", "2", "3"]
    assert list(rows[0]) == ["frame", "x", "y", "w", "h", "score"]
    video = cv2.VideoCapture(str(output / "tracked.mp4"))
    assert int(video.get(cv2.CAP_PROP_FRAME_COUNT)) == 4
    assert_shows(capsys.readouterr().out, 4)


def test_cnn_and_two_status_through_the_command_line(tmp_path):
    pytest.importorskip("torch", reason="the CNN is PyTorch's")
    for name, options in {"cnn": ["--tracker", "cnn"], "ts": ["--coding", "two_status", "--matching", "tsm"]}.items():
        assert command("demo", "--frames", 4, "--output", tmp_path / name, *options) == 0
        summary = json.loads((tmp_path / name / "summary.json").read_text())
        assert summary["mean_iou"] > 0.5
        assert (summary["spikes"] is None) == (name == "cnn")


def test_a_broken_frame_keeps_what_was_finished(sequence, tmp_path, capsys):
    folder = tmp_path / "video"
    folder.mkdir()
    for k, frame in zip(range(5), sequence, strict=False):
        cv2.imwrite(str(folder / f"{k}.png"), frame[:, :, ::-1])
    (folder / "3.png").write_bytes(b"broken")
    box = ",".join(str(v) for v in sequence.first_box)
    output = tmp_path / "out"
    assert command("track", folder, "--init", box, "--steps", 5, "--scales", 1, "--output", output) == 2
    assert_names(last_error(capsys), folder / "3.png", 3, output)
    assert len(boxes_of(output)) == 3
    summary = json.loads((output / "summary.json").read_text())
    assert summary["frames"] == 3 and "3.png" in summary["stopped"]
    assert int(cv2.VideoCapture(str(output / "tracked.mp4")).get(cv2.CAP_PROP_FRAME_COUNT)) == 3


def test_a_run_that_cannot_start_leaves_an_earlier_one_alone(tmp_path):
    (tmp_path / "boxes.csv").write_text("earlier")
    assert command("track", "synthetic", "--init", "5000,10,20,20", "--output", tmp_path) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["boxes.csv"]
    assert (tmp_path / "boxes.csv").read_text() == "earlier"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["track", "nowhere.mp4"], ["nowhere.mp4", "'synthetic'"]),
        (["track", "synthetic", "--init", "1,2,3"], ["'--init'", "x,y,w,h", "'1,2,3'"]),
        (["track", "synthetic", "--init", "5000,10,20,20"], ["box", 5000.0, "480 x 360"]),
        (["track", "synthetic", "--model", "nowhere"], ["nowhere", "compact", ".safetensors"]),
        (["track", "synthetic", "--coding", "nowhere"], ["nowhere", "two_status", ".toml"]),
        (["track", "synthetic", "--steps", "0"], ["'--steps'", 0, 1]),
        (["track", "synthetic", "--scales", "4"], ["'--scales'", "'4'", "'1', '3', '5'"]),
        (["weights", "import", "nowhere.pth", "--output", "out.safetensors"], ["nowhere.pth"]),
        (["tracks"], ["'tracks'"]),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    if arguments[0] == "weights":
        pytest.importorskip("torch", reason="checkpoints are PyTorch's")
    assert command(*arguments) == 2
    assert_names(last_error(capsys), *named)


def test_a_box_that_is_off_is_said_before_anything_is_made(monkeypatch, capsys):
    def too_early(*arguments, **options):
        raise AssertionError("a network was made")

    monkeypatch.setattr("brian_siamsnn.matching.matchers.SpikingMatcher", too_early)
    assert command("track", "synthetic", "--init", "5000,10,20,20") == 2
    assert_names(last_error(capsys), "box", 5000.0, "480 x 360")


@pytest.mark.parametrize("arguments", [[], ["weights"]])
def test_a_command_alone_is_answered_with_its_help(arguments, capsys):
    command(*arguments)  # with code 0 or 2, by the version of click
    told = capsys.readouterr()
    lines = (told.out + told.err).splitlines()
    assert lines[0].startswith("Usage: brian-siamsnn") and not any(line.endswith("...") for line in lines[1:])


def test_a_model_file_cut_short(tmp_path, capsys):
    from brian_siamsnn.files import find

    path = tmp_path / "short.safetensors"
    path.write_bytes(find("weights", "compact", ".safetensors").read_bytes()[:5000])
    assert command("track", "synthetic", "--model", path) == 2
    assert_names(last_error(capsys), path)


def test_checkpoint_of_another_architecture(tmp_path, capsys):
    torch = pytest.importorskip("torch", reason="checkpoints are PyTorch's")
    torch.save({"conv1.weight": torch.zeros(16, 3, 11, 11)}, tmp_path / "c.pth")
    assert command("weights", "import", tmp_path / "c.pth", "--output", tmp_path / "m.safetensors") == 2
    assert_names(last_error(capsys), tmp_path / "c.pth", "conv1.weight", (96, 3, 11, 11), (16, 3, 11, 11))
    assert not (tmp_path / "m.safetensors").exists()


def test_equations_that_brian2_does_not_accept(tmp_path, capsys):
    from brian_siamsnn.files import find

    path = tmp_path / "own.toml"
    path.write_text(find("equations", "rate", ".toml").read_text().replace("v >= v_th", "v >= theta"))
    assert command("track", "synthetic", "--coding", path, "--output", tmp_path / "out") == 2
    assert_names(last_error(capsys), path, "'theta'")
    assert not (tmp_path / "out").exists()


def test_a_sequence_without_a_box_asks_for_one(sequence, matcher, tmp_path):
    from brian_siamsnn.sequences.sources import open_sequence

    cv2.imwrite(str(tmp_path / "1.png"), next(iter(sequence)))
    with refused(tmp_path.name, "--init"):
        track(open_sequence(tmp_path), SiameseTracker(matcher))


def test_tracking_needs_no_pytorch(tmp_path):
    """In an interpreter that cannot import torch the spiking tracker runs, and the CNN says what it needs."""
    block = "import sys; sys.modules['torch'] = None; from brian_siamsnn.cli.main import main; main(sys.argv[1:])"
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}

    def run(*arguments):
        code = "from brian2 import prefs; prefs.codegen.target = 'numpy'\n" + block
        return subprocess.run(
            [sys.executable, "-c", code, *arguments, "--output", tmp_path / "out"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    done = run("demo", "--frames", "3", "--steps", "5", "--scales", "1")
    assert done.returncode == 0, done.stderr
    failed = run("demo", "--tracker", "cnn")
    assert failed.returncode == 2 and "pip install 'brian_siamsnn[torch]'" in failed.stderr


@pytest.mark.data
def test_published_network_at_full_size_on_a_real_sequence(data, tmp_path):
    """The imported SiamFC, spiking, tracks the first frames of a real sequence as its CNN does."""
    pytest.importorskip("torch", reason="checkpoints are PyTorch's")
    checkpoint = data / "weights" / "siamfc_3s_color_pretrained_bnfolded.pth"
    model = tmp_path / "siamfc.safetensors"
    assert command("weights", "import", checkpoint, "--output", model, "--calibration", data / "train" / "photos") == 0
    for kind in ("cnn", "snn"):
        source = data / "otb" / "Crossing"
        assert (
            command("track", source, "--model", model, "--tracker", kind, "--frames", 8, "--output", tmp_path / kind)
            == 0
        )
        summary = json.loads((tmp_path / kind / "summary.json").read_text())
        assert summary["mean_iou"] > 0.7 and summary["precision20"] == 1
