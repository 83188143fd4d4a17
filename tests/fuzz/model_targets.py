"""Fuzz targets for models: model files, PyTorch checkpoints and NIR graphs."""

import functools
import io
import json
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from safetensors.numpy import save

from brian_siamsnn.model.checkpoints import import_checkpoint
from brian_siamsnn.model.conversion import SpikingModel
from brian_siamsnn.model.files import _digest, read_model, write_model
from brian_siamsnn.model.layer_json import layers_to_json
from brian_siamsnn.model.layers import Convolution, MaxPool, convolutions
from brian_siamsnn.model.nir_files import read_graph, write_nir
from brian_siamsnn.model.nir_graphs import from_nir
from tests.helpers.pickles import poison

from .files import altered, damaged

#: Names of convolutions and of their batch norms in checkpoints.
_NAMES = [("backbone.{name}.0", "backbone.{name}.1"), ("{name}", "bn{number}"), ("module.{name}", "module.{name}_bn")]
#: Tensors that a checkpoint may have beside its layers.
_FURTHER = ["conv3.weight", "conv1.bias", "norm1.weight", "bn.running_mean", "adjust.bias", "bn1.num_batches_tracked"]

LAYERS = (Convolution("conv1", 3, 4, 3, 2), MaxPool("pool1", 2, 2), Convolution("conv2", 4, 6, 3, groups=2))


@functools.cache
def model():
    """A small converted model, and the bytes of its file."""
    rng = np.random.default_rng(0)
    weights = {c.name: (rng.normal(size=c.weight_shape), rng.normal(size=c.out_channels)) for c in convolutions(LAYERS)}
    from brian_siamsnn.model.files import SiameseModel

    result = SiameseModel(LAYERS, weights, 0.5, -1.0, {"conv1": np.ones(4), "conv2": np.ones(6)}, "layer-norm")
    with tempfile.TemporaryDirectory() as folder:
        write_model(result, Path(folder) / "m.safetensors")
        return result, (Path(folder) / "m.safetensors").read_bytes()


def model_bytes(data, folder):
    """A damaged model file is refused, or still reads as the original."""
    original, content = model()
    path = folder / "model.safetensors"
    path.write_bytes(data.draw(damaged(content)))
    result = read_model(path)
    assert result.layers == original.layers
    for name, (w, b) in original.weights.items():
        np.testing.assert_array_equal(result.weights[name][0], w)
        np.testing.assert_array_equal(result.weights[name][1], b)


def model_content(data, folder):
    """An intact model file with a valid checksum and arbitrary content."""
    original, _ = model()
    tensors = {
        f"{name}.{part}": array
        for name, pair in original.weights.items()
        for part, array in zip(("weight", "bias"), pair, strict=True)
    }
    tensors |= {f"{name}.scale": scale.astype(np.float32) for name, scale in original.scales.items()}
    for name in data.draw(st.lists(st.sampled_from(sorted(tensors)), max_size=2, unique=True)):
        array = tensors[name]
        change = data.draw(st.sampled_from(["missing", "shape", "value", "type", "swapped", "empty"]))
        if change == "missing":
            del tensors[name]
        elif change == "value":
            array = array.copy()
            array.flat[0] = data.draw(st.floats(width=32))
            tensors[name] = array
        elif change == "type":
            kinds = ["int8", "int64", "uint8", "bool", "float16", "float64"]
            tensors[name] = array.astype(data.draw(st.sampled_from(kinds)))
        else:
            shapes = {"shape": array[..., None], "swapped": np.ascontiguousarray(array.T), "empty": array[:0]}
            tensors[name] = shapes[change]
    description = {
        "format": "brian_siamsnn model 1",
        "layers": layers_to_json(LAYERS),
        "response": {"scale": 0.5, "bias": 0.0},
        "input": {},
        "normalisation": "layer-norm",
        "initial_potential": 0.0,
        "provenance": {},
    }
    if data.draw(st.booleans()):
        description = data.draw(altered(description))
    description["sha256"] = _digest(tensors, description)
    path = folder / "model.safetensors"
    path.write_bytes(save(tensors, {"brian_siamsnn": json.dumps(description)}))
    result = SpikingModel.from_model(read_model(path))
    result.shapes(127)
    assert all(np.isfinite(part).all() for pair in result.weights.values() for part in pair)


def checkpoint(data, folder):
    """A PyTorch file with arbitrary content, or damaged; code in it never runs."""
    import torch

    marker, path = folder / "ran", folder / "checkpoint.pt"
    kind = data.draw(st.sampled_from(["poison", "bytes", "tensors"]))
    if kind == "poison":
        content = data.draw(st.sampled_from(list(poison(marker))))
        if data.draw(st.booleans()):
            content = data.draw(damaged(content))
    else:
        state = {}
        convolution, norm = data.draw(st.sampled_from(_NAMES))
        for layer in convolutions(LAYERS):
            names = {"name": layer.name, "number": layer.name[-1]}
            state[f"{convolution.format(**names)}.weight"] = torch.ones(layer.weight_shape)
            for key in ("weight", "bias", "running_mean", "running_var"):
                state[f"{norm.format(**names)}.{key}"] = torch.ones(layer.out_channels)
        state["adjust.scale"] = torch.ones(1)
        for key in data.draw(st.lists(st.sampled_from(_FURTHER), max_size=2, unique=True)):
            state[key] = torch.ones(data.draw(st.sampled_from([(), (1,), (4,), (4, 3, 3, 3)])))
        for key in data.draw(st.lists(st.sampled_from(sorted(state)), max_size=3, unique=True)):
            value = state[key]
            state[key] = data.draw(
                st.sampled_from(
                    [
                        value * float("nan"),
                        -value,
                        value.double(),
                        value.to(torch.complex64),
                        value.bool(),
                        value.reshape(-1)[:0],
                        value.unsqueeze(0),
                        value.to_sparse(),
                        torch.zeros(1).expand(2, 2**40),
                        value.to("meta"),
                        3,
                        None,
                        "x",
                        [value],
                        {"weight": value},
                        value.double() * 1e300,
                        value.half(),
                        torch.nn.Parameter(value),
                    ]
                )
            )
        wrapped = [{"net": state, "epoch": 3}, {"a": {"b": state}}, {"net": state, "ema": state}, {1: state}]
        state = data.draw(st.sampled_from([state, state, state, *wrapped, {"model": 3}, [state], torch.ones(2)]))
        buffer = io.BytesIO()
        torch.save(state, buffer)
        content = buffer.getvalue()
        if kind == "bytes":
            content = data.draw(damaged(content))
    path.write_bytes(content)
    try:
        import_checkpoint(path, LAYERS)
    finally:
        assert not marker.exists()


@functools.cache
def graph_bytes():
    """A small NIR file."""
    layers = tuple(layer for layer in LAYERS if isinstance(layer, Convolution))
    rng = np.random.default_rng(0)
    weights = {c.name: (rng.normal(size=c.weight_shape), rng.normal(size=c.out_channels)) for c in layers}
    with tempfile.TemporaryDirectory() as folder:
        write_nir(SpikingModel(layers, weights, 0.5), 15, Path(folder) / "m.nir")
        return (Path(folder) / "m.nir").read_bytes()


def nir_graph(data, folder):
    """A NIR file that is damaged, or whose nodes have arbitrary values."""
    import nir

    path = folder / "graph.nir"
    path.write_bytes(graph_bytes())
    dt = data.draw(st.sampled_from([None, 1.0, 1e-4, 0.0, -1.0, float("nan")]))
    if data.draw(st.booleans()):
        # cut or of another kind; the HDF5 library itself can loop without end in a file with other bytes inside
        place = data.draw(st.integers(0, len(graph_bytes()) - 1))
        path.write_bytes(data.draw(st.sampled_from([graph_bytes()[:place], b"", b"PK\x03\x04", bytes(2000)])))
        graph = read_graph(path)
    else:
        graph = nir.read(path)
        for _ in range(data.draw(st.integers(1, 3))):
            name = data.draw(st.sampled_from(sorted(graph.nodes)))
            attributes = sorted(vars(graph.nodes[name])) or ["metadata"]
            attribute = data.draw(st.sampled_from(attributes))
            before = np.asarray(vars(graph.nodes[name]).get(attribute, 0))
            arrays = [np.full(np.shape(before), value) for value in (np.nan, 0.0, -1.0, 1e4)]
            other = [(1, 1), "same", None, 3, {"reset": "zero"}, {"groups": 2}, {"v_init": 1e300}, np.zeros((0, 3))]
            setattr(graph.nodes[name], attribute, data.draw(st.sampled_from([*arrays, *other, np.zeros(0)])))
        if data.draw(st.integers(0, 4)) == 0:
            graph.edges.pop(data.draw(st.integers(0, len(graph.edges) - 1)))
    model = from_nir(graph, dt)
    assert all(np.isfinite(part).all() for pair in model.weights.values() for part in pair)
