"""Tracker settings: validation, labels and hashes."""

from dataclasses import replace

import pytest

from brian_siamsnn.files import find
from brian_siamsnn.matching.spiking import SpikingMatcher
from brian_siamsnn.model.files import load_model
from brian_siamsnn.tracking.config import TrackerConfig
from brian_siamsnn.tracking.presets import PAPER_CONFIGS, PRESETS
from brian_siamsnn.tracking.tracker import SiameseTracker
from tests.helpers.messages import refused


def test_equal_settings_have_the_same_hash():
    assert TrackerConfig().hash == TrackerConfig().hash


def test_every_setting_changes_the_hash():
    others = [{"steps": 10}, {"tau": 2}, {"lambda_t": 5.0}, {"coding": "two_status"}, {"scales": 1}]
    hashes = {TrackerConfig(**settings).hash for settings in [{}, *others]}
    assert len(hashes) == len(others) + 1


def test_time_steps_do_not_change_the_cnns_hash():
    assert TrackerConfig(tracker="cnn", steps=10).hash == TrackerConfig(tracker="cnn").hash


def test_a_copied_model_file_has_the_same_hash(tmp_path):
    copy = tmp_path / "compact.safetensors"
    copy.write_bytes(find("weights", "compact", ".safetensors").read_bytes())
    assert TrackerConfig(model=str(copy)).hash == TrackerConfig().hash


def test_different_content_under_the_same_name_changes_the_hash(tmp_path):
    coding, text = tmp_path / "rate.toml", find("equations", "rate", ".toml").read_text()
    coding.write_text(text)
    before = TrackerConfig(coding=str(coding)).hash
    coding.write_text(text + "\n# changed\n")
    assert TrackerConfig(coding=str(coding)).hash != before


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
def test_invalid_settings_are_named(settings, named):
    with refused(*named):
        TrackerConfig(**settings)


@pytest.mark.parametrize("label", PAPER_CONFIGS)
def test_labels_match_the_papers(label):
    # the paper's tracker has the exemplar of the first frame only, which is not the default
    assert TrackerConfig(**PAPER_CONFIGS[label]).label == f"{label}, 1 template"


def test_a_label_lists_differences_from_the_paper():
    assert TrackerConfig(steps=10, tau=2, scales=1).label == "SiamSNN+HSM, T=10, tau=2, 1 scale"


def test_a_loaded_model_is_accepted():
    config = TrackerConfig(model=load_model("compact"), steps=2)
    assert config.hash == TrackerConfig(model=load_model("compact"), steps=2).hash
    assert config.hash != TrackerConfig(model=replace(load_model("compact"), response_bias=1.0), steps=2).hash
    assert "SiameseModel" in repr(config) and "\n" not in repr(config)


def test_a_loaded_model_has_no_command_line_name():
    with refused("model"):
        TrackerConfig(model=load_model("compact")).arguments()


@pytest.mark.parametrize("scales", [1, 3])
def test_the_tracker_has_one_scale_for_each_crop_of_the_matcher(scales):
    tracker = TrackerConfig(steps=2, scales=scales).build_tracker()
    assert tracker.scales == tracker.matcher.crops == tracker.matcher.search_branch.batch_size == scales


def test_scales_follow_the_matcher_and_cannot_contradict_it():
    matcher = SpikingMatcher("compact", 2, crops=1)
    assert SiameseTracker(matcher).scales == 1
    with refused("scales", 1, 3):
        SiameseTracker(matcher, 3)


def test_repr_shows_differences_from_the_defaults():
    assert repr(TrackerConfig(steps=10)) == "TrackerConfig(steps=10)"


def test_the_cnn_has_no_spiking_matcher():
    with refused("tracker", "'snn'", "'cnn'"):
        TrackerConfig(tracker="cnn").build_spiking_matcher()


# waves and presets


def test_the_steps_of_a_wave_follow_from_its_window():
    assert TrackerConfig(coding="wave").settings["steps"] == 20
    assert TrackerConfig(coding="wave:p=3").settings["steps"] == 15
    assert TrackerConfig(coding="wave:p=3,waves=2").settings["steps"] == 21
    assert TrackerConfig().settings["steps"] == 20


def test_what_follows_from_the_coding_changes_no_hash_when_it_is_given():
    given = {"steps": 15, "matching": "psm", "hidden_coding": "wave:p=3", "pooling": "or_pool"}
    assert TrackerConfig(coding="wave:p=3", **given).hash == TrackerConfig(coding="wave:p=3").hash
    given = {"steps": 20, "matching": "hsm", "hidden_coding": "rate", "pooling": "max_pool"}
    assert TrackerConfig(**given).hash == TrackerConfig(coding="rate").hash
    given = {"steps": 20, "matching": "psm", "hidden_coding": "wave", "pooling": "or_pool", "coding": "wave"}
    assert TrackerConfig(**given).hash == TrackerConfig().hash


def test_a_number_of_steps_alone_means_rate_coding():
    assert TrackerConfig(steps=20).hash == TrackerConfig(coding="rate").hash
    assert TrackerConfig(steps=10).settings["matching"] == "hsm"
    with refused("steps", "p=4", 20, 10):
        TrackerConfig(steps=10, coding="wave")


def test_contradicting_steps_of_a_wave_are_named():
    with refused("steps", "p=3", 15, 20):
        TrackerConfig(coding="wave:p=3", steps=20)


def test_a_wave_is_part_of_the_label():
    assert TrackerConfig(coding="wave:p=3", matching="psm").label == "SiamSNN+PSM+wave, p=3"
    assert TrackerConfig(coding="wave", steps=20).label == "SiamSNN+PSM+wave"
    assert TrackerConfig(coding="wave", matching="hsm").label == "SiamSNN+HSM+wave"


def test_the_preset_is_the_papers_configuration():
    assert TrackerConfig(**PRESETS["paper"]).hash == TrackerConfig(coding="two_status", templates=1).hash
    assert TrackerConfig(**PRESETS["paper"]).label == "SiamSNN+HSM+TS, 1 template"
