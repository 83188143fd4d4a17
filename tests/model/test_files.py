"""Model files and checkpoints: round trips and all possible errors."""

import hashlib
import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from brian_siamsnn.errors import InputError
from brian_siamsnn.files import find
from brian_siamsnn.model.checkpoints import fold_batch_norm, import_checkpoint
from brian_siamsnn.model.files import SiameseModel, load_model, read_model, write_model
from brian_siamsnn.model.layers import ALEXNET, COMPACT, Convolution, MaxPool, convolutions
from tests.helpers.messages import refused

LAYERS = (Convolution("conv1", 3, 4, 3, 2), MaxPool("pool1", 2, 2), Convolution("conv2", 4, 6, 3, groups=2))


@pytest.fixture
def model():
    rng = np.random.default_rng(0)
    weights = {
        layer.name: (rng.normal(size=layer.weight_shape), rng.normal(size=layer.out_channels))
        for layer in convolutions(LAYERS)
    }
    scales = {"conv1": np.full(4, 2.0), "conv2": np.arange(1.0, 7.0)}
    return SiameseModel(LAYERS, weights, 0.5, -1.25, scales, "layer-norm", 0.25, {"source": "a test"})


@pytest.fixture
def path(model, tmp_path):
    """The model file."""
    write_model(model, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_a_model_round_trips_through_its_file(model, path):
    back = read_model(path)
    assert back.layers == LAYERS
    assert (back.response_scale, back.response_bias) == (0.5, -1.25)
    assert (back.normalisation, back.provenance) == ("layer-norm", {"source": "a test"})
    assert back.initial_potential == 0.25
    for name, (w, b) in model.weights.items():
        np.testing.assert_array_equal(back.weights[name][0], w)
        np.testing.assert_array_equal(back.weights[name][1], b)
        np.testing.assert_array_equal(back.scales[name], model.scales[name])


def test_no_other_file_is_written(path):
    assert [p.name for p in path.parent.iterdir()] == ["model.safetensors"]


def test_weights_can_be_written_in_half_precision(model, path):
    write_model(model, path, np.float16)
    np.testing.assert_allclose(read_model(path).weights["conv2"][0], model.weights["conv2"][0], rtol=1e-3)


def test_every_truncation_is_detected(path):
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with refused(path):
            read_model(path)


def test_every_flipped_byte_is_detected(path):
    whole = bytearray(path.read_bytes())
    for place in range(0, len(whole), 29):
        altered = whole.copy()
        altered[place] ^= 0x11
        path.write_bytes(altered)
        with pytest.raises(InputError):
            read_model(path)


def test_a_missing_file_is_named(tmp_path):
    with refused(tmp_path / "other.safetensors"):
        read_model(tmp_path / "other.safetensors")


def test_tensors_of_another_program_are_refused_with_the_import_command(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, path)
    with refused(path, "brian-siamsnn weights import"):
        read_model(path)


def test_an_incomplete_description_is_refused_with_the_missing_key(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, path, {"brian_siamsnn": json.dumps({"format": "x"})})
    with refused(path, "'sha256'"):
        read_model(path)


def test_a_missing_folder_is_named(model, tmp_path):
    with refused(tmp_path / "nowhere" / "model.safetensors"):
        write_model(model, tmp_path / "nowhere" / "model.safetensors")


def test_an_unknown_model_is_refused_with_the_shipped_ones():
    with refused("tiny", "compact", "compact_fixed", ".safetensors"):
        load_model("tiny")


def test_weights_of_the_wrong_shape_are_named(model):
    weights = {**model.weights, "conv2": (np.zeros((6, 4, 3, 3)), np.zeros(6))}
    with refused("conv2.weight", (6, 2, 3, 3), (6, 4, 3, 3)):
        SiameseModel(LAYERS, weights)


def test_missing_weights_are_named(model):
    with refused("conv2", ["conv1"]):
        SiameseModel(LAYERS, {"conv1": model.weights["conv1"]})


def test_non_finite_weights_are_named(model):
    w, _ = model.weights["conv1"]
    with refused("conv1.bias", 1, 4):
        SiameseModel(LAYERS, {**model.weights, "conv1": (w, np.array([np.nan, 0, 0, 0]))})


def test_non_positive_scales_are_named(model):
    with refused("conv1.scale", 0.0):
        SiameseModel(LAYERS, model.weights, scales={**model.scales, "conv1": np.zeros(4)})


def test_an_initial_potential_at_or_above_the_threshold_is_refused(model):
    with refused("initial_potential", 0, 1, 1.0):
        SiameseModel(LAYERS, model.weights, initial_potential=1.0)


# checkpoints


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


def test_the_shipped_model_passes_verification():
    model = load_model("compact")
    assert model.layers == COMPACT and model.scales


def test_the_model_card_has_the_checksum_of_the_shipped_model():
    file = find("weights", "compact", ".safetensors")
    assert hashlib.sha256(file.read_bytes()).hexdigest() in file.with_suffix(".md").read_text(encoding="utf-8")


def test_models_are_equal_by_content():
    first, again, other = load_model("compact"), load_model("compact"), load_model("compact_fixed")
    assert first == again and hash(first) == hash(again)
    assert first != other and first != "compact"
