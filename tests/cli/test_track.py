"""The track command with the shipped model: a sequence in, boxes and files out."""

import json
import os
import subprocess
import sys

import cv2
import pytest

from brian_siamsnn.matching import spiking
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from tests.helpers.commands import boxes_of, command, output_of
from tests.helpers.messages import assert_names, assert_shows, last_error
from tests.helpers.pictures import write_images

KEYS = set(
    (
        "frames seconds fps model tracker steps matching coding spikes synaptic_operations mean_iou auc precision20"
    ).split()
)


@pytest.fixture(scope="module")
def sequence():
    return SyntheticSequence(frames=10)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The output folder of a four-frame run, and its printed output."""
    folder = tmp_path_factory.mktemp("tracked")
    return folder, output_of("track", *"synthetic --frames 4 --steps 5 --scales 1 --output".split(), folder)


@pytest.fixture
def tracked(run):
    return run[0]


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text())


def frames_of(folder):
    """Frames of the written video."""
    return int(cv2.VideoCapture(str(folder / "tracked.mp4")).get(cv2.CAP_PROP_FRAME_COUNT))


def test_the_summary_has_settings_scores_and_counts(tracked):
    summary = summary_of(tracked)
    assert summary.keys() >= KEYS
    assert (summary["frames"], summary["tracker"], summary["steps"]) == (4, "snn", 5)
    assert summary["synaptic_operations"] > summary["spikes"] > 0


def test_boxes_csv_has_a_row_for_every_frame(tracked):
    rows = boxes_of(tracked)
    assert [row["frame"] for row in rows] == ["0", "1", "2", "3"]
    assert list(rows[0]) == ["frame", "x", "y", "w", "h", "score", "lost"]


def test_the_video_has_every_frame(tracked):
    assert frames_of(tracked) == 4


def test_the_frame_count_is_printed(run):
    assert_shows(run[1], 4)


def test_the_cnn_tracks_without_spikes(tmp_path):
    pytest.importorskip("torch", reason="the CNN is PyTorch's")
    assert command("demo", "--frames", 4, "--output", tmp_path, "--tracker", "cnn") == 0
    summary = summary_of(tmp_path)
    assert summary["mean_iou"] > 0.5 and summary["spikes"] is None


def test_two_status_coding_tracks_with_temporal_matching(tmp_path):
    assert command("demo", "--frames", 4, "--output", tmp_path, *"--coding two_status --matching tsm".split()) == 0
    summary = summary_of(tmp_path)
    assert summary["mean_iou"] > 0.5 and summary["spikes"] is not None


@pytest.fixture
def broken_off(sequence, tmp_path, capsys):
    """The output folder of a run with a broken fourth frame, and the error."""
    folder = tmp_path / "video"
    folder.mkdir()
    for k, frame in zip(range(5), sequence, strict=False):
        cv2.imwrite(str(folder / f"{k}.png"), frame[:, :, ::-1])
    (folder / "3.png").write_bytes(b"broken")
    box = ",".join(str(v) for v in sequence.first_box)
    options = "--init", box, "--steps", 5, "--scales", 1, "--output", tmp_path / "out"
    assert command("track", folder, *options) == 2
    return tmp_path / "out", last_error(capsys)


def test_a_broken_frame_is_named_along_with_the_saved_files(broken_off, tmp_path):
    output, error = broken_off
    assert_names(error, tmp_path / "video" / "3.png", 3, output)


def test_frames_before_a_broken_one_are_kept(broken_off):
    output, _ = broken_off
    assert len(boxes_of(output)) == frames_of(output) == 3
    summary = summary_of(output)
    assert summary["frames"] == 3 and "3.png" in summary["stopped"]


def test_a_run_that_fails_to_start_keeps_the_previous_output(tmp_path):
    (tmp_path / "boxes.csv").write_text("earlier")
    assert command("track", "synthetic", "--init", "5000,10,20,20", "--output", tmp_path) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["boxes.csv"]
    assert (tmp_path / "boxes.csv").read_text() == "earlier"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nowhere.mp4"], ["nowhere.mp4", "'synthetic'"]),
        (["synthetic", "--init", "1,2,3"], ["'--init'", "x,y,w,h", "'1,2,3'"]),
        (["synthetic", "--init", "5000,10,20,20"], ["box", 5000.0, "480 x 360"]),
        (["synthetic", "--model", "nowhere"], ["nowhere", "compact", ".safetensors"]),
        (["synthetic", "--coding", "nowhere"], ["nowhere", "two_status", ".toml"]),
        (["synthetic", "--steps", "0"], ["'--steps'", 0, 1]),
        (["synthetic", "--scales", "4"], ["'--scales'", "'4'", "'1', '3', '5'"]),
    ],
)
def test_bad_input_gives_one_line_and_exit_code_2(arguments, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command("track", *arguments) == 2
    assert_names(last_error(capsys), *named)


@pytest.mark.parametrize("box", ["nan,1,5,5", "1,1,0,5", "1,1,inf,5"])
def test_a_malformed_box_is_reported_before_the_model_is_loaded(box, tmp_path, capsys):
    damaged = tmp_path / "damaged.safetensors"
    damaged.touch()
    assert command("track", "synthetic", "--init", box, "--model", damaged) == 2
    assert_names(last_error(capsys), "box", [float(side) for side in box.split(",")])


def test_an_invalid_box_is_reported_before_the_network_is_built(monkeypatch, capsys):
    def too_early(*arguments, **options):
        raise AssertionError("a network was made")

    monkeypatch.setattr(spiking, "SpikingMatcher", too_early)
    assert command("track", "synthetic", "--init", "5000,10,20,20") == 2
    assert_names(last_error(capsys), "box", 5000.0, "480 x 360")


def test_a_truncated_model_file_is_named(tmp_path, capsys):
    from brian_siamsnn.files import find

    path = tmp_path / "short.safetensors"
    path.write_bytes(find("weights", "compact", ".safetensors").read_bytes()[:5000])
    assert command("track", "synthetic", "--model", path) == 2
    assert_names(last_error(capsys), path)


def test_equations_rejected_by_brian2_are_named(tmp_path, capsys):
    from brian_siamsnn.files import find

    path = tmp_path / "own.toml"
    path.write_text(find("equations", "rate", ".toml").read_text().replace("v >= v_th", "v >= theta"))
    assert command("track", "synthetic", "--coding", path, "--output", tmp_path / "out") == 2
    assert_names(last_error(capsys), path, "'theta'")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def run_without_torch(tmp_path):
    """Run the command line in an interpreter that cannot import PyTorch."""
    code = (
        "import sys; sys.modules['torch'] = None; from brian2 import prefs; prefs.codegen.target = 'numpy'\n"
        "from brian_siamsnn.cli.main import main; main(sys.argv[1:])"
    )
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}

    def run(*arguments):
        words = [sys.executable, "-c", code, *arguments, "--output", tmp_path / "out"]
        return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300)

    return run


def test_the_spiking_tracker_runs_without_pytorch(run_without_torch):
    done = run_without_torch(*"demo --frames 3 --steps 5 --scales 1".split())
    assert done.returncode == 0, done.stderr


def test_the_cnn_without_pytorch_names_the_install_command(run_without_torch):
    failed = run_without_torch("demo", "--tracker", "cnn")
    assert failed.returncode == 2 and "pip install 'brian_siamsnn[torch]'" in failed.stderr


@pytest.fixture(scope="module")
def published(data, tmp_path_factory):
    """The published SiamFC, imported."""
    pytest.importorskip("torch", reason="checkpoints are PyTorch's")
    checkpoint = data / "weights" / "siamfc_3s_color_pretrained_bnfolded.pth"
    model = tmp_path_factory.mktemp("published") / "siamfc.safetensors"
    assert command("weights", "import", checkpoint, "--output", model, "--calibration", data / "train" / "photos") == 0
    return model


@pytest.mark.data
@pytest.mark.parametrize("kind", ["cnn", "snn"])
def test_the_published_network_tracks_a_real_sequence(published, data, kind, tmp_path):
    source, options = data / "otb" / "Crossing", ("--model", published, "--tracker", kind, "--frames", 8)
    assert command("track", source, *options, "--output", tmp_path) == 0
    summary = summary_of(tmp_path)
    assert summary["mean_iou"] > 0.7 and summary["precision20"] == 1


# where a run starts


def test_a_run_can_start_at_a_later_frame(tmp_path, sequence):
    options = "synthetic --start-frame 30 --frames 2 --steps 2 --scales 1 --output".split()
    assert command("track", *options, tmp_path) == 0
    rows, first = boxes_of(tmp_path), SyntheticSequence().boxes[30]
    assert [row["frame"] for row in rows] == ["0", "1"]
    assert [float(rows[0][key]) for key in "xywh"] == pytest.approx(first.tolist(), abs=1e-4)
    assert (summary_of(tmp_path)["start_frame"], summary_of(tmp_path)["frames"]) == (30, 2)


def test_a_start_beyond_the_end_is_named(tmp_path, capsys):
    assert command("track", "synthetic", "--start-frame", 120, "--output", tmp_path) == 2
    assert_names(last_error(capsys), 0, 119, 120)


def test_boxes_that_look_like_corners_are_told_in_one_line(tmp_path, capsys):
    write_images(tmp_path, ["0.png", "1.png"])
    (tmp_path / "groundtruth.txt").write_text("20,10,30,20\n20,10,30,20\n")
    assert command("track", tmp_path, *"--steps 1 --scales 1 --output".split(), tmp_path / "out") == 0
    (note,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    assert_names(note, tmp_path / "groundtruth.txt", "2 of 2")
