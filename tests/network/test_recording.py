"""Spike trains recorded from a model equal the trains of its branches."""

import pytest

from brian_siamsnn.crops import target_crop
from brian_siamsnn.matching.matchers import SpikingMatcher
from brian_siamsnn.model.conversion import SpikingModel
from brian_siamsnn.model.files import load_model
from brian_siamsnn.network.recording import record_spikes
from brian_siamsnn.network.runtime import SpikingBranch
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from tests.helpers.messages import refused


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


def test_an_unknown_layer_is_refused(model, crop):
    with refused("layers", "conv1", "conv5", "'all'", "'conv9'"):
        record_spikes(model, crop, ["conv9"])


def test_a_non_square_image_is_refused(model, image):
    with refused("image", "(S, S, 3)", (360, 480, 3)):
        record_spikes(model, image)
