"""The differentiable branch of a wave, by hand and against integrate-and-fire neurons."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from brian_siamsnn.model.cnn import SiamFC  # noqa: E402
from brian_siamsnn.model.fixed_point_weights import shared_units  # noqa: E402
from brian_siamsnn.model.layers import Convolution, MaxPool  # noqa: E402
from brian_siamsnn.training.quantised_branch import QuantisedBranch, straight_through  # noqa: E402


def one_weight(*bounds, batch_norm=False):
    """A chain of 1x1 convolutions of one channel with weight 1 and bias 0; the first takes red."""
    names = [f"conv{k + 1}" for k in range(len(bounds))]
    layers = tuple(Convolution(name, 1 if k else 3, 1, 1, batch_norm=batch_norm) for k, name in enumerate(names))
    network = SiamFC(layers).eval()
    with torch.no_grad():
        for name in names:
            convolution = network.stages[name][0]
            convolution.weight.zero_()
            convolution.weight[0, 0] = 1
            convolution.bias.zero_()
    branch = QuantisedBranch(network, 4)
    with torch.no_grad():
        for name, bound in zip(names, bounds, strict=True):
            branch.bounds[name].fill_(bound)
    return network, branch


def red(values):
    images = torch.zeros(1, 3, 1, len(values))
    images[0, 0, 0] = torch.tensor(values)
    return images


def test_counts_by_hand():
    # threshold 2 and 4 levels: a level is 0.5, and half of it rounds up
    _, branch = one_weight(2.0)
    counts = branch.counts(branch.weights(), red([-3.0, 0.0, 0.24, 0.25, 0.74, 0.75, 1.9, 7.0]))
    assert counts.flatten().tolist() == [0, 0, 0, 1, 1, 2, 4, 4]
    assert branch.rates["conv1"].item() == pytest.approx(12 / (8 * 4))


def test_features_are_counts_in_the_units_of_the_network():
    _, branch = one_weight(2.0, 3.0)
    # 0.5 is one spike of 0.5; in units of the next threshold 4/6 of a level of 0.75, which rounds up to one
    assert branch.embed(branch.weights(), red([0.5, 2.0])).flatten().tolist() == [0.75, 2.25]


def test_gradients_reach_weights_and_bounds():
    network, branch = one_weight(2.0)
    branch.embed(branch.weights(), red([7.0])).sum().backward()
    # a clipped activation is the bound
    assert branch.bounds["conv1"].grad.item() == pytest.approx(1.0)
    assert network.stages["conv1"][0].weight.grad.abs().max() == 0
    branch.bounds["conv1"].grad = None
    branch.embed(branch.weights(), red([1.0])).sum().backward()
    assert network.stages["conv1"][0].weight.grad[0, 0].item() == pytest.approx(1.0)
    assert branch.bounds["conv1"].grad.item() == pytest.approx(0.0, abs=1e-6)


def test_straight_through_by_hand():
    x = torch.tensor([0.4, 1.6], requires_grad=True)
    y = straight_through((x.detach() * 3).floor(), x)
    assert y.tolist() == [1.0, 4.0]
    (y * torch.tensor([2.0, 5.0])).sum().backward()
    assert x.grad.tolist() == [2.0, 5.0]


@given(st.integers(-64, 192), st.integers(1, 24))
@settings(max_examples=50)
def test_a_count_equals_the_spikes_of_an_integrate_and_fire_neuron(sixteenths, levels):
    # binary fractions, so that neither side rounds before the comparison with the threshold
    threshold, current = 4.0, sixteenths / 16
    v, spikes = 0.5 + levels * current / threshold, 0
    for _ in range(levels):  # a wave's neuron gathers first, and then fires
        if v >= 1:
            v -= 1
            spikes += 1
    _, branch = one_weight(threshold)
    branch.levels = levels
    assert branch.counts(branch.weights(), red([current])).item() == spikes


def random_branch(seed):
    torch.manual_seed(seed)
    layers = (Convolution("conv1", 3, 6, 5, 2), MaxPool("pool1", 2, 1), Convolution("conv2", 6, 4, 3, groups=2))
    network = SiamFC(layers)
    for _ in range(3):  # batch norm with statistics of its own
        network.embed(torch.rand(4, 3, 40, 40) * 255)
    return network.eval()


def test_first_bounds_lose_less_than_others():
    network = random_branch(0)
    images = torch.rand(2, 3, 40, 40) * 255
    branch = QuantisedBranch(network, 4)
    branch.set_bounds([images])

    def error(factor):
        with torch.no_grad():
            activations = network.activations(images)["conv1"]
            bound = branch.bounds["conv1"] * factor
            levels = bound / 4 * (activations * 4 / bound + 0.5).floor().clamp(0, 4)
            return (levels - activations).square().sum().item()

    assert error(1.0) < min(error(0.8), error(1.25))


def test_weights_are_those_of_the_network_with_batch_norm_folded_in_and_rounded():
    network = random_branch(1)
    branch = QuantisedBranch(network, 4)
    with torch.no_grad():
        branch.bounds["conv1"].fill_(3.0)
        branch.bounds["conv2"].fill_(0.5)
        w, b = branch.weights()["conv2"]
        # what batch norm makes of a single spike of 3, by the modules themselves
        spike = torch.zeros(1, 6, 3, 3)
        spike[0, 4, 1, 2] = 3.0
        convolution, norm, _ = network.stages["conv2"]
        silent, shown = (norm(convolution(x))[0, :, 0, 0] / 0.5 for x in (torch.zeros_like(spike), spike))
    expected = torch.zeros(4)
    expected[2:] = w[2:, 1, 1, 2]  # the fifth channel is the second of the second group
    unit = w.abs().sum((1, 2, 3)).clamp(min=1e-9) / 2**14
    assert ((shown - silent) - expected).abs().le(unit).all()
    assert (b - silent).abs().le(unit).all()
    assert shared_units(w.numpy(), b.numpy()) is not None
