"""Spike times of rate and two-status coding by hand, and names with values (others: test_codings.py)."""

import brian2
import numpy as np
import pytest
from brian2 import ms

from brian_siamsnn.neurons.equations import load_equations
from tests.helpers.messages import refused


def spike_steps(equations, current, steps):
    """Steps (1, 2, ...) in which one neuron with a constant current fires, and its final potential."""
    clock = brian2.Clock(dt=1 * ms)
    group = equations.group(1, "neuron", clock)
    group.I = current
    monitor = brian2.SpikeMonitor(group)
    brian2.Network(group, monitor).run(steps * ms)
    return [round(t / ms) + 1 for t in monitor.t], float(group.v[0])


def test_reset_by_subtraction_keeps_the_remainder():
    # v after each step: .375 .75 1.125->.125 .5 .875 1.25->.25 .625 1->0 (fires at equality) .375
    steps, v = spike_steps(load_equations("rate"), 0.375, 9)
    assert steps == [3, 6, 8]
    assert v == 0.375


def test_negative_input_never_fires():
    assert spike_steps(load_equations("rate"), -0.5, 6) == ([], -3.0)


def test_a_strong_input_fires_in_every_step_and_the_surplus_stays():
    # 1.5 per step against a threshold of 1: the surplus of 0.5 per step stays in v
    assert spike_steps(load_equations("rate"), 1.5, 4) == ([1, 2, 3, 4], 2.0)


def test_initial_potential_shifts_the_first_spike():
    # .5 .75 1->0 .25 .5 .75 1->0
    assert spike_steps(load_equations("rate", v_init=0.25), 0.25, 7)[0] == [3, 7]


def test_threshold_scales_the_rate():
    # threshold 0.5: .25 .5->0 .25 .5->0
    assert spike_steps(load_equations("rate", v_th=0.5), 0.25, 4)[0] == [2, 4]


@pytest.mark.parametrize(
    ("reading", "open_steps"),
    [
        ("floor", [*range(1, 10), 20]),
        ("floor_from_zero", [*range(1, 11)]),
        ("real", [t for t in range(1, 21) if t != 10]),
        ("ceil", [*range(11, 21)]),
    ],
)
def test_readings_of_two_status_by_hand(reading, open_steps):
    # one unit per step is more than beta, so the neuron fires in every open step
    steps, v = spike_steps(load_equations("two_status", reading=reading, beta=0.625), 1.0, 20)
    assert steps == open_steps
    assert v == 20 - 0.625 * len(open_steps)


def test_two_status_integrates_while_closed_and_discharges_while_open():
    # closed in 1-3: v = .5 1 1.5; open in 4-6: 2->1.375->(+.5) 1.875->1.25->1.75->1.125; closed again
    equations = load_equations("two_status", reading="ceil", p=3, beta=0.625)
    assert spike_steps(equations, 0.5, 7) == ([4, 5, 6], 1.625)


def test_a_time_step_of_a_tenth_of_a_millisecond_works():
    """The step number comes from timestep(t, dt): t/dt, truncated, is wrong at steps 49, 59, 81."""
    clock = brian2.Clock(dt=0.1 * ms)
    equations = load_equations("two_status", reading="floor_from_zero", p=1, beta=1.0)
    group = equations.group(1, "neuron", clock)
    group.I = 1.0
    monitor = brian2.SpikeMonitor(group)
    brian2.Network(group, monitor).run(10 * ms)
    np.testing.assert_array_equal(np.round(monitor.t / (0.1 * ms)), np.arange(0, 100, 2))


LEAKY = """
name = "leaky"
description = "loses half"
model = '''
v : 1
I : 1 (constant)
v_th : 1 (shared, constant)
'''
update = "v = leak*v + I"
threshold = "v >= v_th"
reset = "v -= v_th"
on_pre = "v_post += w"
amplitude = "v_th"
[initial]
v = 0
[parameters.v_th]
default = 1.0
[parameters.leak]
default = 0.5
"""


@pytest.fixture
def leaky(tmp_path):
    path = tmp_path / "leaky.toml"
    path.write_text(LEAKY)
    return path


def test_a_model_from_a_file_runs(leaky):
    # .75 1.125->.125 .8125 1.15625
    assert spike_steps(load_equations(leaky), 0.75, 4)[0] == [2, 4]


def test_a_parameter_of_a_model_from_a_file_is_set_by_name(leaky):
    assert "leak = 0.25" in str(load_equations(leaky, leak=0.25))


# names with values


def test_values_after_a_colon_equal_keyword_arguments():
    equations = load_equations("two_status:reading=floor_from_zero, beta=0.75,p=3")
    assert (equations.parameters["beta"], equations.parameters["p"]) == (0.75, 3)
    assert equations == load_equations("two_status", reading="floor_from_zero", beta=0.75, p=3)


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("two_status:beta", ["key=value", "'beta'"]),
        ("two_status:beta=a", ["beta", "'a'"]),
        ("two_status:p=1.5", ["p", "'1.5'"]),
        ("two_status:q=1", ["'q'", "'beta'", "brian-siamsnn equations two_status"]),
    ],
)
def test_an_invalid_value_after_a_colon_is_named(name, named):
    with refused("two_status", *named):
        load_equations(name)


def test_an_unknown_model_is_refused_with_the_shipped_ones():
    with refused("nonsense", "rate", "two_status", ".toml"):
        load_equations("nonsense")


def test_an_unknown_parameter_is_refused_with_the_known_ones():
    with refused("rate", "'gamma'", ["v_th", "v_init"]):
        load_equations("rate", gamma=2)


def test_an_unknown_option_is_refused_with_the_known_ones():
    with refused("two_status", "reading", "'up'", "'floor'"):
        load_equations("two_status", reading="up")


UNKNOWN_START = """
name = "a"
description = "b"
model = "v:1"
threshold = "v>1"
on_pre = "v+=1"
amplitude = "v"
[initial]
v = "v0"
"""


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("name = ", ["TOML"]),
        ('name = "a"', ["'description'"]),
        ('nam = "a"', ["'nam'", "'name'"]),
        (UNKNOWN_START, ["initial", "v", "'v0'"]),
    ],
)
def test_errors_in_a_file_are_named(tmp_path, text, named):
    path = tmp_path / "own.toml"
    path.write_text(text)
    with refused(path, *named):
        load_equations(path)
