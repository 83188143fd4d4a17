"""The VOT toolkit drives the installed tracker through TraX."""

import configparser
import json
import subprocess
import sys

import numpy as np
import pytest

from brian_siamsnn.evaluation.vot import registry_entry
from brian_siamsnn.evaluation.vot_workspace import make_workspace
from brian_siamsnn.metrics import overlap
from brian_siamsnn.sequences.annotations import polygon_to_box
from brian_siamsnn.sequences.datasets import Dataset, open_dataset
from brian_siamsnn.tracking.config import TrackerConfig
from brian_siamsnn.tracking.run import track
from tests.helpers.commands import command
from tests.helpers.messages import assert_names, last_error


@pytest.fixture
def registry(tmp_path):
    """A registry of trackers with another entry."""
    path = tmp_path / "trackers.ini"
    path.write_text("[other]\nlabel = Other\n")
    return path


@pytest.fixture
def registered(registry):
    assert command("vot", "--register", registry, "--steps", 10, "--coding", "two_status:beta=0.7,p=5") == 0
    return registry


def entries(registry):
    parser = configparser.ConfigParser()
    parser.read(registry)
    return {name: dict(parser[name]) for name in parser.sections()}


def test_an_entry_is_added_to_the_registry(registered):
    assert list(entries(registered)) == ["other", "brian_siamsnn"]


def test_an_entry_has_protocol_label_and_command(registered):
    entry = entries(registered)["brian_siamsnn"]
    assert entry["protocol"] == "trax" and entry["label"] == "SiamSNN+HSM+TS, beta=0.7,p=5, T=10"
    assert entry["command"].startswith(f"{sys.executable} -m brian_siamsnn vot ")
    assert "--steps 10 " in entry["command"] and "--coding two_status:beta=0.7,p=5" in entry["command"]


def test_an_existing_entry_is_not_replaced(registered, capsys):
    before = registered.read_bytes()
    assert command("vot", "--register", registered) == 2
    assert_names(last_error(capsys), registered, "[brian_siamsnn]", "--identifier")
    assert registered.read_bytes() == before


def test_a_second_entry_has_its_own_identifier(registered):
    assert command("vot", "--register", registered, "--identifier", "second", "--tracker", "cnn") == 0
    assert list(entries(registered)) == ["other", "brian_siamsnn", "second"]


def test_an_identifier_with_a_space_is_refused(registry, capsys):
    assert command("vot", "--register", registry, "--identifier", "a b") == 2
    assert_names(last_error(capsys), "--identifier", "'a b'")


def test_a_missing_model_is_not_registered(registry):
    assert command("vot", "--model", "nowhere", "--register", registry) == 2
    assert list(entries(registry)) == ["other"]


def test_a_missing_package_names_the_install_command(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "trax", None)
    assert command("vot") == 2
    assert "pip install 'brian_siamsnn[vot]'" in capsys.readouterr().err


@pytest.fixture
def trax():
    return pytest.importorskip("trax", reason="vot-trax is not installed")


def test_a_rectangle_is_a_box(trax):
    from brian_siamsnn.evaluation.vot import box_of_region

    np.testing.assert_allclose(box_of_region(trax.Rectangle.create(1, 2, 30, 40)), [1, 2, 30, 40])


def test_a_polygon_becomes_a_box(trax):
    from brian_siamsnn.evaluation.vot import box_of_region

    corners = [(0.0, 10.0), (20.0, 0.0), (30.0, 20.0), (10.0, 30.0)]
    np.testing.assert_allclose(box_of_region(trax.Polygon.create(corners)), polygon_to_box(np.ravel(corners)))


@pytest.mark.slow
def test_the_toolkit_evaluates_the_tracker(tmp_path):
    pytest.importorskip("vot", reason="the VOT toolkit is not installed")
    # the toolkit starts the tracker in its own folder; Brian2 reads this file from anywhere
    preferences = tmp_path / ".brian" / "user_preferences"
    preferences.parent.mkdir()
    preferences.write_text("codegen.target = 'numpy'\n")
    small = open_dataset()
    dataset = Dataset("one", small.items[:1])
    workspace = tmp_path / "workspace"
    arguments = ["--steps", "2", "--scales", "1"]
    low, high = make_workspace(
        dataset, workspace, {"own": registry_entry("own", "Own", arguments) + f"env_HOME = {tmp_path}\n"}
    )
    assert (low, high) == (1, 40)

    def toolkit(*words):
        done = subprocess.run(
            [sys.executable, "-m", "vot", words[0], "--workspace", workspace, *words[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done

    toolkit("evaluate", "own")
    toolkit("analysis", "--format", "json", "--name", "out", "own")
    results = json.loads((workspace / "analysis" / "out.json").read_text())["results"]["baseline"]["results"]
    (((accuracy, robustness, *_),), ((eao,),)) = results
    assert robustness == 0 and 0 < eao <= 1
    # tracking over TraX gives the same boxes as tracking without it
    from vot.region.io import read_trajectory

    trajectory = read_trajectory(
        str(workspace / "results" / "own" / "baseline" / "synthetic-0" / "synthetic-0_001.bin")
    )
    tracked = np.array([[box.x, box.y, box.width, box.height] for box in trajectory[1:]])
    sequence = dataset.items[0].open()
    boxes = track(sequence, TrackerConfig(steps=2, scales=1).build_tracker()).boxes
    np.testing.assert_allclose(tracked, boxes[1:], atol=2e-3)
    # A is the mean overlap after the toolkit's ten frames of burn-in; its regions consist of whole pixels
    assert accuracy == pytest.approx(overlap(tracked, sequence.boxes[1:])[9:].mean(), abs=0.03)
