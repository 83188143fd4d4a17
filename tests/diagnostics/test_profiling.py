"""The profile of a branch."""

import numpy as np
import pytest

from brian_siamsnn.diagnostics.profiling import PHASES, profile_branch
from brian_siamsnn.network.runtime import SpikingBranch
from tests.helpers.messages import refused
from tests.helpers.reference import NETWORKS, image, small_model


@pytest.mark.parametrize("connectivity", ["kernel", "synapses"])
def test_every_object_of_a_branch_is_some_layers_phase(connectivity):
    # burst coding is updated and reset in passes of their own
    branch = SpikingBranch(
        small_model(NETWORKS["pools"]), 26, 3, hidden_coding="burst", connectivity=connectivity, batch_size=2
    )
    pictures = np.stack([image(26, 1), image(26, 2)])
    expected = [trains.dense() for trains in branch.run_batch(pictures)]
    spent = profile_branch(branch, pictures, repeats=2)
    layers = list(branch.groups)
    assert {layer for layer, _ in spent} == set(layers)
    assert {phase for _, phase in spent} == set(PHASES)
    # only the first layer has an analog current, and every other one synapses
    assert {layer for layer, phase in spent if phase == "current"} == {layers[0]}
    assert {layer for layer, phase in spent if phase == "input"} == set(layers[1:])
    assert all(seconds > 0 for seconds in spent.values())
    # measuring changes nothing
    last = layers[-1]
    for trains, before in zip([branch.trains(last, n) for n in range(2)], expected, strict=True):
        np.testing.assert_array_equal(trains.dense(), before)


def test_no_repeat_is_refused():
    branch = SpikingBranch(small_model(NETWORKS["plain"]), 26, 1)
    with refused("repeats", 1, 0):
        profile_branch(branch, image(26)[None], 0)
