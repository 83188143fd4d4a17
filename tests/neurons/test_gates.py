"""Gates of max pooling, by hand and by definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brian_siamsnn.neurons.single_neuron import probe

#: Three inputs over seven steps. Counts after each step: 100 110 120 220 221 222 332
ARRIVING = [[1, 0, 0], [0, 1, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1], [1, 1, 0]]


@pytest.mark.parametrize(
    ("gate", "steps"),
    [
        # the maximum is 1 1 2 2 2 2 3
        ("max_pool", [0, 2, 6]),
        # the first of the largest counts is input 1 1 2 1 1 1 1; it fires in steps 0, 2, 3 and 6
        ("max_pool_first", [0, 2, 3, 6]),
        # the largest count is attained by a spike in steps 0 (100), 1 (110), 2 (120), 3 (220), 5 (222), 6 (332)
        ("max_pool_all", [0, 1, 2, 3, 5, 6]),
    ],
)
def test_gates_by_hand(gate, steps):
    run = probe(gate, arriving=ARRIVING)
    assert run.spike_steps == steps
    assert run.amplitudes == [1] * len(steps)


@pytest.mark.parametrize(
    ("gate", "sent"),
    [
        ("max_pool", {0: 0.5, 2: 0.25, 3: 0.75}),
        ("max_pool_first", {0: 0.5, 2: 0.5, 3: 1}),
        ("max_pool_all", {0: 0.5, 2: 0.5, 3: 1}),
    ],
)
def test_gates_pass_on_spike_amplitudes(gate, sent):
    # sums: .5 0 | .5 .25 | .5 .75 | 1.5 .75
    run = probe(gate, arriving=[[0.5, 0], [0, 0.25], [0, 0.5], [1, 0]])
    assert dict(zip(run.spike_steps, run.amplitudes, strict=True)) == sent


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(5, 10), st.integers(2, 5))
def test_gates_follow_their_definitions(seed, steps, inputs):
    """Cumulative counts, their maximum, and the inputs that attain it, in NumPy."""
    rng = np.random.default_rng(seed)
    fires = rng.random((steps, inputs)) < rng.random(inputs)
    counts = np.cumsum(fires, 0)
    expected = {
        "max_pool": np.diff(counts.max(1), prepend=0) > 0,
        "max_pool_first": fires[np.arange(steps), counts.argmax(1)],
        "max_pool_all": (fires & (counts == counts.max(1, keepdims=True))).any(1),
    }
    for gate, sent in expected.items():
        assert probe(gate, arriving=fires).spike_steps == np.flatnonzero(sent).tolist(), gate
    # each gate passes at least the spikes of the previous one
    assert expected["max_pool"].sum() <= expected["max_pool_first"].sum() <= expected["max_pool_all"].sum()
