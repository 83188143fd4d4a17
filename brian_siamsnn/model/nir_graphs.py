"""Exchange spiking networks with other simulators and neuromorphic toolchains as NIR graphs.

NIR (Neuromorphic Intermediate Representation, Pedersen 2024) is a graph of nodes in continuous time. A branch becomes

    Input -> Conv2d -> IF -> Conv2d -> IF -> ... -> Output

with channels before height and width, as NIR defines them. docs/interchange.md explains what NIR leaves open, and what
a reader must set to get the same spikes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..environment import check_version
from ..errors import InputError, reason_of
from .conversion import SpikingModel
from .files import SiameseModel
from .graph import inputs_of, is_graph
from .layers import Convolution, MaxPool, convolutions

if TYPE_CHECKING:
    from types import ModuleType

    import nir

    from ..aliases import FilePath

__all__ = ["from_nir", "nir_package", "resets_hard", "to_nir"]

#: Reset of the neurons. NIR cannot express it, so it is written into the metadata of the node.
_RESET = "subtract"

#: Resistances beyond these bounds are 1/dt of a program that counts in seconds rather than gains of a network.
_NEAR_ONE = 0.1, 10.0


def to_nir(model: FilePath | SiameseModel | SpikingModel, image_size: int) -> nir.NIRGraph:
    """Convert a spiking network to a NIR graph.

    Each convolution becomes a ``Conv2d`` with weights in units of the threshold, and an ``IF`` with

        dv/dt = R I,      R = 1,      v_th = 1

    where one time step of the simulation is one unit of time. The metadata of each ``IF`` has what NIR cannot express:
    ``reset`` ("subtract") and ``v_init``, the membrane potential before the first step. At v = v_th the neurons here
    fire, whereas those of NIR do not. A convolution with several groups is written with one group and zeros between the
    groups, because nir 1.0 mistakes the channels of a group for those of the input; its metadata name the number of
    groups.

    Parameters
    ----------
    model : str, path, SiameseModel or SpikingModel
        Name of a shipped model, a model file, or a loaded model.
    image_size : int
        Side of the square images in pixels; a NIR graph has a fixed input size.

    Returns
    -------
    nir.NIRGraph
        Graph for an input of shape (3, image_size, image_size): RGB, 0 to 255, the same in every time step.

    Raises
    ------
    InputError
        If the model is a graph of layers, or has max pooling, for which NIR has no node, or the package nir is not
        installed.
    """
    nir, model = nir_package(), SpikingModel.of(model)
    if is_graph(model.layers):
        several = [layer.name for layer in model.layers if len(inputs_of(layer)) > 1] or [model.layers[-1].name]
        raise InputError(
            f"{', '.join(several)}: a directed graph of layers is not written to NIR, which has no views of a layer "
            "(crops, slices of channels); export a chain of convolutions, such as compact"
        )
    pools = [layer.name for layer in model.layers if isinstance(layer, MaxPool)]
    if pools:
        raise InputError(
            f"{', '.join(pools)}: NIR has no node for max pooling of spikes; "
            "export a network with strided convolutions instead, such as compact"
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


def from_nir(graph: nir.NIRGraph, dt: float | None = None) -> SpikingModel:
    """Convert a NIR graph to a spiking network.

    The graph must be a chain of alternating ``Conv2d`` and ``IF``, as `to_nir` and many other programs write it.
    Resistances and thresholds that are constant over a feature map are folded into its weights, w R dt / v_th. Neurons
    are reset by subtraction, whereas those of NIR are set to ``v_reset`` (a hard reset, see `resets_hard`). A graph
    whose metadata ask for another reset is rejected.

    Parameters
    ----------
    graph : nir.NIRGraph
        The graph.
    dt : float, optional
        Time step of the simulation in the graph's unit of time. By default 1, as in graphs of `to_nir`; it must be
        given if a resistance is far from 1. Programs that count in seconds write R = 1/dt: spikingjelly with
        dt = 0.0001.

    Returns
    -------
    SpikingModel
        The spiking network; its layers are named conv1, conv2, ... in the order of the graph.

    Raises
    ------
    InputError
        If the graph branches, does not begin with three channels, or has a node, padding, dilation or reset that
        networks of this package do not support; the message names the node. If a resistance needs a time step, or the
        time step is not positive and finite.
    """
    if dt is not None and not 0 < dt < float("inf"):
        raise InputError(f"dt: expected a positive, finite time step, got {dt}")
    chain = _chain(graph)
    if len(chain) % 2 or not chain:
        raise InputError(f"NIR graph: expected alternating Conv2d and IF, got {_described(chain)}")
    layers, weights, potentials = [], {}, {}
    for k in range(0, len(chain), 2):
        (name, convolution), (neurons_name, neurons) = chain[k : k + 2]
        for node_name, node, expected in ((name, convolution, "Conv2d"), (neurons_name, neurons, "IF")):
            if type(node).__name__ != expected:
                raise InputError(
                    f"{node_name}: expected {expected}, got {type(node).__name__}; a graph must alternate Conv2d and IF"
                )
        try:
            w, groups = _grouped(name, convolution)
            b = np.asarray(convolution.bias, np.float32)
            layer = _layer(f"conv{k // 2 + 1}", name, convolution, w, groups)
            gain = _gain(neurons_name, neurons, layer.out_channels, dt)
            potentials[neurons_name] = _initial(neurons_name, neurons)
            weights[layer.name] = w * gain[:, None, None, None], b * gain
        except InputError:
            raise
        except (TypeError, ValueError, ArithmeticError, AttributeError) as error:  # nir.read accepts anything
            problem = f"expected the numbers of a Conv2d and an IF, got others ({reason_of(error)})"
            raise InputError(f"{name} and {neurons_name}: {problem}") from None
        layers.append(layer)
    if len(set(potentials.values())) > 1:
        raise InputError(f"v_init: expected the same in all layers, got {potentials}")
    # checks shapes and numbers
    checked = SiameseModel(tuple(layers), weights)
    return SpikingModel(checked.layers, checked.weights, next(iter(potentials.values())))


def resets_hard(graph: nir.NIRGraph) -> bool:
    """Whether a graph leaves the reset to NIR, whose neurons are set to ``v_reset`` when they fire.

    Parameters
    ----------
    graph : nir.NIRGraph
        The graph.

    Returns
    -------
    bool
        True unless the metadata of its neurons ask for reset by subtraction, as in graphs of `to_nir`.
    """
    return any(
        type(node).__name__ == "IF" and (node.metadata or {}).get("reset") != _RESET for node in graph.nodes.values()
    )


def nir_package() -> ModuleType:
    """Import the package nir.

    Returns
    -------
    module
        The package.

    Raises
    ------
    InputError
        If it is not installed, or older than needed.
    """
    try:
        import nir
    except ImportError:
        raise InputError("NIR graphs need the package nir: pip install 'brian_siamsnn[nir]'") from None
    check_version("nir", "1.0.8", "NIR graphs")  # older versions keep no metadata of a node
    return nir


def _chain(graph):
    """Return name and node of all nodes between input and output, in order."""
    successors: dict[str, str] = {}
    for before, after in graph.edges:
        if before in successors or after in successors.values():
            raise InputError(f"NIR graph: expected a chain of nodes, but it branches at {before} -> {after}")
        successors[before] = after
    inputs = [name for name, node in graph.nodes.items() if type(node).__name__ == "Input"]
    if len(inputs) != 1:
        raise InputError(f"NIR graph: expected one Input, got {len(inputs)}")
    name, chain = inputs[0], []
    while name in successors:
        name = successors.pop(name)
        chain.append((name, graph.nodes[name]))
    if successors or len(chain) + 1 != len(graph.nodes) or not chain or type(chain[-1][1]).__name__ != "Output":
        raise InputError(f"NIR graph: expected a chain from Input to Output, got {_described(graph.nodes.items())}")
    return chain[:-1]


def _described(nodes):
    return ", ".join(f"{name} ({type(node).__name__})" for name, node in nodes) or "nothing between Input and Output"


def _dense(w, groups):
    """Write the weights of a grouped convolution as one group, with zeros between the groups."""
    out, inputs = w.shape[:2]
    dense = np.zeros((out, groups * inputs, *w.shape[2:]), w.dtype)
    for group, rows in enumerate(np.split(np.arange(out), groups)):
        dense[rows, group * inputs : (group + 1) * inputs] = w[rows]
    return dense


def _grouped(name, node):
    """Return weights and number of groups of a Conv2d node.

    The groups that its metadata name are restored if the weights between them are zero.
    """
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
    """Return the convolution of a Conv2d node."""
    padding = (0, 0) if isinstance(node.padding, str) and node.padding == "valid" else node.padding
    for setting, value, expected in (("padding", padding, 0), ("dilation", node.dilation, 1)):
        if isinstance(value, str) or (np.asarray(value) != expected).any():
            raise InputError(f"{node_name}: {setting}: expected {expected}, as in SiamFC, got {value}")
    strides = set(np.ravel(node.stride).tolist())
    if len(strides) != 1:
        raise InputError(f"{node_name}: expected the same stride in both directions, got {node.stride}")
    return Convolution(name, w.shape[1] * groups, w.shape[0], w.shape[2], int(strides.pop()), groups)


def _gain(name, neurons, channels, dt):
    """Return R dt / v_th of each channel, after checking that the neurons can be reset by subtraction."""
    values = {}
    for key in ("r", "v_threshold"):
        array = np.asarray(getattr(neurons, key), np.float32)
        array = array.reshape(channels, -1) if array.size % channels == 0 and array.size > 1 else array.reshape(1, -1)
        if not array.size or not np.isfinite(array).all() or not (array > 0).all() or (array != array[:, :1]).any():
            raise InputError(f"{name}: expected the same positive {key} over each of {channels} feature maps")
        values[key] = array[:, 0]
    r = values["r"]
    if dt is None and not (_NEAR_ONE[0] <= r.min() and r.max() <= _NEAR_ONE[1]):
        raise InputError(
            f"{name}: r: expected about 1 where a step is one unit of time, got {r.max():g}; give the time step that "
            f"the graph was written with as --dt (dt in Python): {1 / r.max():g} if it is 1/r, as in graphs of "
            "spikingjelly, or 1 if r is meant as it is"
        )
    v_reset = getattr(neurons, "v_reset", None)
    if v_reset is not None and (wrong := np.ravel(v_reset)[np.ravel(v_reset) != 0]).size:
        raise InputError(f"{name}: v_reset: expected 0, because neurons are reset by subtraction, got {wrong[0]:g}")
    reset = (neurons.metadata or {}).get("reset", _RESET)
    if reset != _RESET:
        raise InputError(f"{name}: reset in its metadata: expected {_RESET!r}, got {reset!r}")
    # in double precision, so that r dt = 1 exactly for r = 1/dt
    gain = r.astype(float) * (dt or 1) / values["v_threshold"]
    return np.broadcast_to(gain.astype(np.float32), channels)


def _initial(name, neurons):
    v_init = (neurons.metadata or {}).get("v_init", 0.0)
    try:
        value = float(v_init)
    except (TypeError, ValueError):
        value = float("nan")
    if not np.isfinite(value):
        raise InputError(f"{name}: v_init in its metadata: expected a finite number, got {v_init!r}")
    fractions = set((value / np.ravel(neurons.v_threshold)).tolist())
    if len(fractions) > 1:
        raise InputError(
            f"{name}: v_init is {v_init} with thresholds that differ; "
            "expected the same fraction of the threshold for all neurons"
        )
    return fractions.pop()
