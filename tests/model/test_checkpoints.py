"""Checkpoints of PyTorch: what a network computes is kept, and what cannot be kept is refused."""

import numpy as np
import pytest

from brian_siamsnn.model.checkpoints import import_checkpoint
from brian_siamsnn.model.layers import ALEXNET, COMPACT, Convolution, convolutions
from brian_siamsnn.model.state_dicts import fold_batch_norm
from tests.helpers.messages import refused


def test_folded_batch_norm_by_hand():
    # gamma / sqrt(3 + 1) = 2 / 2 = 1 and 6 / 2 = 3; b' = beta + factor (b - mean)
    w, b = fold_batch_norm(np.ones((2, 1, 1, 1)), [5, 7], [2, 6], [10, 20], [1, 2], [3, 3], epsilon=1)
    np.testing.assert_array_equal(w.ravel(), [1, 3])
    np.testing.assert_array_equal(b, [10 + 4, 20 + 15])


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="checkpoints are PyTorch's")


@pytest.mark.parametrize("prefix", ["", "module."])
def test_import_folds_batch_norm(torch, tmp_path, prefix):
    from brian_siamsnn.model.cnn import SiamFC

    torch.manual_seed(0)
    network = SiamFC(COMPACT)
    for parameter in network.buffers():
        if parameter.shape and parameter.dtype.is_floating_point:
            parameter.uniform_(0.5, 2)  # running means and variances that affect the result
    network.eval()
    torch.save({prefix + key: value for key, value in network.state_dict().items()}, tmp_path / "checkpoint.pt")
    model = import_checkpoint(tmp_path / "checkpoint.pt", COMPACT)
    folded = SiamFC.from_folded(model.layers, model.weights)
    images = torch.rand(2, 3, 127, 127) * 255
    with torch.inference_mode():
        expected = network.embed(images)
        assert torch.allclose(folded.embed(images), expected, atol=1e-4 * float(expected.abs().max()))


def test_key_names_are_those_of_siamfc_pytorch(torch, tmp_path):
    """The keys of its released checkpoint: no head, and batch norm after each convolution but the last."""
    state = {}
    for layer in convolutions(ALEXNET):
        state[f"backbone.{layer.name}.0.weight"] = torch.zeros(layer.weight_shape)
        state[f"backbone.{layer.name}.0.bias"] = torch.ones(layer.out_channels)
        if layer.batch_norm:
            for key, value in {"weight": 2, "bias": 3, "running_mean": 0, "running_var": 4}.items():
                state[f"backbone.{layer.name}.1.{key}"] = torch.full((layer.out_channels,), float(value))
            state[f"backbone.{layer.name}.1.num_batches_tracked"] = torch.tensor(7)
    torch.save(state, tmp_path / "siamfc_alexnet_e50.pth")
    model = import_checkpoint(tmp_path / "siamfc_alexnet_e50.pth")
    assert model.response_scale == pytest.approx(1e-3) and model.response_bias == 0
    # beta + gamma / sqrt(var) * (b - mean) = 3 + 2/2 * 1
    np.testing.assert_allclose(model.weights["conv1"][1], 4, rtol=1e-6)
    np.testing.assert_array_equal(model.weights["conv5"][1], 1)


def test_a_missing_checkpoint_is_named(torch, tmp_path):
    with refused(tmp_path / "checkpoint.pt"):
        import_checkpoint(tmp_path / "checkpoint.pt")


def test_a_file_without_a_checkpoint_is_refused(torch, tmp_path):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"not a checkpoint")
    with refused(path, "PyTorch", "torch.save(network.state_dict(), ...)"):
        import_checkpoint(path)


def test_a_pickled_object_is_refused(torch, tmp_path):
    path = tmp_path / "checkpoint.pt"
    torch.save(torch.nn.Linear(2, 2), path)  # an object that could run code
    with refused(path, "PyTorch", "torch.save(network.state_dict(), ...)"):
        import_checkpoint(path)


def test_a_checkpoint_of_another_network_is_refused_with_its_first_keys(torch, tmp_path):
    path = tmp_path / "checkpoint.pt"
    torch.save({"fc.weight": torch.zeros(2, 2)}, path)
    with refused(path, "conv1", "fc.weight", "--architecture"):
        import_checkpoint(path)


def test_a_layer_of_the_wrong_shape_is_named(torch, tmp_path):
    path = tmp_path / "checkpoint.pt"
    torch.save({"conv1.weight": torch.zeros(96, 3, 7, 7)}, path)
    with refused(path, "conv1.weight", (96, 3, 11, 11), (96, 3, 7, 7)):
        import_checkpoint(path)


@pytest.mark.data
def test_the_published_checkpoint_can_be_imported(torch, data):
    model = import_checkpoint(data / "weights" / "siamfc_3s_color_pretrained_bnfolded.pth")
    assert model.layers == ALEXNET
    assert model.response_scale == pytest.approx(1e-3)


# names of tensors

TWO = (Convolution("conv1", 3, 4, 3, 2), Convolution("conv2", 4, 2, 3, batch_norm=False))


@pytest.fixture
def network(torch):
    """Two convolutions with a batch norm between them, all with numbers that affect the result."""
    generator = torch.Generator().manual_seed(0)
    parts = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, 2), torch.nn.BatchNorm2d(4, eps=1e-6), torch.nn.ReLU(), torch.nn.Conv2d(4, 2, 3)
    ).eval()
    for tensor in parts.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.5, 2, generator=generator)
    return parts


def state_of(network, conv1="conv1", bn1="bn1", conv2="conv2"):
    """The network's state dictionary under other names."""
    names = {"0": conv1, "1": bn1, "3": conv2}
    return {f"{names[key[0]]}{key[1:]}": value for key, value in network.state_dict().items()}


@pytest.fixture
def imported(torch, tmp_path):
    """A function that saves something, and imports it."""

    def load(content):
        torch.save(content, tmp_path / "checkpoint.pt")
        return import_checkpoint(tmp_path / "checkpoint.pt", TWO)

    return load


def outputs(torch, network, model):
    """What the original and the imported network compute for an image, before and after the second convolution."""
    from brian_siamsnn.model.cnn import SiamFC

    images = torch.rand(1, 3, 21, 21, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        expected = network(images).clamp(min=0)  # the last layer is rectified here
        return SiamFC.from_folded(model.layers, model.weights).embed(images), expected


NAMES = [
    ("backbone.conv1.0", "backbone.conv1.1", "backbone.conv2.0"),
    ("conv1", "bn1", "conv2"),
    ("conv1", "norm1", "conv2"),
    ("conv1", "conv1_bn", "conv2"),
    ("conv1.0", "conv1.1", "conv2"),
    ("module.features.conv1", "module.features.bn1", "module.features.conv2"),
]


@pytest.mark.parametrize("names", NAMES)
def test_a_batch_norm_beside_the_convolutions_is_folded(torch, network, imported, names):
    ours, expected = outputs(torch, network, imported(state_of(network, *names)))
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)


def test_a_batch_norm_without_scale_and_shift_is_folded(torch, network, imported):
    with torch.no_grad():
        network[1].weight.fill_(1)
        network[1].bias.fill_(0)
    state = {key: value for key, value in state_of(network).items() if key not in ("bn1.weight", "bn1.bias")}
    ours, expected = outputs(torch, network, imported(state))
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("missing", ["weight", "bias", "running_mean", "running_var"])
def test_a_missing_part_of_a_batch_norm_is_named(network, imported, missing):
    state = state_of(network)
    del state[f"bn1.{missing}"]
    with refused("checkpoint.pt", f"bn1.{missing}"):
        imported(state)


def test_a_norm_of_each_image_is_refused(network, imported):
    state = {key: value for key, value in state_of(network).items() if "running" not in key}
    with refused("bn1", "running_mean", "running_var"):
        imported(state)


@pytest.mark.parametrize("key", ["conv3.weight", "bn3.running_mean", "head.weight", "corr_bias", "conv1.scale"])
def test_a_tensor_left_over_is_named(torch, network, imported, key):
    with refused("checkpoint.pt", key):
        imported({**state_of(network), key: torch.ones(2)})


def test_many_tensors_left_over_are_counted(torch, network, imported):
    extra = {f"head.{k}.weight": torch.ones(2) for k in range(9)}
    with refused("head.0.weight", "head.5.weight", "3 more"):
        imported({**state_of(network), **extra})


def test_counters_are_ignored(torch, network, imported):
    assert "1.num_batches_tracked" in network.state_dict()
    imported({**state_of(network), "bn2.num_batches_tracked": torch.tensor(3)})


def test_two_names_of_one_layer_are_accepted(torch, network, imported):
    """As in a network that registers its branch for the exemplar and for the search region."""
    state = {f"{branch}.{key}": value for branch in ("exemplar", "search") for key, value in state_of(network).items()}
    ours, expected = outputs(torch, network, imported({**state, "features.0.weight": state["search.conv1.weight"]}))
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("part", ["conv1.weight", "bn1.running_mean"])
def test_two_different_sets_of_weights_are_refused(network, imported, part):
    state = {f"{branch}.{key}": value for branch in ("exemplar", "search") for key, value in state_of(network).items()}
    state[f"search.{part}"] = state[f"search.{part}"] + 1
    with refused("checkpoint.pt", "exemplar.conv1", "search.conv1"):
        imported(state)


def test_two_norms_of_one_layer_are_refused(network, imported):
    state = state_of(network)
    state |= {key.replace("bn1", "norm1"): value for key, value in state.items() if key.startswith("bn1")}
    with refused("conv1", "bn1", "norm1"):
        imported(state)


# scale and bias of the response


@pytest.mark.parametrize("name", ["scale", "weight"])
def test_scale_and_bias_of_the_response(torch, network, imported, name):
    shape = (1, 1, 1, 1) if name == "weight" else ()
    model = imported(
        {**state_of(network), f"adjust.{name}": torch.full(shape, 0.25), "adjust.bias": torch.tensor([-3.5])}
    )
    assert (model.response_scale, model.response_bias) == (0.25, -3.5)


def test_a_batch_norm_after_the_match_becomes_scale_and_bias(torch, network, imported):
    # gamma / sqrt(variance) = 3 / 2; beta - mean * 3 / 2 = 5 - 15
    after = {"weight": 3.0, "bias": 5.0, "running_mean": 10.0, "running_var": 4.0}
    model = imported({**state_of(network), **{f"match_batchnorm.{k}": torch.tensor([v]) for k, v in after.items()}})
    assert (model.response_scale, model.response_bias) == pytest.approx((1.5, -10), rel=1e-6)


def test_a_batch_norm_after_the_match_beside_another_scale_is_refused(torch, network, imported):
    after = {f"bn.{part}": torch.ones(1) for part in ("weight", "bias", "running_mean", "running_var")}
    with refused("bn.running_mean"):
        imported({**state_of(network), **after, "adjust.bias": torch.ones(1)})


def test_a_response_of_several_numbers_is_named(torch, network, imported):
    with refused("adjust.bias", (2,)):
        imported({**state_of(network), "adjust.bias": torch.ones(2)})


# dictionaries around the state dictionary


@pytest.mark.parametrize("keys", [["model_state_dict"], ["net"], ["model"], ["state_dict"], ["checkpoint", "ema"]])
def test_the_only_state_dictionary_is_unwrapped(torch, network, imported, keys):
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.zeros(1, 3, 9, 9)).sum().backward()
    optimizer.step()
    content = state_of(network)
    for key in reversed(keys):
        content = {key: content, "epoch": 50, "optimizer": optimizer.state_dict(), "loss": torch.tensor(0.5)}
    ours, expected = outputs(torch, network, imported(content))
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)


def test_several_state_dictionaries_are_named(network, imported):
    state = state_of(network)
    with refused("checkpoint.pt", "model", "ema.shadow", 2):
        imported({"model": state, "ema": {"shadow": state}})


def test_the_keys_of_a_dictionary_without_parameters_are_named(torch, imported):
    with refused("checkpoint.pt", "epoch", "optimiser"):
        imported({"epoch": 3, "optimiser": {"lr": torch.tensor(0.1)}})


def test_a_list_is_refused(torch, imported):
    with refused("checkpoint.pt", "list"):
        imported([torch.ones(2)])
