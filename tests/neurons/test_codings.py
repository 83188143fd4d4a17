"""Spike times of every coding by hand, the quantity that all of them conserve, and mixed networks."""

import brian2
import numpy as np
from brian2 import ms
from hypothesis import given, settings
from hypothesis import strategies as st

from brian_siamsnn.neurons.equations import load_equations
from brian_siamsnn.neurons.single_neuron import probe
from tests.helpers.codings import CODINGS


def test_phase_coding_sends_binary_digits():
    # K = 3, thresholds 3 * (1/2, 1/4, 1/8) = 1.5 .75 .375; each step adds .5:
    # .5 | 1->.25 | .75->.375 || .875 | 1.375->.625 | 1.125->.75
    run = probe("phase", [0.5] * 6, K=3)
    assert run.threshold.tolist() == [1.5, 0.75, 0.375, 1.5, 0.75, 0.375]
    assert run.spike_steps == [1, 2, 4, 5]
    assert run.amplitudes == [0.75, 0.375, 0.75, 0.375]
    assert run.v.tolist() == [0.5, 0.25, 0.375, 0.875, 0.625, 0.75]


def test_literal_phase_coding_fires_the_same_spikes_scaled_by_the_period():
    # Eq. 10 with K = 4: 1/2, 1/4, 1/8, 1/16
    current = [1.0, 0.25, 0.5, 0.75, -0.5, 0.875, 1.0, 0.125]
    per_step, per_period = (probe("phase", current, K=4, charge=charge) for charge in ("per_step", "per_period"))
    assert per_period.threshold.tolist() == [0.5, 0.25, 0.125, 0.0625] * 2
    assert per_period.spike_steps == per_step.spike_steps
    np.testing.assert_array_equal(4 * per_period.v, per_step.v)


def test_burst_coding_halves_its_threshold_while_it_fires():
    # .75 | 1.5->.5 | 1.25 >= .5 ->.75 | -.25 < .25 | .5 < 1 | 1.25->.25 | 0 < .5
    run = probe("burst", [0.75, 0.75, 0.75, -1.0, 0.75, 0.75, -0.25])
    assert run.threshold.tolist() == [1, 1, 0.5, 0.25, 1, 1, 0.5]
    assert run.spike_steps == [1, 2, 5]
    assert run.amplitudes == [1, 0.5, 1]
    assert run.v.tolist() == [0.75, 0.5, 0.75, -0.25, 0.5, 0.25, 0]


def test_readings_of_the_burst_recursion_by_hand():
    # a strong current keeps the burst going
    compound, single = (probe("burst", [2.0] * 4, recursion=name) for name in ("compound", "single"))
    assert compound.amplitudes == [1, 0.5, 0.25, 0.125]
    assert single.amplitudes == [1, 0.5, 0.5, 0.5]
    assert (compound.v[-1], single.v[-1]) == (8 - 1.875, 8 - 2.5)


def test_growing_burst_by_hand():
    # Park 2019: from 1/8, doubled after each spike.
    # 0.5->.375 | .875 >= .25 ->.625 | 1.125 >= .5 ->.625 | 1.125 >= 1 ->.125 | .625 < 2 | 1.125 >= 1/8 -> 1
    run = probe("burst", [0.5] * 6, gamma=2, v_0=0.125)
    assert run.spike_steps == [0, 1, 2, 3, 5]
    assert run.amplitudes == [0.125, 0.25, 0.5, 1, 0.125]


def test_growing_burst_up_to_a_constant_by_hand():
    # 1/8 once, then 1/4 for the rest of the burst
    run = probe("burst", [0.5] * 4, gamma=2, v_0=0.125, recursion="single")
    assert run.amplitudes == [0.125, 0.25, 0.25, 0.25]


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(-64, 128), min_size=1, max_size=20))
def test_a_burst_constant_of_one_is_rate_coding(current):
    current = np.array(current) / 64
    burst, rate = probe("burst", current, gamma=1), probe("rate", current)
    assert burst.spike_steps == rate.spike_steps
    np.testing.assert_array_equal(burst.v, rate.v)


def test_weighted_inputs_that_cancel_add_nothing():
    # two pixels of 0.25 and 0.5 through weights 1 and -0.5, and a dark third one: the inputs cancel
    run = probe("rate", arriving=[[0.25, 0.5, 0]] * 4, weights=[1, -0.5, 9])
    assert run.v.tolist() == [0] * 4


def test_a_pixel_that_sends_its_value_in_every_step_acts_like_a_current():
    # 0.75 through 1: .75 | 1.5->.5 | 1.25->.25 | 1->0
    assert probe("rate", arriving=[[0.75]] * 4).spike_steps == [1, 2, 3]


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(CODINGS), st.lists(st.integers(-64, 160), min_size=1, max_size=24))
def test_input_equals_potential_plus_emitted_amplitudes(coding, current):
    """Eq. 2 summed over time, in every coding: v_init + sum of I = v(T) + sum of the amplitudes."""
    equations = load_equations(coding)
    current = np.array(current) / 64  # dyadic, so that sums are exact
    run = probe(equations, current)
    share = 1 / 4 if "per_period" in coding else 1
    emitted = np.zeros(len(current))
    emitted[np.array(run.spike_steps, int)] = run.amplitudes
    np.testing.assert_array_equal(
        run.v, equations.parameters["v_init"] + share * np.cumsum(current) - np.cumsum(emitted)
    )
    # at most one spike per step (Eq. 5), whose amplitude is the threshold that was reached (Eq. 3)
    assert len(set(run.spike_steps)) == len(run.spike_steps)
    np.testing.assert_array_equal(run.amplitudes, run.threshold[np.array(run.spike_steps, int)])
    # Eq. 4: neurons fire exactly when the potential reaches the threshold
    reached = np.flatnonzero(run.at_threshold["v"] >= run.threshold)
    assert run.spike_steps == reached.tolist()


def test_codings_approximate_the_same_activations():
    """A spike train's mean amplitude per step approximates the activation in every coding, so layers can be mixed."""
    current = np.linspace(0.05, 0.7, 14)
    network, monitors = brian2.Network(), {}
    for k, coding in enumerate(
        ("rate", "phase:K=5", "burst:gamma=2,v_0=0.125", "two_status:p=5,reading=real", "burst")
    ):
        group = load_equations(coding).group(len(current), f"group{k}", brian2.Clock(dt=1 * ms))
        group.I = current
        monitors[coding] = brian2.SpikeMonitor(group, variables=["v_th"])
        network.add(group, monitors[coding])
    network.run(200 * ms)
    sent = {coding: np.bincount(spikes.i, spikes.v_th, len(current)) / 200 for coding, spikes in monitors.items()}
    # the paper's burst coding cannot: the output of an endless burst is bounded
    assert (sent.pop("burst")[current > 0.4] < 0.2).all()
    # this reading of two-status is closed in one step of ten
    np.testing.assert_allclose(sent.pop("two_status:p=5,reading=real"), np.minimum(current, 0.9 * 0.65), atol=0.03)
    for coding, mean in sent.items():
        np.testing.assert_allclose(mean, current, atol=0.03, err_msg=coding)
