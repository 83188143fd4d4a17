"""Converting networks of PyTorch: every count equals the quantised module's, and refusals name the module."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.helpers.messages import refused

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

import brian_siamsnn as bs  # noqa: E402
from brian_siamsnn.model.conversion import SpikingModel  # noqa: E402
from brian_siamsnn.model.files import read_model, write_model  # noqa: E402
from brian_siamsnn.model.fixed_point_weights import fixed_point  # noqa: E402
from brian_siamsnn.model.graph import depths, longest_skip  # noqa: E402
from brian_siamsnn.model.layers import convolutions  # noqa: E402
from brian_siamsnn.model.numpy_cnn import cnn_activations  # noqa: E402
from brian_siamsnn.model.quantised_cnn import quantised_counts  # noqa: E402
from brian_siamsnn.model.tracing import traced_model  # noqa: E402
from tests.helpers.torch_networks import Levels, operation_of, quantised_network, random_networks  # noqa: E402

SIZE = 10


def pixels(seed, size=SIZE, channels=3):
    return np.random.default_rng(seed).integers(0, 4, (size, size, channels)).astype(np.float32)


def tensor(image):
    return torch.from_numpy(image).permute(2, 0, 1)[None]


def dyadic_scales(model, image):
    """A power of two for each operation, near its largest activations."""
    activations, largest = cnn_activations(model, image), {}
    for layer in convolutions(model.layers):
        k = operation_of(layer.name)
        largest[k] = max(largest.get(k, 0), float(np.quantile(np.maximum(activations[layer.name], 0), 0.95)))
    return {k: float(2.0 ** np.round(np.log2(value or 1))) for k, value in largest.items()}


def converted(network, image):
    """A network with dyadic scales, and these by operation; assumes that rounding changes nothing."""
    model = traced_model(network, tensor(image))
    scales = dyadic_scales(model, image)
    by_layer = {
        layer.name: np.full(layer.out_channels, scales[operation_of(layer.name)])
        for layer in convolutions(model.layers)
    }
    model = replace(model, scales=by_layer, normalisation="dyadic", initial_potential=0.5)
    exact, rounded = SpikingModel.from_model(model), SpikingModel.from_model(fixed_point(model))
    assume(all((exact.weights[name][k] == rounded.weights[name][k]).all() for name in exact.weights for k in (0, 1)))
    return rounded, scales


def expected_counts(network, scales, p, image):
    """Counts (H, W, C) of the quantised module by operation."""
    quantised = quantised_network(network, scales, p)
    tensors = {}

    def keep(k):
        return lambda module, _, output: tensors.__setitem__(k, module.counts if hasattr(module, "counts") else output)

    for name, module in quantised.named_children():
        if name[0] in "raom":
            module.register_forward_hook(keep(int(name[1:])))
    with torch.no_grad():
        output = Levels(scales.get(-1, 1.0), p)
        output(quantised(p * tensor(image).double()))
    tensors[-1] = output.counts
    return {k: t[0].reshape(*t.shape[1:], *[1] * (4 - t.ndim)).permute(1, 2, 0).numpy() for k, t in tensors.items()}


def assert_equal_counts(model, network, scales, p, image, counts):
    """Layers of one operation are parts of its channels; what nothing sees is left out at the borders."""
    expected, first = expected_counts(network, scales, p, image), {}
    for layer in model.layers:
        k, own = operation_of(layer.name), counts[layer.name]
        reference = expected[k]
        if layer.name.startswith("m"):  # pooling passes on the scale of its source
            own = own * _scale_of(model, layer, scales)
        cut = (reference.shape[0] - own.shape[0]) // 2
        inner = reference[cut : cut + own.shape[0], cut : cut + own.shape[1]]
        start = first.get(k, 0)
        first[k] = start + own.shape[2]
        np.testing.assert_array_equal(own, inner[:, :, start : first[k]], err_msg=layer.name)


def _scale_of(model, layer, scales):
    layers = {one.name: one for one in model.layers}
    while layer.name.startswith("m"):
        layer = layers[layer.input.source]
    return scales[operation_of(layer.name)]


@settings(max_examples=30, deadline=None)
@given(random_networks(), st.integers(1, 8), st.integers(0, 10**6))
def test_the_quantised_graph_equals_the_quantised_module(network, p, seed):
    image = pixels(seed)
    model, scales = converted(network, image)
    current = bs.SpikingBranch(model, SIZE, coding=f"wave:p={p}").first_layer.current(image)
    assert_equal_counts(model, network, scales, p, image, quantised_counts(model, current, p))


@settings(max_examples=12, deadline=None)
@given(random_networks(), st.integers(1, 8), st.integers(0, 10**6), st.sampled_from(["kernel", "synapses"]))
def test_counts_of_random_networks_equal_the_quantised_module(network, p, seed, connectivity):
    image = pixels(seed)
    model, scales = converted(network, image)
    names = [layer.name for layer in model.layers]
    branch = bs.SpikingBranch(model, SIZE, coding=f"wave:p={p}", record=names, connectivity=connectivity)
    branch.run(image)
    assert_equal_counts(model, network, scales, p, image, {name: branch.trains(name).counts() for name in names})
    for name in names:  # each layer fires in its own window, in its first steps
        fired = branch.trains(name).dense() > 0
        onset = p * branch.depths[name]
        np.testing.assert_array_equal(fired[onset : onset + p], np.sort(fired[onset : onset + p], 0)[::-1])
        assert fired.sum() == fired[onset : onset + p].sum()


@settings(max_examples=8, deadline=None)
@given(random_networks(), st.integers(0, 10**6))
def test_kernels_count_the_synapses_that_are_there(network, seed):
    image = pixels(seed)
    model, _ = converted(network, image)
    branches = [
        bs.SpikingBranch(model, SIZE, coding="wave", connectivity=connectivity, batch_size=2)
        for connectivity in ("kernel", "synapses")
    ]
    for branch in branches:
        branch.run_batch(np.array([image, pixels(seed + 1)]))
    for name, operations in branches[0].operations.items():
        np.testing.assert_array_equal(operations, branches[1].operations[name], err_msg=name)


@pytest.mark.parametrize("connectivity", ["kernel", "synapses"])
def test_a_layer_that_sees_nothing_but_padding_has_no_synapses(connectivity):
    torch.manual_seed(0)
    # of 3 x 3 pixels with zeros around them, a stride of 4 sees the four corners
    network = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.Conv2d(2, 1, 1, 4, 1), nn.ReLU()).eval()
    with torch.no_grad():
        network[2].bias.fill_(1.0)
    model = bs.convert(network, torch.rand(2, 3, 3, 3) * 9, levels=2)
    branch = bs.SpikingBranch(model, 3, coding="wave:p=2", connectivity=connectivity)
    counts = branch.run(pixels(0, 3)).counts()
    assert counts.shape == (2, 2, 1) and np.unique(counts) in (1, 2)  # the bias, 1, of a scale that a level can meet
    assert not branch.operations[branch.last_layer].any()


@settings(max_examples=8, deadline=None)
@given(random_networks(), st.integers(0, 10**6))
def test_model_files_hold_graphs(tmp_path_factory, network, seed):
    model, _ = converted(network, pixels(seed))
    path = tmp_path_factory.mktemp("graphs") / "graph.safetensors"
    model.write(path)
    again = SpikingModel.of(path)
    assert again.layers == model.layers and again.initial_potential == 0.5
    for name, (w, b) in model.weights.items():
        np.testing.assert_array_equal(again.weights[name][0], w)
        np.testing.assert_array_equal(again.weights[name][1], b)
    write_model(read_model(path), path)
    assert read_model(path).layers == model.layers


class Block(nn.Module):
    """A residual block whose second way is a convolution of stride 2."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(4, 6, 3, 2, 1)
        self.conv2 = nn.Conv2d(6, 6, 3, padding="same")
        self.down = nn.Conv2d(4, 6, 1, 2)

    def forward(self, x):
        y = self.conv2(self.conv1(x).relu())
        y += self.down(x)
        return functional.relu(y)


class Small(nn.Module):
    def __init__(self, *parts):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.relu = nn.ReLU()
        self.parts = nn.Sequential(*parts)

    def forward(self, x):
        return self.parts(self.relu(self.stem(x)))


def images(count=4, size=8, channels=1):
    generator = torch.Generator().manual_seed(3)
    return torch.rand(count, channels, size, size, generator=generator)


def convert(*parts, **options):
    torch.manual_seed(1)
    return bs.convert(Small(*parts).eval(), images(), levels=4, **options)


def test_a_residual_sum_is_one_layer_that_gathers_from_two():
    model = convert(Block())
    assert [layer.name for layer in model.layers] == ["stem", "parts0conv1", "parts0conv2"]
    assert [one.source for one in model.layers[-1].inputs] == ["parts0conv1", "stem"]
    assert depths(model.layers) == {"stem": 0, "parts0conv1": 1, "parts0conv2": 2}
    assert longest_skip(model.layers) == 2
    branch = bs.SpikingBranch(model, 8, coding="wave:p=3")
    assert branch.steps == 9


def test_a_module_is_not_changed():
    network = Small(Block()).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    bs.convert(network, images(), levels=4)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_padding_leaves_out_synapses_at_the_border():
    # 3x3 with padding 1: 9 synapses a channel inside, 6 at a side, 4 in a corner
    model = convert(nn.Conv2d(4, 5, 3, padding=1), nn.ReLU())
    branch = bs.SpikingBranch(model, 8, coding="wave", connectivity="synapses")
    synapses = branch.network["parts0_input"]
    fan_out = np.bincount(synapses.i[:], minlength=8 * 8 * 4).reshape(8, 8, 4)
    assert fan_out[0, 0, 0] == 4 * 5 and fan_out[0, 3, 1] == 6 * 5 and fan_out[3, 3, 2] == 9 * 5


def test_a_crop_simulates_no_more_than_what_is_seen():
    class Cropped(nn.Module):
        def forward(self, x):
            return x[:, :, 1:-2, 2:]

    model = convert(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), Cropped(), nn.Conv2d(4, 2, 3), nn.ReLU())
    shapes = model.shapes(8)
    assert shapes["parts0"] == (5, 6, 4) and shapes["parts3"] == (3, 4, 2)


def test_max_pooling_may_come_before_the_rectifier():
    one = convert(nn.Conv2d(4, 4, 3), nn.MaxPool2d(2), nn.ReLU())
    other = convert(nn.Conv2d(4, 4, 3), nn.ReLU(), nn.MaxPool2d(2))
    image = images()[0].permute(1, 2, 0).numpy()
    counts = [bs.record_spikes(model, image, coding="wave")[model.layers[-1].name].counts() for model in (one, other)]
    np.testing.assert_array_equal(*counts)
    assert counts[0].any()


def test_linear_layers_fit_one_size_of_images():
    model = convert(nn.Flatten(), nn.Linear(4 * 8 * 8, 3))
    with refused("parts1", "8x8", "9 pixels"):
        bs.SpikingBranch(model, 9, coding="wave")


def test_rate_coding_approximates_the_module():
    torch.manual_seed(5)
    network = Small(Block(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3), nn.ReLU()).eval()
    with torch.no_grad():
        network.parts[3].bias += 0.5
    model = bs.convert(network, images())
    trains = bs.SpikingBranch(model, 8, steps=400).run(images()[0].permute(1, 2, 0).numpy())
    with torch.no_grad():
        wanted = network(images())
    rates, wanted = trains.firing_rates().ravel(), wanted[0].numpy()
    np.testing.assert_allclose(rates / rates.max(), wanted / wanted.max(), atol=0.05)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (nn.Sigmoid(), ("parts.0", "Sigmoid", "ReLU")),
        (nn.GroupNorm(2, 4), ("parts.0", "GroupNorm", "BatchNorm2d")),
        (nn.ConvTranspose2d(4, 2, 3), ("parts.0", "ConvTranspose2d")),
        (nn.BatchNorm2d(4, track_running_stats=False), ("parts.0", "track_running_stats")),
        (nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"), ("parts.0", "reflect")),
        (nn.Conv2d(4, 4, 3, stride=(1, 2)), ("parts.0", "stride", "(1, 2)")),
        (nn.MaxPool2d((1, 2)), ("parts.0", "square")),
        (nn.AvgPool2d(3, 2, 1, count_include_pad=False), ("parts.0", "count_include_pad")),
        (nn.AdaptiveAvgPool2d(3), ("parts.0", "AvgPool2d")),
        (nn.Linear(8, 3), ("parts.0", "flatten")),
        (nn.Sequential(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)), ("parts.0.1", "parts.0.0", "ReLU")),
        (nn.Sequential(nn.Flatten(), nn.Linear(256, 3), nn.Softmax(1)), ("parts.0.2", "Softmax", "largest")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_converted_is_refused_by_name(part, words):
    with refused(*words):
        convert(part)


def test_a_percentile_of_zero_is_no_missing_one():
    with refused("the 0 percentile", 0):
        bs.convert(Small(Block()).eval(), images(), percentile=0)


def test_levels_beside_a_percentile_are_refused():
    with refused("levels", "percentile", 4, 99):
        bs.convert(Small(Block()).eval(), images(), percentile=99, levels=4)


def test_networks_that_cannot_be_traced_are_refused():
    class Deciding(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with refused("torch.fx", "Small"):
        convert(Deciding())
    with refused("eval()"):
        bs.convert(Small(Block()), images())
    with refused("square", "(2, 1, 8, 6)"):
        bs.convert(Small(Block()).eval(), torch.rand(2, 1, 8, 6))


def test_several_waves_are_refused_where_connections_skip():
    with refused("waves=2", "skip"):
        bs.SpikingBranch(convert(Block()), 8, coding="wave:waves=2")


def test_pixels_have_the_range_of_the_module():
    branch = bs.SpikingBranch(convert(Block()), 8, coding="wave")
    branch.run(np.full((8, 8, 1), -0.5))
    with refused("300", "255"):
        branch.run(np.full((8, 8, 1), 300.0))
    with refused("(8, 8, 1)"):
        branch.run(np.zeros((8, 8, 3)))
