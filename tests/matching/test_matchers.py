"""Matchers refuse incompatible networks and settings."""

import numpy as np

from brian_siamsnn.matching.matchers import SpikingMatcher
from brian_siamsnn.model.files import SiameseModel, load_model
from brian_siamsnn.model.layers import Convolution
from tests.helpers.messages import refused


def test_a_model_with_incompatible_strides_is_refused():
    layers = (Convolution("conv1", 3, 4, 3, 2),)
    weights = {"conv1": (np.ones((4, 3, 3, 3)), np.zeros(4))}
    with refused(8, 2):
        SpikingMatcher(SiameseModel(layers, weights, scales={"conv1": np.ones(4)}, normalisation="x"))


def test_too_many_steps_are_refused():
    with refused("steps", 1, 5000, 10**9):
        SpikingMatcher(load_model("compact"), steps=10**9)
