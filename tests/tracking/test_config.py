"""Settings of a tracker: checked, labelled, and told apart by their hash."""

import pytest

from brian_siamsnn.files import find
from brian_siamsnn.tracking.config import PAPER_CONFIGS, TrackerConfig
from tests.helpers.messages import refused


def test_the_same_settings_have_the_same_hash():
    assert TrackerConfig().hash == TrackerConfig().hash


def test_each_setting_changes_the_hash():
    others = [{"steps": 10}, {"tau": 2}, {"lambda_t": 5.0}, {"coding": "two_status"}, {"scales": 1}]
    hashes = {TrackerConfig(**settings).hash for settings in [{}, *others]}
    assert len(hashes) == len(others) + 1


def test_time_steps_do_not_change_the_hash_of_the_cnn():
    assert TrackerConfig(tracker="cnn", steps=10).hash == TrackerConfig(tracker="cnn").hash


def test_a_copy_of_a_model_elsewhere_has_the_same_hash(tmp_path):
    copy = tmp_path / "compact.safetensors"
    copy.write_bytes(find("weights", "compact", ".safetensors").read_bytes())
    assert TrackerConfig(model=str(copy)).hash == TrackerConfig().hash


def test_another_content_under_the_same_name_has_another_hash(tmp_path):
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
def test_wrong_settings_are_named(settings, named):
    with refused(*named):
        TrackerConfig(**settings)


@pytest.mark.parametrize("label", PAPER_CONFIGS)
def test_labels_are_the_papers(label):
    assert TrackerConfig(**PAPER_CONFIGS[label]).label == label


def test_a_label_has_what_differs_from_the_paper():
    assert TrackerConfig(steps=10, tau=2, scales=1).label == "SiamSNN+HSM, T=10, tau=2, 1 scale"
