"""Spiking networks as NIR graphs, which other simulators and neuromorphic toolchains read and write.

NIR (Neuromorphic Intermediate Representation, Pedersen 2024) is a graph of nodes
in continuous time. A branch becomes

    Input -> Conv2d -> IF -> Conv2d -> IF -> ... -> Output

with channels before height and width, as NIR has them. What NIR leaves open, and
what a reader has to set for the same spikes, is in docs/interchange.md.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..files import write_whole
from .conversion import SpikingModel
from .files import SiameseModel
from .layers import Convolution, MaxPool, convolutions

if TYPE_CHECKING:
    import nir

    from ..aliases import FilePath

__all__ = ["from_nir", "read_nir", "to_nir", "write_nir"]

#: How the neurons are reset; NIR has no word for it, so it is written beside them.
_RESET = "subtract"


def to_nir(model: SpikingModel, image_size: int) -> nir.NIRGraph:
    r"""A spiking network as a NIR graph.

    Each convolution is a ``Conv2d`` with the weights in units of spikes, and an
    ``IF`` with

    .. math:: \dot v = R I, \qquad R = 1, \qquad v_{th} = 1,

    where one step of the simulation is one unit of time. The metadata of each
    ``IF`` has what NIR cannot say: ``reset`` ("subtract") and ``v_init``, the
    potential before the first step. Of v = v_th, where neurons here fire, NIR
    says that they do not. Groups are written out as one, with zeros between them
    (nir 1.0 takes the channels of a group for those of the input), and named in
    the metadata of the ``Conv2d``.

    Parameters
    ----------
    model : SpikingModel
    image_size : int
        Side of the square images; a NIR graph is for one size.

    Returns
    -------
    nir.NIRGraph
        Of the input (3, image_size, image_size): RGB, 0 to 255, the same in every step.

    Raises
    ------
    InputError
        If the model has max-pooling gates, which NIR has no node for, or nir is
        not installed.
    """
    nir = _nir()
    pools = [layer.name for layer in model.layers if isinstance(layer, MaxPool)]
    if pools:
        raise InputError(
            f"{', '.join(pools)}: NIR has no node for max pooling of spikes; "
            "export a network whose convolutions stride instead, such as compact"
        )
    nodes, side = {"input": nir.Input({"input": np.array([3, image_size, image_size])})}, image_size
    for layer in convolutions(model.layers):
        height, width, channels = model.shapes(image_size)[layer.name]
        w, b = model.weights[layer.name]
        groups = layer.in_channels // w.shape[1]
        nodes[layer.name] = nir.Conv2d(
            input_shape=(side, side),
            weight=_dense(w, groups),
            stride=(layer.stride, layer.stride),
            padding=(0, 0),
            dilation=(1, 1),
            groups=1,
            bias=b,
        )
        nodes[layer.name].metadata = {"groups": groups}
        neurons = nir.IF(
            r=np.ones((channels, height, width), np.float32), v_threshold=np.ones((channels, height, width), np.float32)
        )
        neurons.metadata = {"reset": _RESET, "v_init": float(model.initial_potential)}
        nodes[f"{layer.name}_spikes"] = neurons
        side = height
    nodes["output"] = nir.Output({"output": np.array([channels, height, width])})
    names = list(nodes)
    return nir.NIRGraph(nodes, list(zip(names, names[1:], strict=False)))


def from_nir(graph: nir.NIRGraph) -> SpikingModel:
    """A spiking network from a NIR graph.

    Taken are graphs that are a chain of ``Conv2d`` and ``IF`` in turn, as
    `to_nir` and many other programs write them. Resistances and thresholds
    that are the same over a feature map are folded into its weights:
    w R / v_th. Neurons are reset by subtraction, whatever the writer meant (NIR
    cannot say it), unless its metadata says otherwise.

    Parameters
    ----------
    graph : nir.NIRGraph

    Returns
    -------
    SpikingModel
        Its layers are called conv1, conv2, ..., in the graph's order.

    Raises
    ------
    InputError
        If the graph has a node, padding, dilation or reset that this package's
        networks have not, branches, or does not begin with three channels; the
        message names the node.
    """
    chain = _chain(graph)
    if len(chain) % 2 or not chain:
        raise InputError(f"NIR graph: expected Conv2d and IF in turn, got {_described(chain)}")
    layers, weights, potentials = [], {}, {}
    for k in range(0, len(chain), 2):
        (name, convolution), (neurons_name, neurons) = chain[k : k + 2]
        for node_name, node, expected in ((name, convolution, "Conv2d"), (neurons_name, neurons, "IF")):
            if type(node).__name__ != expected:
                raise InputError(
                    f"{node_name}: expected {expected}, got {type(node).__name__}; a network here is "
                    "Conv2d and IF in turn"
                )
        w, groups = _grouped(name, convolution)
        b = np.asarray(convolution.bias, np.float32)
        layer = _layer(f"conv{k // 2 + 1}", name, convolution, w, groups)
        gain = _gain(neurons_name, neurons, layer.out_channels)
        layers.append(layer)
        weights[layer.name] = w * gain[:, None, None, None], b * gain
        potentials[neurons_name] = _initial(neurons_name, neurons)
    if len(set(potentials.values())) > 1:
        raise InputError(f"v_init: expected the same in all layers, got {potentials}")
    # the model's own checks of shapes and numbers
    checked = SiameseModel(tuple(layers), weights)
    return SpikingModel(checked.layers, checked.weights, next(iter(potentials.values())))


def write_nir(model: SpikingModel, image_size: int, path: FilePath) -> None:
    """Write `to_nir`'s graph to a file (HDF5), whole or not at all.

    Parameters
    ----------
    model : SpikingModel
    image_size : int
    path : str or path
        Replaced if it is there.
    """
    nir, content = _nir(), io.BytesIO()
    nir.write(content, to_nir(model, image_size))
    write_whole(path, content.getvalue())


def read_nir(path: FilePath) -> SpikingModel:
    """Read a file of a NIR graph; see `from_nir`.

    Raises
    ------
    InputError
        Also if the file is not there, or is none.
    """
    nir = _nir()
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    try:
        graph = nir.read(path)
    except Exception as error:  # h5py and nir raise whatever they meet
        raise InputError(f"{path}: not a file of a NIR graph ({str(error).splitlines()[0]})") from None
    return from_nir(graph)


def _nir():
    try:
        import nir
    except ImportError:
        raise InputError("NIR graphs need the package nir: pip install 'brian_siamsnn[nir]'") from None
    return nir


def _chain(graph):
    """Name and node of all but input and output, from one to the other."""
    following: dict[str, str] = {}
    for before, after in graph.edges:
        if before in following or after in following.values():
            raise InputError(f"NIR graph: expected a chain of nodes, and it branches at {before} -> {after}")
        following[before] = after
    begin = [name for name, node in graph.nodes.items() if type(node).__name__ == "Input"]
    if len(begin) != 1:
        raise InputError(f"NIR graph: expected one Input, got {len(begin)}")
    name, chain = begin[0], []
    while name in following:
        name = following.pop(name)
        chain.append((name, graph.nodes[name]))
    if following or len(chain) + 1 != len(graph.nodes) or not chain or type(chain[-1][1]).__name__ != "Output":
        raise InputError(f"NIR graph: expected a chain from Input to Output, got {_described(graph.nodes.items())}")
    return chain[:-1]


def _described(nodes):
    return ", ".join(f"{name} ({type(node).__name__})" for name, node in nodes) or "nothing between Input and Output"


def _dense(w, groups):
    """The weights of a grouped convolution as those of one group: zeros where nothing is joined."""
    out, inputs = w.shape[:2]
    dense = np.zeros((out, groups * inputs, *w.shape[2:]), w.dtype)
    for group, rows in enumerate(np.split(np.arange(out), groups)):
        dense[rows, group * inputs : (group + 1) * inputs] = w[rows]
    return dense


def _grouped(name, node):
    """Weights and groups of a Conv2d node; those that its metadata name are found again if the rest is zero."""
    w, groups = np.asarray(node.weight, np.float32), int(node.groups)
    if w.ndim != 4 or w.shape[2] != w.shape[3]:
        raise InputError(f"{name}: expected square kernels (out, in/groups, k, k), got weights {w.shape}")
    stated = (node.metadata or {}).get("groups", 1)
    if groups == 1 and stated in range(2, w.shape[1] + 1) and not (w.shape[0] % stated or w.shape[1] % stated):
        per_group = w.shape[1] // stated
        rows = np.split(w, stated)
        parts = np.concatenate([row[:, k * per_group : (k + 1) * per_group] for k, row in enumerate(rows)])
        if (_dense(parts, stated) == w).all():
            return parts, int(stated)
    return w, groups


def _layer(name, node_name, node, w, groups):
    """The convolution of a Conv2d node."""
    padding = (0, 0) if isinstance(node.padding, str) and node.padding == "valid" else node.padding
    fixed = {"padding": (padding, 0, "without it, as SiamFC does"), "dilation": (node.dilation, 1, "without it")}
    for setting, (value, expected, how) in fixed.items():
        if isinstance(value, str) or (np.asarray(value) != expected).any():
            raise InputError(f"{node_name}: {setting} {value}: the layers here convolve {how}")
    strides = set(np.ravel(node.stride).tolist())
    if len(strides) != 1:
        raise InputError(f"{node_name}: expected the same stride both ways, got {node.stride}")
    return Convolution(name, w.shape[1] * groups, w.shape[0], w.shape[2], int(strides.pop()), groups)


def _gain(name, neurons, channels):
    """R / v_th of each channel; the reset has to be to 0, or by subtraction."""
    values = {}
    for key in ("r", "v_threshold"):
        array = np.asarray(getattr(neurons, key), np.float32)
        array = array.reshape(channels, -1) if array.size % channels == 0 and array.size > 1 else array.reshape(1, -1)
        if not np.isfinite(array).all() or not (array > 0).all() or (array != array[:, :1]).any():
            raise InputError(f"{name}: expected the same positive {key} over each of {channels} feature maps")
        values[key] = array[:, 0]
    v_reset = getattr(neurons, "v_reset", None)
    if v_reset is not None and np.any(np.asarray(v_reset) != 0):
        raise InputError(f"{name}: v_reset differs from 0; the neurons here are reset by subtraction")
    reset = (neurons.metadata or {}).get("reset", _RESET)
    if reset != _RESET:
        raise InputError(f"{name}: its metadata ask for the reset {reset!r}; the neurons here have {_RESET!r}")
    return np.broadcast_to(values["r"] / values["v_threshold"], channels)


def _initial(name, neurons):
    v_init = (neurons.metadata or {}).get("v_init", 0.0)
    try:
        value = float(v_init)
    except (TypeError, ValueError):
        value = float("nan")
    if not np.isfinite(value):
        raise InputError(f"{name}: v_init in its metadata: expected a finite number, got {v_init!r}")
    parts = set((value / np.ravel(neurons.v_threshold)).tolist())
    if len(parts) > 1:
        raise InputError(
            f"{name}: v_init is {v_init} with thresholds that differ; here potentials start at the same "
            "part of every threshold"
        )
    return parts.pop()
