"""Networks that do not fit into memory are refused before they are built."""

import numpy as np
import pytest

from brian_siamsnn.matching.matchers import SpikingMatcher
from brian_siamsnn.model.files import SiameseModel, load_model
from brian_siamsnn.model.layers import Convolution
from tests.helpers.messages import refused


def test_a_model_for_another_tracker_or_without_end_is_refused():
    layers = (Convolution("conv1", 3, 4, 3, 2),)
    weights = {"conv1": (np.ones((4, 3, 3, 3)), np.zeros(4))}
    with refused("model", 8, 2):
        SpikingMatcher(SiameseModel(layers, weights, scales={"conv1": np.ones(4)}, normalisation="x"))
    # one channel costs 12 bytes in the file and 52,000 neurons in the network
    layers = (Convolution("conv1", 3, 65536, 1, 8),)
    weights = {"conv1": (np.ones((65536, 3, 1, 1)), np.zeros(65536))}
    wide = SiameseModel(
        (*layers, Convolution("conv2", 65536, 1, 1)),
        {**weights, "conv2": (np.ones((1, 65536, 1, 1)), np.zeros(1))},
        scales={"conv1": np.ones(65536), "conv2": np.ones(1)},
        normalisation="x",
    )
    from brian_siamsnn.network import memory
    from brian_siamsnn.network.runtime import SpikingBranch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "available_memory", lambda: 2**30)
        with refused("model", 255, "1 GiB", "3 GiB"):
            SpikingBranch(wide, 255)
    with refused("steps", 1, 5000, 10**9):
        SpikingMatcher(load_model("compact"), steps=10**9)
