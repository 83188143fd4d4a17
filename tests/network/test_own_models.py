"""Networks with neuron models from files: valid models run, and unusable parts are named."""

import numpy as np
import pytest

from brian_siamsnn.network.runtime import SpikingBranch
from brian_siamsnn.neurons.single_neuron import probe
from tests.helpers.messages import refused
from tests.helpers.reference import NETWORKS, image, small_model

SIZE, STEPS = 26, 12


OWN = '''
name = "adaptive"
description = "integrate-and-fire whose threshold grows with each spike of its own"
model = """
v : 1
I : 1 (constant)
v_th : 1
spent : 1
"""
update = "v += I"
threshold = "v >= v_th"
reset = """
v -= v_th
spent += 1
v_th = 1 + 0.125*spent
"""
on_pre = "v_post += w * {amplitude}_pre"
amplitude = "v_th"
[initial]
v_th = 1.0
'''


@pytest.fixture
def altered(tmp_path):
    """A function that writes `OWN` with text replaced, and returns its path."""
    path = tmp_path / "own.toml"

    def write(*replaced):
        text = OWN
        for old, new in replaced:
            text = text.replace(old, new)
        path.write_text(text)
        return str(path)

    return write


def test_a_custom_neuron_model_runs_and_its_state_is_reset(tmp_path):
    path = tmp_path / "adaptive.toml"
    path.write_text(OWN)
    model = small_model(NETWORKS["plain"])
    results = {}
    for connectivity in ("kernel", "synapses"):
        options = {"hidden_coding": str(path), "connectivity": connectivity, "dtype": np.float64}
        branch = SpikingBranch(model, SIZE, STEPS, str(path), **options)
        results[connectivity] = [branch.run(image(SIZE)).dense() for _ in range(2)]
        # `spent` is not listed under [initial], but still restarts at zero
        np.testing.assert_array_equal(*results[connectivity])
    np.testing.assert_array_equal(results["kernel"][0], results["synapses"][0])
    assert len(np.unique(results["kernel"][0])) > 3  # amplitudes 0, 1, 1.125, 1.25, ...


def test_the_kernel_refuses_unsupported_models(altered):
    path = altered(("w * {amplitude}_pre", "2 * w"))
    with refused("adaptive", "'v_post += 2 * w'", "connectivity='synapses'"):
        SpikingBranch(small_model(NETWORKS["plain"]), SIZE, coding=path)


def test_explicit_synapses_run_models_that_the_kernel_refuses(altered):
    path = altered(("w * {amplitude}_pre", "2 * w"))
    SpikingBranch(small_model(NETWORKS["plain"]), SIZE, 2, path, connectivity="synapses").run(image(SIZE))


def test_neurons_without_an_input_current_are_refused(altered):
    path = altered(("I : 1 (constant)", "J : 1"), ("v += I", "v += J"))
    with refused("adaptive", "I", ["J", "spent", "v", "v_th"]):
        SpikingBranch(small_model(NETWORKS["plain"]), SIZE, coding=path)


def test_an_invalid_threshold_expression_is_named(altered):
    path = altered(("v >= v_th", "v >="))
    with refused(path, "'threshold'", "Brian2", "invalid syntax"):
        SpikingBranch(small_model(NETWORKS["plain"]), SIZE, coding=path)


def test_a_variable_with_a_unit_is_named(altered):
    path = altered(("v : 1", "v : volt"))
    with refused(path, "'model'", "'v : volt'"):
        SpikingBranch(small_model(NETWORKS["plain"]), SIZE, coding=path)


@pytest.mark.parametrize(("added", "named"), [("I/v", "divide"), ("sqrt(v)/v", "invalid")])
def test_a_division_by_zero_is_refused_in_a_network_and_for_one_neuron(altered, added, named):
    """Brian2's NumPy code would go on with infinity, or with no number, and its Cython code stops."""
    path = altered(("v += I", f"v += {added}"))  # v is 0 before the first step
    with refused("adaptive", named):
        probe(path, [1.0, 1.0])
    with refused("step", 0, named):
        SpikingBranch(small_model(NETWORKS["plain"]), SIZE, 3, path).run(image(SIZE))
