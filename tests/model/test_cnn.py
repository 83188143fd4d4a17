"""The PyTorch network compared with independently computed sizes, names and sums."""

import importlib
import sys

import numpy as np
import pytest

from brian_siamsnn.model.layers import ALEXNET, COMPACT, Convolution, MaxPool
from tests.helpers.messages import refused

torch = pytest.importorskip("torch")

from brian_siamsnn.model.cnn import SiamFC  # noqa: E402


@pytest.fixture(scope="module")
def alexnet():
    torch.manual_seed(0)
    return SiamFC(ALEXNET).eval()


@pytest.mark.parametrize(
    ("image_size", "expected"),
    [(127, [59, 29, 25, 12, 10, 8, 6]), (255, [123, 61, 57, 28, 26, 24, 22])],
)
def test_alexnet_has_the_published_layer_sizes(alexnet, image_size, expected):
    with torch.no_grad():
        activations = alexnet.activations(torch.zeros(1, 3, image_size, image_size))
    assert list(activations) == ["conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5"]
    assert [tuple(a.shape[2:]) for a in activations.values()] == [(side, side) for side in expected]
    assert [a.shape[1] for a in activations.values()] == [96, 96, 256, 256, 384, 384, 256]


@pytest.mark.parametrize("layers", [ALEXNET, COMPACT])
def test_the_response_map_is_17x17(layers):
    with torch.no_grad():
        response = SiamFC(layers).eval()(torch.zeros(1, 3, 127, 127), torch.zeros(1, 3, 255, 255))
    assert response.shape == (1, 17, 17)


def test_a_checkpoint_of_siamfc_pytorch_loads(alexnet):
    # the keys of siamfc_alexnet_e50.pth; its head has no parameters
    shapes = {"conv1": (96, 3, 11), "conv2": (256, 48, 5), "conv3": (384, 256, 3), "conv4": (384, 192, 3)}
    state = {"backbone.conv5.0.weight": torch.zeros(256, 192, 3, 3), "backbone.conv5.0.bias": torch.zeros(256)}
    for name, (out, into, kernel) in shapes.items():
        state[f"backbone.{name}.0.weight"] = torch.zeros(out, into, kernel, kernel)
        state[f"backbone.{name}.0.bias"] = torch.zeros(out)
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"backbone.{name}.1.{part}"] = torch.ones(out)
        state[f"backbone.{name}.1.num_batches_tracked"] = torch.tensor(7)
    network = SiamFC(ALEXNET, bias=-2.0)
    network.load_state_dict(state)
    assert network.adjust.scale.item() == pytest.approx(0.001)
    assert network.adjust.bias.item() == -2.0
    assert network.backbone.conv1[1].running_mean.tolist() == [1.0] * 96
    assert set(network.state_dict()) - set(state) == {"adjust.scale", "adjust.bias"}


def test_batch_norm_has_the_constants_of_siamfc_pytorch(alexnet):
    norm = alexnet.backbone.conv3[1]
    assert (norm.eps, norm.momentum) == (1e-6, 0.05)
    kinds = [type(module).__name__ for module in alexnet.backbone.conv2]
    assert kinds == ["Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d"]
    assert [type(module).__name__ for module in alexnet.backbone.conv5] == ["Conv2d"]


@pytest.mark.parametrize("exemplars", [1, 3])
def test_the_response_is_a_cross_correlation(exemplars):
    rng = np.random.default_rng(1)
    z, x = rng.normal(size=(exemplars, 4, 3, 3)), rng.normal(size=(3, 4, 7, 6))
    expected = np.empty((3, 5, 4))
    for b, row, column in np.ndindex(expected.shape):
        window = x[b, :, row : row + 3, column : column + 3]
        expected[b, row, column] = 0.5 * (window * z[b % exemplars]).sum() - 1.5
    network = SiamFC(COMPACT, scale=0.5, bias=-1.5).double()
    response = network.response(torch.tensor(z), torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(response, expected, rtol=1e-12)


@pytest.mark.parametrize("shape", [(2, 4, 3, 3), (1, 5, 3, 3)])
def test_an_exemplar_of_the_wrong_size_is_refused(shape):
    with refused(3, 4, shape):
        SiamFC(COMPACT).response(torch.zeros(shape), torch.zeros(3, 4, 7, 7))


def test_a_folded_network_computes_the_same():
    layers = (Convolution("conv1", 3, 4, 3, stride=2), MaxPool("pool1", 2, 2), Convolution("conv2", 4, 6, 2, groups=2))
    torch.manual_seed(2)
    network = SiamFC(layers)
    network(torch.rand(5, 3, 15, 15) * 255, torch.rand(5, 3, 25, 25) * 255)  # changes the running statistics
    weights = {}
    for name in ("conv1", "conv2"):
        convolution, norm = getattr(network.backbone, name)[:2]
        factor = (norm.weight / torch.sqrt(norm.running_var + 1e-6)).detach()
        w = convolution.weight.detach() * factor[:, None, None, None]
        b = (convolution.bias.detach() - norm.running_mean) * factor + norm.bias.detach()
        weights[name] = w.numpy(), b.numpy()
    folded = SiamFC.from_folded(layers, weights)
    image = torch.rand(2, 3, 25, 25) * 255
    with torch.no_grad():
        expected = network.eval().activations(image)
        for name, activation in folded.activations(image).items():
            torch.testing.assert_close(activation, expected[name], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(folded.embed(image), folded.activations(image)["conv2"])
    keys = {f"backbone.{name}.0.{part}" for name in weights for part in ("weight", "bias")}
    assert set(folded.state_dict()) == keys | {"adjust.scale", "adjust.bias"}


def test_activations_by_hand():
    # one 2x2 kernel with a rectifier, a pool, and a bare 1x1 convolution that only flips the sign
    layers = (
        Convolution("conv1", 1, 1, 2),
        MaxPool("pool1", 2, 1),
        Convolution("conv2", 1, 1, 1, rectify=False, batch_norm=False),
    )
    kernel = np.array([[1, 0], [0, -1]], np.float32).reshape(1, 1, 2, 2)
    minus = -np.ones((1, 1, 1, 1), np.float32)
    network = SiamFC.from_folded(layers, {"conv1": (kernel, np.float32([1])), "conv2": (minus, np.float32([0]))})
    image = torch.tensor([[[[0.0, 1, 2], [5, 0, 0], [9, 9, 3]]]])
    activations = network.activations(image)
    # a(y, x) - a(y+1, x+1) + 1, with negative values set to 0
    assert activations["conv1"].flatten().tolist() == [1, 2, 0, 0]
    assert activations["pool1"].flatten().tolist() == [2]
    assert activations["conv2"].flatten().tolist() == [-2]


def test_missing_weights_are_named():
    with refused("conv1", []):
        SiamFC.from_folded((Convolution("conv1", 3, 4, 3),), {})


def test_weights_of_the_wrong_shape_are_named():
    weights = {"conv1": (np.zeros((4, 3, 5, 5)), np.zeros(4))}
    with refused("conv1", (4, 3, 3, 3), (4, 3, 5, 5)):
        SiamFC.from_folded((Convolution("conv1", 3, 4, 3),), weights)


def test_a_branch_that_starts_with_pooling_is_refused():
    with refused("pool1", "convolution"):
        SiamFC((MaxPool("pool1", 2, 2), Convolution("conv1", 3, 4, 3)))


@pytest.mark.parametrize("module", ["model.cnn", "training.loop"])
def test_a_missing_pytorch_names_the_install_command(monkeypatch, module):
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in ("model.cnn", "training.loop"):
        monkeypatch.delitem(sys.modules, f"brian_siamsnn.{name}", raising=False)
    with refused("PyTorch", "pip install 'brian_siamsnn[torch]'"):
        importlib.import_module(f"brian_siamsnn.{module}")
