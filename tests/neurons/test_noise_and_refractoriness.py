"""Neuron models with noise and refractory periods, from files."""

import brian2
import numpy as np
import pytest
from brian2 import ms

from brian_siamsnn.connectivity.first_layer import FirstLayer
from brian_siamsnn.network.genn_translation import check_genn
from brian_siamsnn.network.runtime import SpikingBranch
from brian_siamsnn.neurons.equations import TIME_STEP, load_equations
from brian_siamsnn.neurons.single_neuron import probe
from tests.helpers.messages import refused
from tests.helpers.reference import SMALLEST, image, small_model

REFRACTORY = ('reset = "v', 'refractory = "p*ms"\nreset = "v')


def test_a_refractory_neuron_does_not_fire_for_so_many_steps(own):
    # 0.75 a step: 0.75, 1.5 (fires, 0.5 left), then 1.25 and 2 while refractory; 3 ms later it fires again
    run = probe(own(*REFRACTORY), [0.75] * 8, p=3)
    assert run.spike_steps == [1, 4, 7]
    np.testing.assert_array_equal(run.v, [0.75, 0.5, 1.25, 2.0, 1.75, 2.5, 3.25, 3.0])


def test_a_condition_may_make_neurons_refractory(own):
    # refractory from a spike until a step begins with v at 2 or above; no neuron is before its first spike
    run = probe(own('reset = "v', 'refractory = "v < 2"\nreset = "v'), [0.75] * 6)
    # 0.75, 1.5 -> 0.5, 1.25, 2, 2.75 -> 1.75, 2.5
    assert run.spike_steps == [1, 4]


def test_noise_of_a_differential_equation_has_the_variance_of_its_formula(own):
    # dv = sigma*xi*sqrt(dt): after n steps of 1 ms, the variance is n*sigma**2*(1 ms)/tau
    model = load_equations(own("v : 1\n", "dv/dt = 0.5*xi/(4*ms)**0.5 : 1\n"), v_th=1000)
    group = model.group(20_000, "noisy", brian2.Clock(dt=TIME_STEP))
    brian2.seed(1)
    brian2.Network(group).run(8 * ms, namespace={})
    assert np.var(group.v) == pytest.approx(8 * 0.5**2 / 4, rel=0.03)
    assert abs(np.mean(group.v)) < 0.02


def test_a_seed_repeats_the_noise_of_a_network(own):
    noisy = own("v += I", "v += I + 0.25*randn()")
    branch = SpikingBranch(small_model(SMALLEST), 14, 10, hidden_coding=noisy)
    trains = []
    for seed in (1, 1, 2):
        brian2.seed(seed)
        trains.append(branch.run(image(14)))
    assert trains[0] == trains[1] != trains[2]


@pytest.mark.parametrize("connectivity", ["kernel", "synapses"])
def test_a_network_of_refractory_neurons_equals_a_simulation_by_hand(own, connectivity):
    path = own(*REFRACTORY)
    model = small_model(SMALLEST[:1])
    branch = SpikingBranch(model, 9, 10, f"{path}:p=3", connectivity=connectivity)
    current = FirstLayer(model).current(image(9)).astype(np.float64)
    v, last = np.zeros(current.shape), np.full(current.shape, -100)
    expected = []
    for step in range(10):
        v += current
        fired = (v >= 1) & (step - last >= 3)
        v[fired] -= 1
        last[fired] = step
        expected.append(fired)
    for _ in range(2):  # and again, with nothing left of the first image
        np.testing.assert_array_equal(branch.run(image(9)).dense() > 0, expected)
    assert np.sum(expected) > 100


def test_a_kernel_refuses_potentials_that_drop_spikes(own):
    leaky = "refractory = \"3*ms\"\nmodel = '''\ndv/dt = -v/(9*ms) : 1 (unless refractory)\n"
    path = own("model = '''\nv : 1\n", leaky)
    with refused("own", "v", "(unless refractory)", "connectivity='synapses'"):
        SpikingBranch(small_model(SMALLEST), 14, 5, str(path))
    SpikingBranch(small_model(SMALLEST), 14, 5, str(path), connectivity="synapses").run(image(14))


def test_genn_refuses_refractory_neurons(own):
    model = load_equations(own(*REFRACTORY))
    with refused("own", "GeNN", "'p*ms'", "cpp_standalone"):
        check_genn(model, SMALLEST[0], hidden=False, steps=5)


@pytest.mark.cython
def test_compiled_refractory_neurons_fire_alike(own, use_cython):
    path = own(*REFRACTORY)

    def spikes():
        return SpikingBranch(small_model(SMALLEST), 14, 10, f"{path}:p=2", hidden_coding=f"{path}:p=3").run(image(14))

    expected = spikes()
    use_cython(optimised=False)
    assert len(expected) > 10
    assert spikes() == expected


@pytest.mark.standalone
def test_a_compiled_program_starts_without_refractory_neurons(own):
    from brian_siamsnn.network.standalone import StandaloneBranch

    path = own(*REFRACTORY)
    options = {"steps": 10, "coding": f"{path}:p=3", "hidden_coding": f"{path}:p=2", "batch_size": 2}
    images = [image(14, seed) for seed in (1, 2)]
    compiled = StandaloneBranch(small_model(SMALLEST), 14, **options).run_batch(images)
    assert compiled == SpikingBranch(small_model(SMALLEST), 14, **options).run_batch(images)
