"""The command that records spike trains."""

import sys

import cv2
import numpy as np
import pytest

from brian_siamsnn.crops import target_crop
from brian_siamsnn.network.recording import record_spikes
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from brian_siamsnn.spikes.files import read_spikes
from tests.helpers.commands import command, output_of
from tests.helpers.messages import assert_names, last_error


@pytest.fixture(scope="module")
def sequence():
    return SyntheticSequence(frames=4)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The populations in the written file, for two layers of frame 3, and the printed output."""
    path = tmp_path_factory.mktemp("spikes") / "new folder" / "spikes.csv"
    printed = output_of("spikes", *"synthetic --frame 3 --layers conv4,conv5 --steps 5 --output".split(), path)
    return read_spikes(path), printed


@pytest.fixture
def written(recorded):
    return recorded[0]


def test_both_branches_of_each_layer_are_written(written):
    assert list(written) == ["exemplar/conv4", "exemplar/conv5", "search/conv4", "search/conv5"]


def test_the_search_region_is_cut_from_the_given_frame(written):
    sequence = SyntheticSequence()
    fill = sequence.render(0).mean((0, 1)).tolist()
    crop = target_crop(sequence.render(3), sequence.boxes[3], fill=fill)
    assert written["search/conv5"] == record_spikes("compact", crop, steps=5)["conv5"]


def test_the_exemplar_is_cut_from_the_first_frame(written):
    sequence = SyntheticSequence()
    crop = target_crop(sequence.render(0), sequence.boxes[0], "exemplar")
    assert written["exemplar/conv5"] == record_spikes("compact", crop, steps=5)["conv5"]


def test_neurons_and_spikes_of_each_population_are_printed(recorded):
    written, printed = recorded
    (line,) = [line for line in printed.splitlines() if line.startswith("search/conv5")]
    assert_names(line, "23 x 23 x 32", f"{len(written['search/conv5']):,}")


@pytest.fixture
def by_hand(tmp_path, monkeypatch, sequence):
    """The populations for a folder of images with given boxes and coding, and the default file format."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "frames").mkdir()
    for k in range(2):
        cv2.imwrite(f"frames/{k}.png", sequence.render(k)[:, :, ::-1])
    first, second = (",".join(map(str, box)) for box in sequence.boxes[:2])
    boxes = "--frame", 1, "--init", first, "--box", second
    assert command("spikes", "frames", *boxes, "--steps", 3, "--coding", "two_status:beta=0.5") == 0
    return read_spikes(tmp_path / "brian-siamsnn-output" / "frames" / "spikes.npz")


def test_the_last_layer_is_recorded_by_default(by_hand):
    assert list(by_hand) == ["exemplar/conv5", "search/conv5"]


def test_spike_amplitudes_follow_the_coding(by_hand):
    assert set(by_hand["search/conv5"].amplitude.tolist()) == {0.5}


def test_hidden_layers_have_a_coding_of_their_own(tmp_path):
    options = "--steps 3 --layers conv4,conv5 --hidden-coding two_status:beta=0.5 --threshold-scale 2".split()
    assert command("spikes", *options, "--output", tmp_path / "a.npz") == 0
    populations = read_spikes(tmp_path / "a.npz")
    assert set(populations["search/conv4"].amplitude.tolist()) == {0.5}
    assert set(populations["search/conv5"].amplitude.tolist()) == {1.0}


def test_a_wrong_layer_is_refused_before_anything_is_prepared(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("brian_siamsnn.network.recording.SpikingBranch", None)
    assert command("spikes", "--layers", "conv9", "--output", tmp_path / "new" / "a.npz") == 2
    told = capsys.readouterr().err.strip()
    assert_names(told, "conv5", "'conv9'")  # one line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nowhere.mp4"], ["nowhere.mp4", "'synthetic'"]),
        (["--frame", "500"], ["synthetic", "--frame", 0, 119, 500]),
        (["--layers", "conv1,conv7"], ["layers", "conv1, conv2", "'conv7'"]),
        (["--output", "a.mat"], ["a.mat", ".csv", ".npz", ".nwb", "'mat'"]),
        (["--output", "file/a.csv"], ["file"]),
        (["--box", "1,2,0,4"], ["box", [1.0, 2.0, 0.0, 4.0]]),
        (["images"], ["images", "frame 0", "--init"]),
        (["--format", "mat"], ["'--format'", "'mat'", "'npz'"]),
    ],
)
def test_bad_input_gives_one_line_and_exit_code_2(arguments, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "images").mkdir()
    cv2.imwrite("images/1.png", np.zeros((64, 64, 3), np.uint8))
    assert command("spikes", *arguments) == 2
    assert_names(last_error(capsys), *named)
    assert not list(tmp_path.glob("**/spikes.*"))


def test_a_missing_nwb_package_names_the_install_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pynwb", None)
    assert command("spikes", "--steps", 1, "--output", tmp_path / "a.nwb") == 2
    assert "pip install 'brian_siamsnn[spikes]'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
