"""Code of resting layers is left out without a trace: runs equal Brian2's own, what is attached sees every step."""

from collections import Counter
from contextlib import closing
from dataclasses import replace

import brian2
import numpy as np
import pytest
from brian2 import ms

from brian_siamsnn.network.runtime import SpikingBranch
from tests.helpers.reference import NETWORKS, image, small_model

SIZE = 26
WAVES = ["wave", "wave:p=3,waves=2", "wave:p=1"]


def model_of(name="pools"):
    return replace(small_model(NETWORKS[name]), initial_potential=0.5)


def everything(branch):
    """Spikes of all layers, and the variables of all groups after the run."""
    spikes = {name: branch.trains(name).dense() for name in branch._recorded}
    states = {}
    for name, group in branch.groups.items():
        for variable in sorted(group.equations.names - {"t"}):
            states[name, variable] = np.array(getattr(group, f"{variable}_")[:])
    counts = {name: list(steps) for part in (branch.spikes, branch.operations) for name, steps in part.items()}
    return spikes, states, counts


def assert_equal_to_brian2(branch):
    branch.run(image(SIZE))
    left_out = everything(branch)
    branch.show(image(SIZE))
    branch.network.run(branch.steps * ms, namespace={})
    for mine, brian2s in zip(left_out, everything(branch), strict=True):
        for key, values in brian2s.items():
            np.testing.assert_array_equal(mine[key], values, err_msg=str(key))
    return left_out[0]


def calls_by_name(branch):
    counted = Counter()

    def execute(call):
        counted[call.name] += 1
        call.run()

    with closing(branch.stepwise(image(SIZE)[None], execute)) as steps:
        for _ in steps:
            pass
    return counted


@pytest.mark.parametrize("coding", WAVES)
@pytest.mark.parametrize("pooling", ["or_pool", "max_pool"])
def test_a_run_equals_brian2s_own_run(coding, pooling):
    branch = SpikingBranch(
        model_of(), SIZE, coding=coding, pooling=pooling, record=[layer.name for layer in NETWORKS["pools"]]
    )
    spikes = assert_equal_to_brian2(branch)
    assert all(spikes[name].any() for name in spikes)


def test_explicit_synapses_too():
    names = [layer.name for layer in NETWORKS["groups"]]
    assert_equal_to_brian2(
        SpikingBranch(model_of("groups"), SIZE, coding="wave", connectivity="synapses", record=names)
    )


def test_code_runs_in_the_steps_of_a_layer_only():
    """Threshold: the first step, the p steps of the window and the one after it; update: while it gathers."""
    branch = SpikingBranch(model_of("plain"), SIZE, coding="wave:p=3")
    counted = calls_by_name(branch)
    thresholds = [counted[branch.groups[name].thresholder["spike"].name] for name in ("conv1", "conv2", "conv3")]
    assert thresholds == [4, 5, 4]  # the first window begins in the first step, and nothing follows the last one
    assert [counted[f"{name}_update"] for name in ("conv2", "conv3")] == [3, 3]


def test_rate_coding_runs_everything():
    branch = SpikingBranch(model_of("plain"), SIZE, 7)
    counted = calls_by_name(branch)
    assert {counted[branch.groups[name].thresholder["spike"].name] for name in branch.shapes} == {7}


def test_a_threshold_within_reach_is_tested_in_every_step():
    """Depressed neurons with alpha = 1.5 fire, too."""
    names = [layer.name for layer in NETWORKS["plain"]]
    branch = SpikingBranch(model_of("plain"), SIZE, coding="wave:alpha=1.5", record=names)
    spikes = assert_equal_to_brian2(branch)
    assert spikes["conv3"][:8].any()


def test_what_is_attached_to_a_resting_layer_sees_every_step():
    branch = SpikingBranch(model_of("plain"), SIZE, coding="wave")
    monitor = brian2.StateMonitor(branch.groups["conv1"], ["v", "v_th"], record=[0, 7], clock=branch.clock, when="end")
    spikes = brian2.SpikeMonitor(branch.groups["conv2"])
    branch.add(monitor, spikes)
    branch.run(image(SIZE))
    assert monitor.v_th[0].tolist() == [1.0] * 4 + [1e9] * 8
    np.testing.assert_array_equal(monitor.v[:, 4:], np.repeat(monitor.v[:, 3:4], 8, axis=1))
    assert len(spikes.i) == branch.spikes["conv2"].sum() > 100
    assert set(np.round(spikes.t / ms).astype(int)) <= {4, 5, 6, 7}


def test_an_operation_that_shifts_a_layer_is_obeyed():
    """An onset set by hand moves the window of that layer, in steps that would otherwise be left out."""
    branch = SpikingBranch(model_of("plain"), SIZE, coding="wave", record=["conv3"])
    branch.run(image(SIZE))
    before = branch.trains("conv3").dense()
    branch.groups["conv3"].onset = 6
    shifted = assert_equal_to_brian2(branch)["conv3"]
    assert shifted[6:8].any() and not np.array_equal(shifted, before)
