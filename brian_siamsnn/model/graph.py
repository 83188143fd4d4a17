"""What follows from a directed graph of layers: shapes, connections, and the window of each layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .graph_layers import IMAGE, Gates, Neurons
from .layers import Convolution, MaxPool
from .projection import Projection

if TYPE_CHECKING:
    from ..aliases import Shape
    from .graph_layers import Input
    from .layers import Layer

__all__ = [
    "check_graph",
    "depths",
    "graph_shapes",
    "inputs_of",
    "is_graph",
    "longest_skip",
    "projections_of",
    "sources_of",
    "split_weights",
    "total_stride",
    "turns",
]


def is_graph(layers: tuple[Layer, ...]) -> bool:
    """Whether layers are a directed graph of `Neurons` and `Gates`, not a chain of `Convolution` and `MaxPool`.

    Parameters
    ----------
    layers : tuple of Layer
        The network.

    Returns
    -------
    bool
        True for a graph.
    """
    return bool(layers) and isinstance(layers[0], Neurons)


def inputs_of(layer: Layer) -> tuple[Input, ...]:
    """Inputs of a layer of a graph.

    Parameters
    ----------
    layer : Neurons or Gates
        The layer.

    Returns
    -------
    tuple of Input
        One for `Gates`.
    """
    return (layer.input,) if isinstance(layer, Gates) else getattr(layer, "inputs", ())


def sources_of(layers: tuple[Layer, ...]) -> dict[str, list[str]]:
    """Names of the layers whose spikes each layer receives.

    Parameters
    ----------
    layers : tuple of Layer
        A chain or a graph.

    Returns
    -------
    dict of str to list of str
        By layer, one for each input; none for the first layer, which sees the image.
    """
    if is_graph(layers):
        return {layer.name: [one.source for one in inputs_of(layer) if one.source != IMAGE] for layer in layers}
    before = [[], *([layer.name] for layer in layers[:-1])]
    return {layer.name: source for layer, source in zip(layers, before, strict=True)}


def depths(layers: tuple[Layer, ...]) -> dict[str, int]:
    """Number of the window in which each layer of a wave fires: layers of neurons on the longest path to it.

    A layer gathers until its own window, so its sources may fire in any earlier one. Gates fire with their source.

        depth = 1 + max over sources of their depth,    0 for the layer that sees the image

    Parameters
    ----------
    layers : tuple of Layer
        A chain or a graph.

    Returns
    -------
    dict of str to int
        By layer.
    """
    result: dict[str, int] = {}
    for layer in layers:
        before = [result[source] for source in sources_of(layers)[layer.name]]
        result[layer.name] = max(before, default=-1) + (0 if isinstance(layer, MaxPool) else 1)
    return result


def total_stride(layers: tuple[Layer, ...]) -> int:
    """Pixels between neighbouring outputs of the last layer: the product of strides on the way to it.

    Parameters
    ----------
    layers : tuple of Layer
        A chain or a graph.

    Returns
    -------
    int
        In pixels of the image.
    """
    strides = {IMAGE: 1}
    sources = sources_of(layers)
    for layer in layers:
        source = (sources[layer.name] or [IMAGE])[0]
        strides[layer.name] = strides[source] * (inputs_of(layer)[0].stride if inputs_of(layer) else layer.stride)
    return strides[layers[-1].name]


def turns(layers: tuple[Layer, ...]) -> list[int]:
    """Number of steps between the image and each layer on a device where a spike arrives one step later.

    Parameters
    ----------
    layers : tuple of Layer
        A chain or a graph.

    Returns
    -------
    list of int
        Layers of any kind on the longest path to each layer, in order; 0, 1, 2, ... in a chain.
    """
    result: dict[str, int] = {}
    for layer in layers:
        result[layer.name] = max((result[source] for source in sources_of(layers)[layer.name]), default=-1) + 1
    return list(result.values())


def longest_skip(layers: tuple[Layer, ...]) -> int:
    """Largest difference in depth between a layer of neurons and one of its sources; 1 in a chain.

    Parameters
    ----------
    layers : tuple of Layer
        A chain or a graph.

    Returns
    -------
    int
        1 or more.
    """
    depth = depths(layers)
    sources = sources_of(layers)
    steps = [
        depth[layer.name] - depth[source]
        for layer in layers
        if isinstance(layer, Convolution)
        for source in sources[layer.name]
    ]
    return max(steps, default=1)


def split_weights(layer: Neurons, weights: np.ndarray) -> list[np.ndarray]:
    """Weights of each input of a layer.

    Parameters
    ----------
    layer : Neurons
        The layer.
    weights : ndarray, shape (out_channels, fan_in)
        Its weights.

    Returns
    -------
    list of ndarray, shape (out_channels, channels // groups, kernel height, kernel width)
        Views of the weights, one for each input.
    """
    ends = np.cumsum([one.fan_in for one in layer.inputs])
    parts = np.split(weights, ends[:-1], axis=1)
    return [
        part.reshape(layer.out_channels, one.channels // one.groups, *one.kernel)
        for one, part in zip(layer.inputs, parts, strict=True)
    ]


def graph_shapes(layers: tuple[Layer, ...], image_size: int) -> dict[str, Shape]:
    """Shape of every layer for a square image.

    Parameters
    ----------
    layers : tuple of Neurons and Gates
        The graph.
    image_size : int
        Side of the image in pixels.

    Returns
    -------
    dict of str to (int, int, int)
        (height, width, channels) by layer.

    Raises
    ------
    InputError
        If the image is too small, the inputs of a layer have different sizes, or a linear layer or global pooling was
        made for another size.
    """
    shapes: dict[str, Shape] = {IMAGE: (image_size, image_size, 0)}
    for layer in layers:
        sizes = {one: _outputs(layer, one, shapes[one.source], image_size) for one in inputs_of(layer)}
        if len(set(sizes.values())) > 1:
            raise InputError(
                f"{layer.name}: expected inputs of one size, got "
                f"{', '.join(f'{size} from {one.source}' for one, size in sizes.items())} for images of {image_size} "
                "pixels"
            )
        channels = layer.input.channels if isinstance(layer, Gates) else layer.out_channels  # type: ignore[union-attr]
        shapes[layer.name] = (*next(iter(sizes.values())), channels)
    del shapes[IMAGE]
    return shapes


def _outputs(layer, one, shape, image_size):
    """Height and width of a layer, as one of its inputs makes it."""
    view, extent = one.view(*shape[:2]), one.extent
    if one.whole and view != extent:
        raise InputError(
            f"{layer.name}: its kernel covers a whole map of {extent[0]}x{extent[1]}, as in a linear layer or global "
            f"pooling, but for images of {image_size} pixels the map is {view[0]}x{view[1]}; use images of the size "
            "that the network was converted for, or convert it again"
        )
    height, width = ((size - span) // one.stride + 1 for size, span in zip(view, extent, strict=True))
    if height < 1 or width < 1:
        raise InputError(
            f"{layer.name}: images of {image_size} pixels are too small: its kernel spans {extent[0]}x{extent[1]}, and "
            f"its input is {view[0]}x{view[1]}"
        )
    return height, width


def projections_of(layers: tuple[Layer, ...], image_size: int) -> dict[str, Projection]:
    """Connections of a graph.

    Parameters
    ----------
    layers : tuple of Neurons and Gates
        The graph.
    image_size : int
        Side of the image in pixels.

    Returns
    -------
    dict of str to Projection
        The first input of a layer by the layer's name, further ones by the name with ``_2``, ``_3``, ...
    """
    shapes = graph_shapes(layers, image_size)
    return {
        layer.name if k == 0 else f"{layer.name}_{k + 1}": Projection(
            layer, shapes[one.source], shapes[layer.name], one.source, k
        )
        for layer in layers[1:]
        for k, one in enumerate(inputs_of(layer))
    }


def check_graph(layers: tuple[Layer, ...]) -> None:
    """Check that the layers of a graph fit together.

    Parameters
    ----------
    layers : tuple of Neurons and Gates
        The graph, sources before those that they reach.

    Raises
    ------
    InputError
        If a name is used twice, a source is not an earlier layer or has too few channels, or not exactly the first
        layer sees the image.
    """
    channels: dict[str, int] = {}
    for k, layer in enumerate(layers):
        if not isinstance(layer, Neurons | Gates):
            raise InputError(f"{layer.name}: a graph has layers of Neurons and Gates, got {type(layer).__name__}")
        if layer.name in channels:
            raise InputError(f"layers: expected unique names, got {layer.name!r} more than once")
        for one in inputs_of(layer):
            if (one.source == IMAGE) != (k == 0) or (k == 0 and len(inputs_of(layer)) > 1):
                raise InputError(f"{layer.name}: expected one input from the image in the first layer and in no other")
            if k and one.source not in channels:
                raise InputError(f"{layer.name}: expected inputs from earlier layers, got {one.source!r:.60}")
            if k and one.first + one.channels > channels[one.source]:
                raise InputError(
                    f"{layer.name}: expected up to {channels[one.source]} channels of {one.source}, got channels "
                    f"{one.first} to {one.first + one.channels - 1}"
                )
        channels[layer.name] = layer.input.channels if isinstance(layer, Gates) else layer.out_channels
