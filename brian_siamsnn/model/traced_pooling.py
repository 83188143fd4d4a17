"""Pooling in a traced network: maxima are gates, means are layers of neurons.

Handlers get the `tracing.Tracer`, the node and, if it has one, its module, and return what the node gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .traced_arguments import argument, input_of, same_sides, shape_of, two
from .traced_values import Value, convolved

if TYPE_CHECKING:
    from typing import Any


__all__ = [
    "adaptive_average_pool",
    "adaptive_average_pool_function",
    "average_pool",
    "average_pool_function",
    "global_max_pool",
    "max_pool",
    "max_pool_function",
    "mean",
]


def max_pool(tracer: Any, node: Any, module: Any) -> Value:
    """Max pooling is a layer of gates."""
    return _maxima(tracer, node, module.kernel_size, module.stride, module.padding, module.dilation, module.ceil_mode)


def max_pool_function(tracer: Any, node: Any) -> Value:
    """As `max_pool`."""
    names = (("kernel_size", None), ("stride", None), ("padding", 0), ("dilation", 1), ("ceil_mode", False))
    kernel, *others = (argument(node, k, name, default) for k, (name, default) in enumerate(names, 1))
    return _maxima(tracer, node, kernel, *others)


def _maxima(tracer, node, kernel, stride, padding, dilation, ceil_mode):
    kernel, padding = two(kernel), two(padding)
    if same_sides(tracer, node, "dilation", dilation) != 1 or kernel[0] != kernel[1]:
        raise tracer.refuse(node, "max pooling expects square windows without dilation; choose such windows")
    step = same_sides(tracer, node, "stride", kernel if stride in (None, []) else stride)
    margins = _pool_margins(tracer, node, kernel, step, padding, ceil_mode)
    value = tracer.spikes(node, input_of(tracer, node))
    name = tracer.name(node)
    return Value(tuple(tracer.gates(view, name, kernel=kernel, stride=step, padding=margins) for view in value.parts))


def _pool_margins(tracer, node, kernel, stride, padding, ceil_mode):
    """Padding of a pooling layer; rounding sizes up is padding at the bottom and at the right."""
    more = stride - 1 if ceil_mode else 0
    # PyTorch leaves out a last window that would begin in the padding
    if ceil_mode and any(side <= pad + more for side, pad in zip(kernel, padding, strict=True)):
        raise tracer.refuse(node, "ceil_mode with windows that begin in the padding; use ceil_mode=False")
    return (padding[0], padding[0] + more, padding[1], padding[1] + more)


def global_max_pool(tracer: Any, node: Any, module: Any) -> Value:
    """Max pooling over the whole map."""
    if _output_size(module.output_size, shape_of(node.args[0])) != (1, 1):
        raise tracer.refuse(node, "adaptive max pooling to a map is not converted; use MaxPool2d")
    value: Any = tracer.spikes(node, input_of(tracer, node))
    height, width = shape_of(node.args[0])[2:]
    if height != width:
        raise tracer.refuse(node, f"global max pooling expects a square map, got {height}x{width}")
    options = {"kernel": (height, width), "whole": True}
    return Value(tuple(tracer.gates(view, tracer.name(node), **options) for view in value.parts))


def _output_size(size, shape):
    return tuple(
        shape[2 + k] if one is None else int(one)
        for k, one in enumerate(size if isinstance(size, tuple | list) else (size, size))
    )


def average_pool(tracer: Any, node: Any, module: Any) -> Value:
    """Average pooling is a layer of neurons."""
    return _means(
        tracer,
        node,
        module.kernel_size,
        module.stride,
        module.padding,
        module.ceil_mode,
        module.count_include_pad,
        module.divisor_override,
    )


def average_pool_function(tracer: Any, node: Any) -> Value:
    """As `average_pool`."""
    names = (("kernel_size", None), ("stride", None), ("padding", 0), ("ceil_mode", False))
    names += (("count_include_pad", True), ("divisor_override", None))
    kernel, *others = (argument(node, k, name, default) for k, (name, default) in enumerate(names, 1))
    return _means(tracer, node, kernel, *others)


def _means(tracer, node, kernel, stride, padding, ceil_mode, count_include_pad, divisor):
    kernel, padding = two(kernel), two(padding)
    step = same_sides(tracer, node, "stride", kernel if stride in (None, []) else stride)
    if ceil_mode or (any(padding) and not count_include_pad):
        raise tracer.refuse(
            node, "average pooling with windows of different sizes; use ceil_mode=False and count_include_pad=True"
        )
    margins = (padding[0], padding[0], padding[1], padding[1])
    return _averaged(tracer, node, kernel, divisor, stride=step, padding=margins)


def _averaged(tracer, node, kernel, divisor=None, **options):
    """A mean over windows is a convolution of each channel, and a layer of neurons of its own."""
    value = tracer.views(node, input_of(tracer, node))
    weights = np.full((value.channels, 1, *kernel), 1 / (divisor or kernel[0] * kernel[1]))
    bias, name = np.zeros(value.channels), tracer.name(node)
    means = convolved(value, weights, bias, name, value.channels, kernel=kernel, **options)
    return tracer.views(node, means)


def adaptive_average_pool(tracer: Any, node: Any, module: Any) -> Value:
    """Average pooling over the whole map."""
    return _adaptive(tracer, node, module.output_size)


def adaptive_average_pool_function(tracer: Any, node: Any) -> Value:
    """As `adaptive_average_pool`."""
    return _adaptive(tracer, node, argument(node, 1, "output_size"))


def _adaptive(tracer, node, size):
    shape = shape_of(node.args[0])
    if _output_size(size, shape) != (1, 1):
        raise tracer.refuse(
            node, "adaptive average pooling to a map depends on the size of the image; use AvgPool2d, or pool to one"
        )
    return _averaged(tracer, node, shape[2:], whole=True)


def mean(tracer: Any, node: Any) -> Value:
    """A mean over height and width."""
    shape, dims = shape_of(node.args[0]), argument(node, 1, "dim")
    dims = sorted(d % len(shape) for d in (dims if isinstance(dims, tuple | list) else [dims])) if dims else []
    if dims != [2, 3]:
        raise tracer.refuse(node, "a mean over other dimensions than height and width; use mean((2, 3))")
    value = _averaged(tracer, node, shape[2:], whole=True)
    return value if argument(node, 2, "keepdim", False) else Value(value.parts, (1, 1))
