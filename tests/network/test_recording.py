"""Spike trains recorded from a model equal the trains of its branches."""

import pytest

from brian_siamsnn.crops import target_crop
from brian_siamsnn.matching.spiking import SpikingMatcher
from brian_siamsnn.model.conversion import SpikingModel
from brian_siamsnn.model.files import load_model
from brian_siamsnn.network.recording import record_spikes
from brian_siamsnn.network.runtime import SpikingBranch
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from tests.helpers.messages import refused
from tests.helpers.reference import NETWORKS, small_model
from tests.helpers.reference import image as image_of


@pytest.fixture(scope="module")
def image():
    return SyntheticSequence(frames=4).render(0)


@pytest.fixture(scope="module")
def crop(image):
    return target_crop(image, SyntheticSequence(frames=4).boxes[0], "exemplar")


@pytest.fixture(scope="module")
def model():
    return load_model("compact")


@pytest.fixture(scope="module")
def recorded(model, crop):
    return record_spikes(model, crop, "all", steps=6)


def test_all_layers_are_recorded_in_order(model, recorded):
    assert list(recorded) == [layer.name for layer in model.layers]


def test_recorded_spikes_match_the_matchers_count(model, crop, recorded):
    matcher = SpikingMatcher(model, 6)
    matcher.set_exemplar(crop)
    assert sum(map(len, recorded.values())) == matcher.spikes > 0


def test_recorded_trains_equal_a_branchs(model, crop, recorded):
    branch = SpikingBranch(SpikingModel.from_model(model), 127, 6)
    assert branch.run(crop) == recorded[list(recorded)[-1]]


def test_the_last_layer_is_recorded_by_default(model, crop, recorded):
    last = list(recorded)[-1]
    assert record_spikes(model, crop, steps=6) == {last: recorded[last]}


def test_each_layer_can_have_its_own_coding(model, crop, recorded):
    codings = {"conv1": "rate", "conv2": "two_status:beta=0.5"}
    trains = record_spikes(model, crop, ["conv2", "conv1"], 6.0, hidden_coding=codings)
    assert list(trains) == ["conv1", "conv2"]
    assert trains["conv1"] == recorded["conv1"] and set(trains["conv2"].amplitude.tolist()) == {0.5}


def test_the_gate_of_the_pools_can_be_chosen():
    model = small_model(NETWORKS["pools"])
    pixels = image_of(26)
    exact, every = (record_spikes(model, pixels, "pool1", 6, pooling=gate)["pool1"] for gate in (None, "max_pool_all"))
    branch = SpikingBranch(model, 26, 6, pooling="max_pool_all", record=["pool1"])
    branch.run(pixels)
    assert every == branch.trains("pool1") != exact


def test_an_unknown_layer_is_refused(model, crop):
    with refused("layers", "conv1", "conv5", "'all'", "'conv9'"):
        record_spikes(model, crop, ["conv9"])


def test_a_non_square_image_is_refused(model, image):
    with refused("image", "(S, S, 3)", (360, 480, 3)):
        record_spikes(model, image)
