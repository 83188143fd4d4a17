"""Activations that spikes can represent, by hand and compared with an integrate-and-fire neuron."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from brian_siamsnn.training.quantised_activations import ClipFloorShift, ClipNoise, percentile_bound  # noqa: E402


def test_clip_floor_shift_by_hand():
    # threshold 2, 4 steps: one spike is worth 0.5, and needs at least 0.25
    gate = ClipFloorShift(2.0, 4)
    x = torch.tensor([-3.0, 0.0, 0.24, 0.25, 0.74, 0.75, 1.9, 7.0], requires_grad=True)
    output = gate(x)
    assert output.tolist() == [0, 0, 0, 0.5, 0.5, 1.0, 2.0, 2.0]
    output[-1].backward(retain_graph=True)
    assert gate.bound.grad.item() == 1.0
    output.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 1, 1, 1, 0]


@given(st.integers(-64, 192), st.integers(1, 24))
def test_clip_floor_shift_equals_the_mean_output_of_an_integrate_and_fire_neuron(sixteenths, levels):
    # binary fractions, so that neither side rounds before the comparison with the threshold
    threshold, current = 4.0, sixteenths / 16
    v, spikes = threshold / 2, 0
    for _ in range(levels):
        v += current
        if v >= threshold:
            v -= threshold
            spikes += 1
    gate = ClipFloorShift(threshold, levels).double()
    counts = gate(torch.tensor(current, dtype=torch.float64)).item() * levels / threshold
    assert counts == pytest.approx(spikes)


def test_the_rate_is_spikes_per_neuron_and_step():
    # threshold 2, 4 steps: 0, 1 and 4 spikes of 4 possible ones
    gate = ClipFloorShift(2.0, 4)
    gate(torch.tensor([-1.0, 0.5, 9.0]))
    assert gate.rate.item() == pytest.approx((0 + 1 + 4) / 12)


def test_clip_noise_spreads_by_at_most_one_level_and_keeps_silent_neurons_silent():
    torch.manual_seed(0)
    gate = ClipNoise(2.0, 4)
    output = gate(torch.full((20000,), 1.0))
    # uniform over a level of 0.5 around 1: standard deviation 0.5 / sqrt(12)
    assert 0.75 <= output.min() < 0.751
    assert 1.249 < output.max() <= 1.25
    assert output.mean().item() == pytest.approx(1, abs=0.005)
    assert output.std().item() == pytest.approx(0.5 / 12**0.5, rel=0.02)
    assert gate(torch.zeros(100)).abs().max() == 0
    assert gate(torch.full((100,), 5.0)).unique().tolist() == [2.0]


def test_a_bound_clips_the_requested_share_of_active_neurons():
    values = np.concatenate([np.zeros(5000), np.arange(1, 1001)])
    # the 50th percentile of 1..1000, without zeros
    assert percentile_bound(values, 50) == pytest.approx(500.5)
    assert percentile_bound(np.zeros(3)) == 1
