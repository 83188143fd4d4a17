"""Counted operations compared with explicit synapses, PyTorch and hand calculation."""

import brian2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brian_siamsnn.energy.cost_models import Constant, CostModel, load_cost_models
from brian_siamsnn.energy.counter import OperationCounter, localisation_macs
from brian_siamsnn.energy.operations import (
    LayerCounts,
    OperationCounts,
    convolution_macs,
    count_branch,
    matching_operations,
)
from brian_siamsnn.energy.pricing import price
from brian_siamsnn.energy.table3 import frontier
from brian_siamsnn.matching.similarity import Template, matching_kernel
from brian_siamsnn.model.layers import ALEXNET, MaxPool, convolutions
from brian_siamsnn.network.runtime import SpikingBranch
from brian_siamsnn.spikes.trains import SpikeTrains
from tests.helpers.messages import refused
from tests.helpers.reference import NETWORKS, image, small_model

SIZE, STEPS = 26, 9


@pytest.mark.parametrize("network", NETWORKS)
def test_counts_equal_explicit_synapses_step_by_step(network):
    """Every spike seen by Brian2's monitors, times the synapses of its neuron in Brian2."""
    model = small_model(NETWORKS[network])
    names = [layer.name for layer in model.layers]
    explicit = SpikingBranch(model, SIZE, STEPS, connectivity="synapses", record=tuple(names))
    explicit.run(image(SIZE))
    kernel = SpikingBranch(model, SIZE, STEPS)
    kernel.run(image(SIZE))
    outgoing = {}
    for obj in explicit.network.objects:
        if isinstance(obj, brian2.Synapses):
            outgoing[obj.target.name] = np.bincount(obj.i[:], minlength=obj.source.N)
    for branch in (explicit, kernel):
        work = count_branch(branch)
        for before, layer in zip(work.layers, work.layers[1:], strict=False):
            trains = explicit.trains(before.name)
            expected = np.bincount(trains.step, outgoing[layer.name][trains.neuron], STEPS)
            np.testing.assert_array_equal(layer.operations, expected, err_msg=layer.name)
            np.testing.assert_array_equal(before.spikes, np.bincount(trains.step, minlength=STEPS))
            assert layer.synapses == outgoing[layer.name].sum()
            assert layer.pooling == isinstance(model.layers[names.index(layer.name)], MaxPool)
            assert expected.sum() > 0
        assert work.updates == STEPS * sum(group.N for group in explicit.groups.values())
        assert work.steps == STEPS
        pools = sum(layer.operations.sum() for layer in work.layers if layer.pooling)
        assert (work.pooling_events, work.operations + pools) == (
            pools,
            sum(layer.operations.sum() for layer in work.layers),
        )


def test_macs_of_siamfc_by_hand():
    """2,719,701,792 for one search crop: half of the paper's 5.44e9 FLOPs (Table III)."""
    macs = convolution_macs(ALEXNET, 255)
    assert sum(macs.values()) == 2_719_701_792
    assert f"{2 * sum(macs.values()):.2e}" == "5.44e+09"
    # conv1 by hand: 123 x 123 positions, 96 channels, 11 x 11 x 3 inputs each
    assert macs["conv1"] == 123**2 * 96 * 363


def test_macs_equal_pytorchs_multiplications():
    torch = pytest.importorskip("torch", reason="the reference is PyTorch's FLOP counter")
    from torch.utils.flop_counter import FlopCounterMode

    for layers in NETWORKS.values():
        for layer in convolutions(layers):
            convolution = torch.nn.Conv2d(
                layer.in_channels, layer.out_channels, layer.kernel, layer.stride, groups=layer.groups
            )
            with FlopCounterMode(display=False) as counter:
                convolution(torch.zeros(1, layer.in_channels, 19, 19))
            assert 2 * convolution_macs((layer,), 19)[layer.name] == counter.get_total_flops()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(0, 3))
def test_matching_operations_are_the_nonzero_products(seed, side, larger):
    """With an exemplar of ones, the response sums one product for each spike and shift, so it counts the products."""
    rng = np.random.default_rng(seed)
    steps, channels = 5, 3
    shape = (side + larger, side + larger + 1, channels)
    fired = rng.random((steps, *shape)) < 0.3
    step, neuron = np.nonzero(fired.reshape(steps, -1))
    trains = SpikeTrains(neuron, step, np.ones(len(step)), shape, steps)
    counted = matching_operations(trains, side)
    ones = Template(np.ones((1, side, side, channels), np.float32))
    for t in range(steps):
        assert counted[t] == ones.match(fired[t : t + 1].astype(np.float32)).sum()
    assert counted.sum() <= len(trains) * side**2


def test_localisation_by_hand():
    # 17 x 17 upsampled to 272 x 272: 16 neighbours for each value of three scales; normalised and windowed for the best
    assert localisation_macs(17, 3) == 272 * 272 * (3 * 16 + 2)


def _work():
    layers = (
        LayerCounts("conv1", False, 10, 0, 1000, np.array([4, 6]), np.array([0, 0]), np.array([10, 10])),
        LayerCounts("pool1", True, 5, 40, 0, np.array([2, 3]), np.array([8, 12]), np.array([5, 5])),
        LayerCounts("conv2", False, 4, 60, 0, np.array([1, 2]), np.array([30, 50]), np.array([4, 4])),
    )
    return OperationCounts(layers, np.array([3, 7]), 500)


def model_of(name, runs, **constants):
    return CostModel(name, name, runs, "", {key: Constant(value, "measured", "") for key, value in constants.items()})


HOST = model_of("host", "arrays", mac=0.25)


def test_an_energy_bill_by_hand():
    constants = {"synaptic_operation": 2.0, "neuron_update": 3.0, "spike": 5.0, "static_power": 7.0, "tick": 0.5}
    bill = price(_work(), model_of("chip", "spikes", **constants), HOST, chips=4)
    assert (bill.synapses, bill.pooling, bill.matching) == (2 * 80, 2 * 20, 2 * 10)
    assert (bill.neurons, bill.spikes) == (3 * 38, 5 * 18)
    assert bill.seconds == 2 * 0.5  # two steps
    assert bill.static == 4 * 7 * 1.0
    assert (bill.first_layer, bill.host) == (250, 125)
    assert bill.total == 160 + 40 + 20 + 114 + 90 + 28 + 250 + 125


@pytest.fixture
def bill_of_both():
    return price(_work(), model_of("both", "both", synaptic_operation=1.0, mac=10.0), HOST)


def test_hardware_with_multipliers_computes_the_first_layer_itself(bill_of_both):
    assert bill_of_both.first_layer == 10_000


def test_hardware_without_a_clock_takes_no_time(bill_of_both):
    assert (bill_of_both.seconds, bill_of_both.static) == (None, 0)


@pytest.mark.parametrize("mean", [(_work() + _work()) / 2, (_work() + _work() + _work()) / 3])
def test_the_mean_of_equal_work_is_that_work(mean):
    assert mean.counts == _work().counts
    np.testing.assert_array_equal(mean.matching, _work().matching)
    assert [layer.synapses for layer in mean.layers] == [0, 40, 60]


def test_work_adds_up():
    assert (_work() + _work()).operations == 2 * _work().operations == 160


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=30))
def test_the_frontier_has_the_points_that_no_other_dominates(points):
    best = frontier(points)
    for k in range(len(points)):
        beaten = any(e <= points[k][0] and a >= points[k][1] and (e, a) != points[k] for e, a in points)
        same = [points[n] for n in best if points[n] == points[k]]
        assert bool(same) != beaten
        assert len(same) <= 1


class FakeMatcher:
    """Two branches of a small network, and matches like those of the real matcher."""

    def __init__(self, images):
        model = small_model(NETWORKS["pools"])
        self.exemplar_branch = SpikingBranch(model, 22, STEPS)
        self.search_branch = SpikingBranch(model, SIZE, STEPS, batch_size=images)

    def set_exemplar(self, crop):
        self.template = Template.from_trains(self.exemplar_branch.run(crop).dense(), matching_kernel("hsm", STEPS))

    def match(self, crops):
        trains = self.search_branch.run_batch(np.asarray(crops))
        return np.stack([self.template.match(one.dense()) for one in trains])


def test_there_is_no_mean_without_a_searched_frame():
    with refused("--frames"):
        OperationCounter(FakeMatcher(1)).mean_frame()


CROPS = [image(SIZE, seed) for seed in range(2)]


@pytest.fixture(scope="module")
def counted():
    """Counters for scales run separately and side by side, after two frames, and their responses."""
    counters = [OperationCounter(FakeMatcher(images)) for images in (1, 2)]
    responses = []
    for counter in counters:
        counter.set_exemplar(image(22))
        # the same crops in another order are the same frame
        responses.append([counter.match(CROPS), counter.match(CROPS[::-1])])
    return *counters, responses


def test_counting_does_not_change_responses(counted):
    np.testing.assert_array_equal(*counted[2])


def test_scales_are_counted_separately_or_together(counted):
    apart, together, _ = counted
    assert [len(works) for works in apart.frames + together.frames] == [2, 2, 1, 1]


def test_scales_together_are_the_sum_of_separate_scales(counted):
    apart, together, _ = counted
    first, second = (work.counts for work in apart.frames[0])
    assert first["synaptic_operations"] != second["synaptic_operations"]
    whole = together.frames[0][0].counts
    assert whole == {key: first[key] + second[key] for key in whole}


def test_the_mean_frame_is_the_same_separately_and_together(counted):
    apart, together, _ = counted
    assert apart.mean_frame().counts == together.mean_frame().counts


def test_the_exemplar_count_is_the_same_separately_and_together(counted):
    apart, together, _ = counted
    assert apart.exemplar.counts == together.exemplar.counts


def test_a_new_exemplar_resets_the_count():
    counter = OperationCounter(FakeMatcher(1))
    for _ in range(2):
        counter.set_exemplar(image(22))
        assert counter.frames == []
        counter.match(CROPS)
    assert len(counter.frames) == 1


@pytest.mark.parametrize(
    ("name", "joules"), [("truenorth", 2.75e-3), ("truenorth-typical", 23.91e-3), ("truenorth-26pJ", 28.6e-3)]
)
def test_energy_of_the_published_counts_by_hand(name, joules):
    """1.10e9 synaptic operations at 400 GSOPS/W are 2.75e-3 J, at 46 GSOPS/W 23.9 mJ, at 26 pJ 28.6 mJ."""
    layer = LayerCounts("conv2", False, 1, 1, 0, np.array([0]), np.array([1_100_000_000]), np.array([1]))
    costs = load_cost_models()
    bill = price(OperationCounts((layer,), np.array([0])), costs[name], costs["cmos45-fp32"])
    assert bill.total == pytest.approx(joules, rel=1e-3)
