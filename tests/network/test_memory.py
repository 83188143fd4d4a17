"""Networks that do not fit into memory are refused before they are built."""

import numpy as np

from brian_siamsnn.model.conversion import SpikingModel
from brian_siamsnn.model.files import SiameseModel
from brian_siamsnn.model.layers import ALEXNET, Convolution
from brian_siamsnn.network import memory
from brian_siamsnn.network.runtime import SpikingBranch
from tests.helpers.messages import refused
from tests.helpers.reference import small_model


def test_neurons_that_exceed_memory_are_refused(monkeypatch):
    # one channel costs 12 bytes in the file and 52,000 neurons in the network
    layers = (Convolution("conv1", 3, 65536, 1, 8), Convolution("conv2", 65536, 1, 1))
    weights = {
        "conv1": (np.ones((65536, 3, 1, 1)), np.zeros(65536)),
        "conv2": (np.ones((1, 65536, 1, 1)), np.zeros(1)),
    }
    scales = {"conv1": np.ones(65536), "conv2": np.ones(1)}
    wide = SpikingModel.from_model(SiameseModel(layers, weights, scales=scales, normalisation="x"))
    monkeypatch.setattr(memory, "available_memory", lambda: 2**30)
    with refused(255, "1 GiB", "3 GiB"):
        SpikingBranch(wide, 255)


def test_explicit_synapses_that_exceed_memory_are_refused_with_an_alternative():
    with refused(255, "66 GiB", "connectivity='kernel'"):
        SpikingBranch(small_model(ALEXNET), 255, connectivity="synapses")
