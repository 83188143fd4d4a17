"""Spike times worked out by hand for rate and two-status coding; the other codings are in test_codings.py."""

import brian2
import numpy as np
import pytest
from brian2 import ms

from brian_siamsnn.neurons.equations import load_equations
from tests.helpers.messages import refused


def spike_steps(equations, current, steps):
    """Steps (1, 2, ...) in which one neuron with a constant current fires, and its potential at the end."""
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


def test_negative_input_never_fires_and_a_strong_one_fires_at_every_step():
    assert spike_steps(load_equations("rate"), -0.5, 6) == ([], -3.0)
    # 1.5 a step against a threshold of 1: the surplus of 0.5 a step stays in v
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
def test_readings_of_two_status(reading, open_steps):
    # one unit a step is more than beta, so the neuron fires whenever it may
    steps, v = spike_steps(load_equations("two_status", reading=reading, beta=0.625), 1.0, 20)
    assert steps == open_steps
    assert v == 20 - 0.625 * len(open_steps)


def test_two_status_gathers_in_depression_and_discharges_after_it():
    # closed in 1-3: v = .5 1 1.5; open in 4-6: 2->1.375->(+.5) 1.875->1.25->1.75->1.125; closed again
    equations = load_equations("two_status", reading="ceil", p=3, beta=0.625)
    assert spike_steps(equations, 0.5, 7) == ([4, 5, 6], 1.625)


def test_time_step_of_one_tenth_of_a_millisecond():
    """The step number comes from timestep(t, dt): t/dt, cut off, is wrong at steps 49, 59, 81."""
    clock = brian2.Clock(dt=0.1 * ms)
    equations = load_equations("two_status", reading="floor_from_zero", p=1, beta=1.0)
    group = equations.group(1, "neuron", clock)
    group.I = 1.0
    monitor = brian2.SpikeMonitor(group)
    brian2.Network(group, monitor).run(10 * ms)
    np.testing.assert_array_equal(np.round(monitor.t / (0.1 * ms)), np.arange(0, 100, 2))


def test_a_model_of_ones_own_works_by_its_path(tmp_path):
    path = tmp_path / "leaky.toml"
    path.write_text(
        'name = "leaky"\ndescription = "loses half"\nmodel = "v : 1\\nI : 1 (constant)\\nv_th : 1 (shared, constant)"\n'
        'update = "v = leak*v + I"\nthreshold = "v >= v_th"\nreset = "v -= v_th"\non_pre = "v_post += w"\n'
        'amplitude = "v_th"\n[initial]\nv = 0\n[parameters.v_th]\ndefault = 1.0\n[parameters.leak]\ndefault = 0.5\n'
    )
    # .75 1.125->.125 .8125 1.15625
    assert spike_steps(load_equations(path), 0.75, 4)[0] == [2, 4]
    assert "leak = 0.25" in str(load_equations(path, leak=0.25))


def test_values_after_a_colon():
    equations = load_equations("two_status:reading=floor_from_zero, beta=0.75,p=3")
    assert (equations.parameters["beta"], equations.parameters["p"]) == (0.75, 3)
    assert equations == load_equations("two_status", reading="floor_from_zero", beta=0.75, p=3)
    for name, named in [
        ("two_status:beta", ["two_status", "key=value", "'beta'"]),
        ("two_status:beta=a", ["two_status", "beta", "'a'"]),
        ("two_status:p=1.5", ["two_status", "p", "'1.5'"]),
        ("two_status:q=1", ["two_status", "'q'", "'beta'", "brian-siamsnn equations two_status"]),
    ]:
        with refused(*named):
            load_equations(name)


def test_errors_name_the_thing(tmp_path):
    with refused("nonsense", "rate", "two_status", ".toml"):
        load_equations("nonsense")
    with refused("rate", "'gamma'", ["v_th", "v_init"]):
        load_equations("rate", gamma=2)
    with refused("two_status", "reading", "'up'", "'floor'"):
        load_equations("two_status", reading="up")
    path = tmp_path / "own.toml"
    for text, named in [
        ("name = ", [path, "TOML"]),
        ('name = "a"', [path, "'description'"]),
        ('nam = "a"', [path, "'nam'", "'name'"]),
        (
            'name="a"\ndescription="b"\nmodel="v:1"\nthreshold="v>1"\non_pre="v+=1"\namplitude="v"\n[initial]\nv="v0"\n',
            [path, "initial", "v", "'v0'"],
        ),
    ]:
        path.write_text(text)
        with refused(*named):
            load_equations(path)
