"""The profile of a branch."""

import numpy as np
import pytest

from brian_siamsnn.diagnostics.profiling import PHASES, profile_branch, profile_objects
from brian_siamsnn.network.runtime import SpikingBranch
from tests.helpers.messages import refused
from tests.helpers.reference import NETWORKS, image, small_model

PICTURES = np.stack([image(26, 1), image(26, 2)])


@pytest.fixture(scope="module", params=["kernel", "synapses"])
def profiled(request):
    """A branch, its spikes before it was profiled, and its profile; burst coding has phases of its own."""
    model = small_model(NETWORKS["pools"])
    branch = SpikingBranch(model, 26, 3, hidden_coding="burst", connectivity=request.param, batch_size=2)
    expected = [trains.dense() for trains in branch.run_batch(PICTURES)]
    return branch, expected, profile_branch(branch, PICTURES, repeats=2)


def test_every_object_of_a_branch_belongs_to_a_phase_of_a_layer(profiled):
    branch, _, spent = profiled
    assert {layer for layer, _ in spent} == set(branch.groups)
    assert {phase for _, phase in spent} == set(PHASES) - {"window"}
    assert all(seconds > 0 for seconds in spent.values())


def test_only_the_first_layer_has_an_analog_current_and_all_others_have_synapses(profiled):
    branch, _, spent = profiled
    first, *others = branch.groups
    assert {layer for layer, phase in spent if phase == "current"} == {first}
    assert {layer for layer, phase in spent if phase == "input"} == set(others)


def test_profiling_does_not_change_spikes(profiled):
    branch, expected, _ = profiled
    for trains, before in zip([branch.trains(branch.last_layer, n) for n in range(2)], expected, strict=True):
        np.testing.assert_array_equal(trains.dense(), before)


def test_a_wave_calls_each_layer_once_and_then_leaves_the_last_step():
    model = small_model(NETWORKS["pools"])
    branch = SpikingBranch(model, 26, coding="wave", batch_size=2)
    measured = profile_objects(branch, PICTURES, repeats=2)
    windows = {f"{name}_window": 1 for name in branch.groups}
    assert {name: one.calls for name, one in measured.items()} == {"conv1_current": 2, **windows, "conv3_last_step": 1}
    spent = profile_branch(branch, PICTURES, objects=measured)
    assert {layer for layer, phase in spent if phase == "window"} == set(branch.groups)


def test_objects_that_run_in_every_step_are_called_so_often():
    branch = SpikingBranch(small_model(NETWORKS["plain"]), 26, 7)
    assert profile_objects(branch, image(26)[None], 1)["conv2_input"].calls == 7


def test_zero_repeats_are_refused():
    branch = SpikingBranch(small_model(NETWORKS["plain"]), 26, 1)
    with refused("repeats", 1, 0):
        profile_branch(branch, image(26)[None], 0)
