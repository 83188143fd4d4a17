"""Model files: round trips and all possible errors."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file

from brian_siamsnn.errors import InputError
from brian_siamsnn.files import find
from brian_siamsnn.model.files import SiameseModel, load_model, read_model, write_model
from brian_siamsnn.model.layers import COMPACT, Convolution, MaxPool, convolutions
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
    with refused("tiny", "compact", "standard", ".safetensors"):
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


def test_the_shipped_model_passes_verification():
    model = load_model("compact")
    assert [layer.weight_shape for layer in model.layers] == [layer.weight_shape for layer in COMPACT] and model.scales


@pytest.mark.parametrize("name", ["compact", "standard"])
def test_the_model_card_has_the_checksum_of_the_shipped_model(name):
    file = find("weights", name, ".safetensors")
    assert hashlib.sha256(file.read_bytes()).hexdigest() in file.with_suffix(".md").read_text(encoding="utf-8")


def test_models_are_equal_by_content():
    first, again = load_model("compact"), load_model("compact")
    other = replace(first, response_bias=first.response_bias + 1)
    assert first == again and hash(first) == hash(again)
    assert first != other and first != "compact"
