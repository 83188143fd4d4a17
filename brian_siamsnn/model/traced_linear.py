"""Linear operations of a traced network: convolutions, linear layers, batch norm, sums and products with numbers.

Handlers get the `tracing.Tracer`, the node and, if it has one, its module, and return what the node gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .traced_arguments import argument, array_of, input_of, same_sides, shape_of, two
from .traced_values import Value, add, affine, convolved

if TYPE_CHECKING:
    from typing import Any


__all__ = ["add_tensors", "batch_norm", "convolution", "linear", "linear_function", "multiply"]


def convolution(tracer: Any, node: Any, module: Any) -> Value:
    """A convolution is a sum that is not rectified yet."""
    if module.padding_mode != "zeros":
        raise tracer.refuse(node, f"expected padding with zeros, got padding_mode={module.padding_mode!r}")
    kernel = two(module.kernel_size)
    stride = same_sides(tracer, node, "stride", module.stride)
    dilation = same_sides(tracer, node, "dilation", module.dilation)
    if module.padding == "same":
        total = [dilation * (side - 1) for side in kernel]
        padding = (total[0] // 2, total[0] - total[0] // 2, total[1] // 2, total[1] - total[1] // 2)
    else:
        height, width = (0, 0) if module.padding == "valid" else two(module.padding)
        padding = (height, height, width, width)
    bias = np.zeros(module.out_channels) if module.bias is None else array_of(module.bias)
    options = {"kernel": kernel, "stride": stride, "dilation": dilation, "padding": padding}
    value = tracer.views(node, input_of(tracer, node))
    return convolved(value, array_of(module.weight), bias, tracer.name(node), module.groups, **options)


def linear(tracer: Any, node: Any, module: Any) -> Value:
    """A linear layer is a convolution as large as its map."""
    return _fully_connected(tracer, node, module.weight, module.bias)


def linear_function(tracer: Any, node: Any) -> Value:
    """As `linear`, with weights from elsewhere in the network."""
    weight, bias = (tracer.value(argument(node, k, name)) for k, name in ((1, "weight"), (2, "bias")))
    return _fully_connected(tracer, node, weight, bias)


def _fully_connected(tracer, node, weight, bias):
    value = input_of(tracer, node)
    if value.flat is None:
        raise tracer.refuse(
            node,
            f"a linear layer expects shape (images, features), got {shape_of(node.args[0])}; flatten the map",
        )
    views = tracer.views(node, value)
    kernel = value.flat
    w = array_of(weight).reshape(weight.shape[0], value.channels, *kernel)
    b = np.zeros(len(w)) if bias is None else array_of(bias)
    flat = convolved(Value(views.parts), w, b, tracer.name(node), kernel=kernel, whole=kernel != (1, 1))
    return Value(flat.parts, (1, 1))


def batch_norm(tracer: Any, node: Any, module: Any) -> Value:
    """A batch norm multiplies each channel by a factor and adds a number."""
    if module.running_mean is None or module.running_var is None:
        raise tracer.refuse(
            node, "a batch norm without running statistics depends on each batch; train with track_running_stats=True"
        )
    scale = 1 / np.sqrt(array_of(module.running_var) + module.eps)
    scale *= 1 if module.weight is None else array_of(module.weight)
    shift = (0 if module.bias is None else array_of(module.bias)) - array_of(module.running_mean) * scale
    value = input_of(tracer, node)
    if value.flat not in (None, (1, 1)):
        raise tracer.refuse(node, "a batch norm of flattened maps is not folded; use BatchNorm2d before flattening")
    return affine(value, scale, shift, tracer.name(node))


def add_tensors(tracer: Any, node: Any) -> Value:
    """A sum of two tensors, or of a tensor and a number."""
    if node.kwargs.get("alpha", 1) != 1:
        raise tracer.refuse(node, "a sum with alpha; multiply before adding")
    a, b = (tracer.value(one) for one in node.args[:2])
    if not (isinstance(a, Value) and isinstance(b, Value)):
        value, number = (a, b) if isinstance(a, Value) else (b, a)
        return affine(value, np.ones(value.channels), np.full(value.channels, _number(tracer, node, number)), "sum")
    if len({shape_of(one) for one in node.args[:2]}) > 1:
        raise tracer.refuse(node, f"a sum of different shapes {shape_of(node.args[0])} and {shape_of(node.args[1])}")
    return add(a, b, tracer.name(node))


def _number(tracer, node, value):
    if not isinstance(value, int | float):
        raise tracer.refuse(node, "only plain numbers are folded into weights; put the constant into a batch norm")
    return float(value)


def multiply(tracer: Any, node: Any) -> Value:
    """A product with a number."""
    a, b = (tracer.value(one) for one in node.args[:2])
    if isinstance(a, Value) and isinstance(b, Value):
        raise tracer.refuse(
            node, "a product of two tensors (attention, gating) is no sum of spikes; train the network without it"
        )
    value, number = (a, b) if isinstance(a, Value) else (b, a)
    factor = np.full(value.channels, _number(tracer, node, number))
    return affine(value, factor, np.zeros(value.channels), tracer.name(node))
