"""Both of the runtime's code generators give the same spikes for all codings and gates (others: test_devices.py)."""

import pytest

from brian_siamsnn.neurons.single_neuron import probe
from tests.helpers.coding_network import CODINGS, GATES, STEPS, simulate


@pytest.fixture(scope="module")
def numpy_spikes():
    return simulate()


def test_numpy_gives_the_same_spikes_as_single_neurons(numpy_spikes):
    """The strongest neuron of each coding, alone."""
    for coding in CODINGS:
        run = probe(coding, [1.25] * STEPS)
        own = [(step, amplitude) for neuron, step, amplitude in numpy_spikes[coding] if neuron == 5]
        assert own == list(zip(run.spike_steps, run.amplitudes, strict=True)), coding
    assert all(len(numpy_spikes[name]) > 5 for name in (*CODINGS, *GATES, "rate"))
    assert len({amplitude for _, _, amplitude in numpy_spikes["max_pool"]}) > 2


@pytest.mark.cython
def test_cython_and_numpy_give_the_same_spikes(numpy_spikes, use_cython):
    # those whose equations test_runtime.py does not compile; every population here takes 15 seconds
    codings, gates = ["phase:K=4", "burst", "two_status:beta=0.625,p=3"], ["max_pool_first"]
    use_cython(optimised=False)
    found = simulate(codings, gates)
    assert all(found[name] == numpy_spikes[name] for name in (*codings, *gates))
