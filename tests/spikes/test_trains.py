"""Spike trains as a value and their statistics, by hand and compared with NumPy's indexing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from brian_siamsnn.spikes.statistics import (
    binned_counts,
    burst_lengths,
    burst_share,
    inter_spike_intervals,
    pairwise_correlation,
    population_correlation,
)
from brian_siamsnn.spikes.trains import SpikeTrains
from tests.helpers.messages import refused


def trains_of(dense):
    """SpikeTrains of an array (T, H, W, C), in the order in which a network fires."""
    step, neuron = np.nonzero(dense.reshape(len(dense), -1))
    return SpikeTrains(neuron, step, dense.reshape(len(dense), -1)[step, neuron], dense.shape[1:], len(dense))


def train(*rows):
    """Layer (1, 1, neurons) of trains written as '.|.||', one character per step."""
    return trains_of(np.array([[mark == "|" for mark in row] for row in rows], np.float32).T[:, None, None, :])


dense_arrays = hnp.arrays(
    np.float32,
    st.tuples(*(st.integers(1, n) for n in (6, 3, 4, 5))),
    elements=st.sampled_from([0.0, 0.0, 0.0, 0.5, 1.0]),
)

# a layer of 1 x 2 positions and 2 channels, 4 steps; neurons: 0 = (0,0,0), 1 = (0,0,1), 2 = (0,1,0), 3 = (0,1,1)
FOUR = train("||..", ".|.|", "....", "|...")
SMALL = SpikeTrains(FOUR.neuron, FOUR.step, FOUR.amplitude, (1, 2, 2), 4)


@given(dense_arrays)
def test_dense_inverts_the_construction_from_an_array(dense):
    trains = trains_of(dense)
    np.testing.assert_array_equal(trains.dense(), dense)
    np.testing.assert_array_equal(trains.counts(), (dense > 0).sum(0))
    np.testing.assert_allclose(trains.firing_rates(), (dense > 0).mean(0))
    np.testing.assert_allclose(trains.channel_rates(), (dense > 0).mean((0, 1, 2)))
    assert trains.mean_rate() == pytest.approx((dense > 0).mean())


@given(dense_arrays, st.sets(st.integers(0, 5)))
def test_some_steps_of_a_dense_array_are_those_of_the_whole(dense, steps):
    steps = np.array([step for step in steps if step < len(dense)], int)
    np.testing.assert_array_equal(trains_of(dense).dense(steps), dense[steps])


def test_rates_by_hand():
    # 2, 2, 0 and 1 spikes in 4 steps
    np.testing.assert_array_equal(SMALL.firing_rates(), [[[0.5, 0.5], [0, 0.25]]])
    np.testing.assert_array_equal(SMALL.channel_rates(), [0.25, 0.375])
    assert SMALL.mean_rate() == 5 / 16


def test_a_train_is_selected_by_number_or_coordinates():
    assert SMALL.times_of(1).tolist() == SMALL.times_of((0, 0, 1)).tolist() == [1, 3]


def test_a_silent_neuron_has_no_spike_times():
    assert SMALL.times_of(2).tolist() == []


@pytest.mark.parametrize("wrong", [4, -1, (0, 0, 2), (0, 0), "conv"])
def test_an_unknown_neuron_is_refused(wrong):
    with refused(0, 3, (1, 2, 2)):
        SMALL.times_of(wrong)


def test_all_trains_by_hand():
    neurons, bounds, steps = SMALL.by_neuron()
    assert (neurons.tolist(), bounds.tolist(), steps.tolist()) == ([0, 1, 3], [0, 2, 4, 5], [0, 1, 1, 3, 0])


def test_coordinates_are_in_firing_order():
    y, x, c = SMALL.coordinates()
    # step 0 has neurons 0 and 3, step 1 has 0 and 1, step 3 has 1
    assert (y.tolist(), x.tolist(), c.tolist()) == ([0] * 5, [0, 1, 0, 0, 0], [0, 1, 0, 1, 1])


@given(dense_arrays, st.randoms(use_true_random=False))
def test_equality_ignores_the_order_of_spikes(dense, random):
    trains = trains_of(dense)
    order = list(range(len(trains)))
    random.shuffle(order)
    shuffled = SpikeTrains(trains.neuron[order], trains.step[order], trains.amplitude[order], trains.shape, len(dense))
    assert trains == shuffled
    assert trains != SpikeTrains(trains.neuron, trains.step, trains.amplitude, trains.shape, len(dense) + 1)
    assert trains != "trains"
    changed = dense.copy()
    changed[0, 0, 0, 0] += 0.25
    assert trains != trains_of(changed)


def test_layers_of_different_shape_are_not_equal():
    assert SMALL != FOUR and len(SMALL) == len(FOUR)


def _choice(size):
    """A slice or a list that keeps at least one of `size` entries."""
    slices = st.tuples(st.integers(0, size - 1), st.integers(1, size)).filter(lambda s: s[0] < s[1])
    lists = st.lists(st.integers(0, size - 1), min_size=1, unique=True)
    return slices.map(lambda s: slice(*s)) | lists


@settings(max_examples=200)
@given(dense_arrays, st.data())
def test_select_equals_numpy_indexing(dense, data):
    steps, rows, columns, channels = (data.draw(_choice(size)) for size in dense.shape)
    part = trains_of(dense).select(rows, columns, channels, steps)
    np.testing.assert_array_equal(part.dense(), dense[steps][:, rows][:, :, columns][..., channels])


@pytest.mark.parametrize("wrong", [slice(2, 2), [2], [0, 0], [], "first"])
def test_an_empty_or_duplicate_selection_is_refused(wrong):
    with refused("select", "channels"):
        SMALL.select(channels=wrong)


def test_arrays_of_different_lengths_are_refused():
    none = np.array([], int)
    with refused([0, 1]):
        SpikeTrains(none, none, np.ones(1), (1, 1, 1), 1)


def test_a_neuron_outside_the_layer_is_refused():
    with refused("neurons", 0, 5, (1, 2, 3), 6):
        SpikeTrains(np.array([6]), np.array([0]), np.ones(1), (1, 2, 3), 1)


def test_a_step_after_the_last_is_refused():
    with refused("steps", 0, 3, 4):
        SpikeTrains(np.array([0]), np.array([4]), np.ones(1), (1, 2, 3), 4)


def test_intervals_by_hand():
    #      steps 0 1 4; 2; none; 1 3 5
    trains = train("||..|.", "..|...", "......", ".|.|.|")
    assert inter_spike_intervals(trains).tolist() == [1, 3, 2, 2]


def test_bursts_by_hand():
    # runs of 2 and 3; of 1, 1; of 6; the last spike of one neuron and the first of the next are no burst
    trains = train("||.|||", "|..|..", "||||||", ".....|", "|.....")
    assert burst_lengths(trains).tolist() == [2, 3, 6]
    # 1 + 2 + 5 of 15 spikes follow another one
    assert burst_share(trains) == pytest.approx(8 / 15)


def test_silence_has_no_intervals_and_no_bursts():
    silent = train("....", "....")
    assert len(inter_spike_intervals(silent)) == len(burst_lengths(silent)) == 0
    assert np.isnan(burst_share(silent))


@given(dense_arrays)
def test_bursts_and_intervals_are_consistent(dense):
    trains = trains_of(dense)
    assert (burst_lengths(trains) - 1).sum() == (inter_spike_intervals(trains) == 1).sum()
    # every firing neuron has one interval fewer than spikes
    assert len(inter_spike_intervals(trains)) == len(trains) - (trains.counts() > 0).sum()


def test_limits_of_the_burst_share():
    assert burst_share(train("|.|.|.", ".|.|.|")) == 0
    assert burst_share(train("||||||", "......")) == 5 / 6


def test_binned_counts_by_hand():
    counts = binned_counts(train("||..|.", "......", ".|.|.|"), 2)
    assert counts.tolist() == [[2, 0, 1], [0, 0, 0], [1, 1, 1]]


@pytest.mark.parametrize("wrong", [0, 4])
def test_a_bin_width_that_does_not_divide_the_steps_is_refused(wrong):
    with refused("width", 6, wrong):
        binned_counts(train("......"), wrong)


def test_correlation_by_hand():
    a, b = train("|..|", "|..."), train("|...", "|.||")
    # counts 2 0 0 1 and 2 0 1 1: deviations 5/4 -3/4 -3/4 1/4 and 1 -1 0 0; r = 2 / sqrt(11/4 * 2)
    assert population_correlation(a, b) == pytest.approx(2 / np.sqrt(5.5))
    # neuron 0: 1 0 0 1 and 1 0 0 0; deviations halves and 3/4 -1/4 -1/4 -1/4; r = 1/2 / sqrt(1 * 3/4)
    # neuron 1: 1 0 0 0 and 1 0 1 1; r = 1/4 / sqrt(3/4 * 3/4)
    expected = [0.5 / np.sqrt(0.75), 1 / 3]
    np.testing.assert_allclose(pairwise_correlation(a, b).ravel(), expected)


@given(dense_arrays)
def test_limits_of_correlation(dense):
    trains = trains_of(dense)
    varies = (dense > 0).any(0) & (dense == 0).any(0)
    own = pairwise_correlation(trains, trains)
    np.testing.assert_allclose(own[varies], 1)
    assert np.isnan(own[~varies]).all()
    opposite = trains_of((dense == 0).astype(np.float32))
    # a neuron and its complement: if both ever fire, they never fire together
    np.testing.assert_allclose(pairwise_correlation(trains, opposite)[varies], -1)


def test_correlation_equals_numpy():
    rng = np.random.default_rng(0)
    a, b = (trains_of((rng.random((20, 2, 3, 4)) < 0.3).astype(np.float32)) for _ in range(2))
    counts = zip(binned_counts(a, 4), binned_counts(b, 4), strict=True)
    with np.errstate(invalid="ignore"):  # NumPy's NaN for a constant row comes with a warning
        each = [np.corrcoef(x, y)[0, 1] for x, y in counts]
    assert np.isfinite(each).sum() > 15
    np.testing.assert_allclose(pairwise_correlation(a, b, 4).ravel(), each)
    sums = [binned_counts(trains, 4).sum(0) for trains in (a, b)]
    assert population_correlation(a, b, 4) == pytest.approx(np.corrcoef(*sums)[0, 1])


def test_correlating_trains_with_different_steps_is_refused():
    with refused("steps", 4, 6):
        population_correlation(train("|..."), train("|....."))


def test_pairwise_correlation_of_different_shapes_is_refused():
    with refused("shape", (1, 1, 1), (1, 1, 2)):
        pairwise_correlation(train("|..."), train("|...", "|..."))


def test_a_constant_train_has_no_correlation():
    assert np.isnan(population_correlation(train("||||"), train("|...")))


@pytest.mark.parametrize(
    ("neuron", "step", "named"), [([1, 2], [0, 2.5], ["step", 2.5]), ([1.5], [0], ["neuron", 1.5])]
)
def test_a_fraction_of_a_step_or_neuron_is_refused(neuron, step, named):
    with refused(*named):
        SpikeTrains(np.array(neuron), np.array(step), np.ones(len(step)), (1, 1, 4), 5)


def test_whole_numbers_of_any_type_are_indices():
    trains = SpikeTrains(np.array([1.0, 3.0]), np.array([0.0, 4.0]), np.ones(2), (1, 1, 4), 5)
    assert (
        trains.dense()[4, 0, 0].tolist() == [0, 0, 0, 1] and trains.neuron.dtype.kind == trains.step.dtype.kind == "i"
    )


def test_an_infinite_step_is_refused():
    with refused("step", "inf"):
        SpikeTrains(np.array([1]), np.array([np.inf]), np.ones(1), (1, 1, 4), 5)
