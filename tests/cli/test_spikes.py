"""Spike trains recorded from the shipped model, by function and by command."""

import sys

import cv2
import numpy as np
import pytest

from brian_siamsnn.cli.main import main
from brian_siamsnn.crops import target_crop
from brian_siamsnn.matching.matchers import SpikingMatcher
from brian_siamsnn.model.conversion import SpikingModel
from brian_siamsnn.model.files import load_model
from brian_siamsnn.network.recording import record_spikes
from brian_siamsnn.network.runtime import SpikingBranch
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from brian_siamsnn.spikes.files import read_spikes
from brian_siamsnn.tracking.tracker import SiameseTracker
from tests.helpers.messages import assert_names, last_error, refused


@pytest.fixture(scope="module")
def sequence():
    return SyntheticSequence(frames=4)


@pytest.fixture(scope="module")
def model():
    return load_model("compact")


def command(*arguments):
    """Exit code of the command line."""
    with pytest.raises(SystemExit) as stop:
        main(["spikes", *map(str, arguments)])
    return stop.value.code


def test_crops_are_those_of_the_tracker(sequence, model):
    """What a tracker hands to its matcher, with one scale, is what target_crop cuts."""

    class Listener:
        def set_exemplar(self, crop):
            self.exemplar = crop

        def match(self, crops):
            (self.search,) = crops
            return np.ones((1, 17, 17))

    listener, image, box = Listener(), sequence.render(0), sequence.boxes[0]
    tracker = SiameseTracker(listener, scales=1)
    tracker.init(image, box)
    tracker.update(image)
    np.testing.assert_array_equal(target_crop(image, box, "exemplar"), listener.exemplar)
    np.testing.assert_array_equal(target_crop(image, box), listener.search)
    assert listener.search.shape == (255, 255, 3)


def test_recorded_trains_are_those_of_the_matcher(sequence, model):
    image, box = sequence.render(0), sequence.boxes[0]
    crop = target_crop(image, box, "exemplar")
    layers = record_spikes(model, crop, "all", steps=6)
    assert list(layers) == [layer.name for layer in model.layers]
    matcher = SpikingMatcher(model, 6)
    matcher.set_exemplar(crop)
    assert sum(map(len, layers.values())) == matcher.spikes > 0
    branch = SpikingBranch(SpikingModel.from_model(model), 127, 6)
    last = list(layers)[-1]
    assert branch.run(crop) == layers[last] == record_spikes(model, crop, steps=6)[last]


def test_what_cannot_be_recorded_is_said(sequence, model):
    image = sequence.render(0)
    with refused("layers", "conv1", "conv5", "'all'", "'conv9'"):
        record_spikes(model, target_crop(image, sequence.boxes[0]), ["conv9"])
    with refused("image", "(S, S, 3)", (360, 480, 3)):
        record_spikes(model, image)
    with refused("branch", "exemplar", "search", "'both'"):
        target_crop(image, sequence.boxes[0], "both")
    for box in ((1, 2, 3), (1, 2, 0, 3), (np.nan, 2, 3, 4)):
        with refused("box", [float(side) for side in box]):
            target_crop(image, box)


def test_the_command_writes_what_the_functions_record(tmp_path, capsys):
    path = tmp_path / "new folder" / "spikes.csv"
    assert command("synthetic", "--frame", 3, "--layers", "conv4,conv5", "--steps", 5, "--output", path) == 0
    populations = read_spikes(path)
    assert list(populations) == ["exemplar/conv4", "exemplar/conv5", "search/conv4", "search/conv5"]
    sequence = SyntheticSequence()
    first, image = sequence.render(0), sequence.render(3)
    crop = target_crop(image, sequence.boxes[3], fill=first.mean((0, 1)).tolist())
    assert populations["search/conv5"] == record_spikes("compact", crop, steps=5)["conv5"]
    crop = target_crop(first, sequence.boxes[0], "exemplar")
    assert populations["exemplar/conv5"] == record_spikes("compact", crop, steps=5)["conv5"]
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("search/conv5")]
    assert_names(line, "23 x 23 x 32", f"{len(populations['search/conv5']):,}")


def test_boxes_by_hand_and_default_output(tmp_path, monkeypatch, sequence):
    monkeypatch.chdir(tmp_path)
    frames = tmp_path / "frames"
    frames.mkdir()
    for k in range(2):
        cv2.imwrite(str(frames / f"{k}.png"), sequence.render(k)[:, :, ::-1])
    boxes = [",".join(map(str, box)) for box in sequence.boxes[:2]]
    options = "--frame", 1, "--steps", 3, "--init", boxes[0], "--box", boxes[1], "--coding", "two_status:beta=0.5"
    assert command(frames, *options) == 0
    populations = read_spikes(tmp_path / "brian-siamsnn-output" / "frames" / "spikes.npz")
    assert list(populations) == ["exemplar/conv5", "search/conv5"]
    assert set(populations["search/conv5"].amplitude.tolist()) == {0.5}


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
def test_bad_input_is_one_line_and_exit_code_2(arguments, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "images").mkdir()
    cv2.imwrite("images/1.png", np.zeros((64, 64, 3), np.uint8))
    assert command(*arguments) == 2
    assert_names(last_error(capsys), *named)
    assert not list(tmp_path.glob("**/spikes.*"))


def test_nwb_without_its_package_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pynwb", None)
    assert command("--steps", 1, "--output", tmp_path / "a.nwb") == 2
    assert "pip install 'brian_siamsnn[spikes]'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
