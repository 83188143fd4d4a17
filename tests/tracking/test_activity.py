"""The spike panel beside the video."""

import numpy as np
import pytest

from brian_siamsnn.network.runtime import SpikingBranch
from brian_siamsnn.network.snapshot import BranchSnapshot, take_snapshot
from brian_siamsnn.palette import BLUE, VERMILION
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from brian_siamsnn.tracking import live
from tests.helpers.pictures import rgb


def test_activity_equals_the_spikes_of_the_branch():
    branch = SpikingBranch("compact", 127, 5, batch_size=3)
    image = next(iter(SyntheticSequence(frames=1)))[:127, :127]
    trains = branch.run_batch(np.stack([image, image[::-1], image[:, ::-1]]))
    fired = trains[1].dense().reshape(5, -1) > 0
    whole = take_snapshot(branch, count=10**6)
    np.testing.assert_array_equal(whole.raster, fired)
    some = take_snapshot(branch, count=100)
    assert some.raster.shape == (5, 100) and some.neurons[0] == 0 and some.neurons[-1] == fired.shape[1] - 1
    np.testing.assert_array_equal(some.raster, fired[:, some.neurons])
    assert some.rates["conv5"] == pytest.approx(np.mean([one.firing_rates().mean() for one in trains]))


def test_the_panel_draws_rates_to_scale_and_time_steps_left_to_right():
    raster = np.zeros((4, 8), bool)
    raster[2] = True
    panel = live.draw_activity(BranchSnapshot({"a": 0.05, "b": 0.1}, "b", np.arange(8), raster), 480, 150)
    lengths = [(panel == rgb(colour)).all(-1).any(0).sum() for colour in (BLUE, VERMILION)]
    assert lengths[1] == pytest.approx(2 * lengths[0], abs=1) and lengths[0] > 10
    bright = (panel[30:140, :220] > 200).all((0, 2))
    columns = np.flatnonzero(bright)
    assert 8 + 110 - 3 <= columns[0] and columns[-1] <= 8 + 165 + 3  # the third quarter of the part left of the middle
