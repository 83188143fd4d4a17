"""What each module, function and method of PyTorch is in terms of spikes, and what could replace the others."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from .traced_values import Value, View, add, affine, concatenated, convolved, cropped, sliced

if TYPE_CHECKING:
    from torch import fx


__all__ = ["ADVICE", "FUNCTIONS", "METHODS", "MODULES", "is_rectifier", "passes_on"]


def _array(tensor):
    return tensor.detach().cpu().numpy().astype(np.float64)


def _two(value):
    return tuple(int(v) for v in value) if isinstance(value, tuple | list) else (int(value),) * 2


def _shape(node):
    return tuple(node.meta["tensor_meta"].shape)


def _argument(node, index, name, default=None):
    return node.args[index] if len(node.args) > index else node.kwargs.get(name, default)


def _same(tracer, node, name, pair):
    """One number for both directions."""
    height, width = _two(pair)
    if height != width:
        raise tracer.refuse(node, f"{name}: expected the same in both directions, got {(height, width)}")
    return height


def _input(tracer, node):
    return tracer.value(node.args[0] if node.args else node.kwargs["input"])


def _passed_on(tracer, node, *_):
    return _input(tracer, node)


def _relu(tracer, node, *_):
    value = _input(tracer, node)
    return Value(tuple(tracer.rectified(part) for part in _checked(tracer, node, value).parts), value.flat)


def _checked(tracer, node, value):
    if any(isinstance(part, View) and part.source == "" for part in value.parts):
        raise tracer.refuse(node, "it rectifies the image; leave it out, pixels are not negative")
    return value


def _convolution(tracer, node, module):
    if module.padding_mode != "zeros":
        raise tracer.refuse(node, f"expected padding with zeros, got padding_mode={module.padding_mode!r}")
    kernel = _two(module.kernel_size)
    stride = _same(tracer, node, "stride", module.stride)
    dilation = _same(tracer, node, "dilation", module.dilation)
    if module.padding == "same":
        total = [dilation * (side - 1) for side in kernel]
        padding = (total[0] // 2, total[0] - total[0] // 2, total[1] // 2, total[1] - total[1] // 2)
    else:
        height, width = (0, 0) if module.padding == "valid" else _two(module.padding)
        padding = (height, height, width, width)
    bias = np.zeros(module.out_channels) if module.bias is None else _array(module.bias)
    options = {"kernel": kernel, "stride": stride, "dilation": dilation, "padding": padding}
    value = tracer.views(node, _input(tracer, node))
    return convolved(value, _array(module.weight), bias, tracer.name(node), module.groups, **options)


def _linear(tracer, node, module):
    return _fully_connected(tracer, node, module.weight, module.bias)


def _linear_function(tracer, node):
    weight, bias = (tracer.value(_argument(node, k, name)) for k, name in ((1, "weight"), (2, "bias")))
    return _fully_connected(tracer, node, weight, bias)


def _fully_connected(tracer, node, weight, bias):
    value = _input(tracer, node)
    if value.flat is None:
        raise tracer.refuse(
            node,
            f"a linear layer expects shape (images, features), got {_shape(node.args[0])}; flatten the map",
        )
    views = tracer.views(node, value)
    kernel = value.flat
    w = _array(weight).reshape(weight.shape[0], value.channels, *kernel)
    b = np.zeros(len(w)) if bias is None else _array(bias)
    flat = convolved(Value(views.parts), w, b, tracer.name(node), kernel=kernel, whole=kernel != (1, 1))
    return Value(flat.parts, (1, 1))


def _batch_norm(tracer, node, module):
    if module.running_mean is None or module.running_var is None:
        raise tracer.refuse(
            node, "a batch norm without running statistics depends on each batch; train with track_running_stats=True"
        )
    scale = 1 / np.sqrt(_array(module.running_var) + module.eps)
    scale *= 1 if module.weight is None else _array(module.weight)
    shift = (0 if module.bias is None else _array(module.bias)) - _array(module.running_mean) * scale
    value = _input(tracer, node)
    if value.flat not in (None, (1, 1)):
        raise tracer.refuse(node, "a batch norm of flattened maps is not folded; use BatchNorm2d before flattening")
    return affine(value, scale, shift, tracer.name(node))


def _max_pool(tracer, node, module):
    return _maxima(tracer, node, module.kernel_size, module.stride, module.padding, module.dilation, module.ceil_mode)


def _max_pool_function(tracer, node):
    names = (("kernel_size", None), ("stride", None), ("padding", 0), ("dilation", 1), ("ceil_mode", False))
    kernel, *others = (_argument(node, k, name, default) for k, (name, default) in enumerate(names, 1))
    return _maxima(tracer, node, kernel, *others)


def _maxima(tracer, node, kernel, stride, padding, dilation, ceil_mode):
    kernel, padding = _two(kernel), _two(padding)
    if _same(tracer, node, "dilation", dilation) != 1 or kernel[0] != kernel[1]:
        raise tracer.refuse(node, "max pooling expects square windows without dilation; choose such windows")
    step = _same(tracer, node, "stride", kernel if stride in (None, []) else stride)
    margins = _pool_margins(tracer, node, kernel, step, padding, ceil_mode)
    value = tracer.spikes(node, _input(tracer, node))
    name = tracer.name(node)
    return Value(tuple(tracer.gates(view, name, kernel=kernel, stride=step, padding=margins) for view in value.parts))


def _pool_margins(tracer, node, kernel, stride, padding, ceil_mode):
    """Padding of a pooling layer; rounding sizes up is padding at the bottom and at the right."""
    more = stride - 1 if ceil_mode else 0
    # PyTorch leaves out a last window that would begin in the padding
    if ceil_mode and any(side <= pad + more for side, pad in zip(kernel, padding, strict=True)):
        raise tracer.refuse(node, "ceil_mode with windows that begin in the padding; use ceil_mode=False")
    return (padding[0], padding[0] + more, padding[1], padding[1] + more)


def _global_max(tracer, node, module):
    if _output_size(module.output_size, _shape(node.args[0])) != (1, 1):
        raise tracer.refuse(node, "adaptive max pooling to a map is not converted; use MaxPool2d")
    value = tracer.spikes(node, _input(tracer, node))
    height, width = _shape(node.args[0])[2:]
    if height != width:
        raise tracer.refuse(node, f"global max pooling expects a square map, got {height}x{width}")
    options = {"kernel": (height, width), "whole": True}
    return Value(tuple(tracer.gates(view, tracer.name(node), **options) for view in value.parts))


def _output_size(size, shape):
    return tuple(
        shape[2 + k] if one is None else int(one)
        for k, one in enumerate(size if isinstance(size, tuple | list) else (size, size))
    )


def _average_pool(tracer, node, module):
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


def _average_pool_function(tracer, node):
    names = (("kernel_size", None), ("stride", None), ("padding", 0), ("ceil_mode", False))
    names += (("count_include_pad", True), ("divisor_override", None))
    kernel, *others = (_argument(node, k, name, default) for k, (name, default) in enumerate(names, 1))
    return _means(tracer, node, kernel, *others)


def _means(tracer, node, kernel, stride, padding, ceil_mode, count_include_pad, divisor):
    kernel, padding = _two(kernel), _two(padding)
    step = _same(tracer, node, "stride", kernel if stride in (None, []) else stride)
    if ceil_mode or (any(padding) and not count_include_pad):
        raise tracer.refuse(
            node, "average pooling with windows of different sizes; use ceil_mode=False and count_include_pad=True"
        )
    margins = (padding[0], padding[0], padding[1], padding[1])
    return _averaged(tracer, node, kernel, divisor, stride=step, padding=margins)


def _averaged(tracer, node, kernel, divisor=None, **options):
    """A mean over windows is a convolution of each channel, and a layer of neurons of its own."""
    value = tracer.views(node, _input(tracer, node))
    weights = np.full((value.channels, 1, *kernel), 1 / (divisor or kernel[0] * kernel[1]))
    bias, name = np.zeros(value.channels), tracer.name(node)
    means = convolved(value, weights, bias, name, value.channels, kernel=kernel, **options)
    return tracer.views(node, means)


def _adaptive_average(tracer, node, module):
    return _adaptive(tracer, node, module.output_size)


def _adaptive_average_function(tracer, node):
    return _adaptive(tracer, node, _argument(node, 1, "output_size"))


def _adaptive(tracer, node, size):
    shape = _shape(node.args[0])
    if _output_size(size, shape) != (1, 1):
        raise tracer.refuse(
            node, "adaptive average pooling to a map depends on the size of the image; use AvgPool2d, or pool to one"
        )
    return _averaged(tracer, node, shape[2:], whole=True)


def _mean(tracer, node):
    shape, dims = _shape(node.args[0]), _argument(node, 1, "dim")
    dims = sorted(d % len(shape) for d in (dims if isinstance(dims, tuple | list) else [dims])) if dims else []
    if dims != [2, 3]:
        raise tracer.refuse(node, "a mean over other dimensions than height and width; use mean((2, 3))")
    value = _averaged(tracer, node, shape[2:], whole=True)
    return value if _argument(node, 2, "keepdim", False) else Value(value.parts, (1, 1))


def _reshaped(tracer, node, *_):
    """Flattening, or a reshape that leaves the shape or flattens."""
    value, before, after = _input(tracer, node), _shape(node.args[0]), _shape(node)
    if not isinstance(value, Value) or after == before:
        return value
    if len(before) == 4 and after == (before[0], int(np.prod(before[1:]))):
        return Value(value.parts, before[2:])
    if value.flat == (1, 1) and after == (*before, 1, 1):
        return Value(value.parts)
    raise tracer.refuse(
        node, f"only flattening (images, channels, height, width) is converted, not {before} to {after}"
    )


def _item(tracer, node):
    value, index = tracer.value(node.args[0]), node.args[1]
    if isinstance(value, tuple):
        return value[index]
    index = index if isinstance(index, tuple) else (index,)
    if Ellipsis in index:
        after = index[index.index(Ellipsis) + 1 :]
        dims = len(_shape(node.args[0]))
        index = (*index[: index.index(Ellipsis)], *[slice(None)] * (dims - len(after)), *after)[-dims:]
    index = [*index, *[slice(None)] * (4 - len(index))]
    if value.flat not in (None, (1, 1)) or not all(isinstance(one, slice) for one in index) or index[0] != slice(None):
        raise tracer.refuse(node, f"only crops such as x[:, :, 1:-1, 1:-1] are converted, got the index {node.args[1]}")
    shape, margins = (*_shape(node.args[0]), 1, 1)[:4], []
    for one, side in zip(index[2:], shape[2:], strict=True):
        start, stop, step = one.indices(side)
        if step != 1 or stop <= start:
            raise tracer.refuse(node, f"only crops without steps are converted, got the index {node.args[1]}")
        margins += [start, side - stop]
    start, stop, step = index[1].indices(shape[1])
    if step != 1 or stop <= start:
        raise tracer.refuse(node, f"only slices of channels without steps are converted, got {node.args[1]}")
    value = sliced(value, start, stop)
    return cropped(value, tuple(margins)) if any(margins) else value


def _padded(tracer, node, margins):
    value = _input(tracer, node)
    if any(not isinstance(part, View) for part in value.parts):
        value = tracer.views(node, value)
    return cropped(value, tuple(-one for one in margins))


def _zero_padding(tracer, node, module):
    left, right, top, bottom = module.padding
    return _padded(tracer, node, (top, bottom, left, right))


def _pad_function(tracer, node):
    sides, mode, filling = node.args[1], _argument(node, 2, "mode", "constant"), _argument(node, 3, "value", None)
    if mode != "constant" or filling not in (None, 0) or len(sides) > 4:
        raise tracer.refuse(node, "expected padding of height and width with zeros")
    left, right, top, bottom = (*sides, 0, 0)[:4]
    return _padded(tracer, node, (top, bottom, left, right))


def _concatenation(tracer, node):
    tensors, dim = node.args[0], _argument(node, 1, "dim", 0)
    values = [tracer.value(one) for one in tensors]
    if dim % len(_shape(tensors[0])) != 1:
        raise tracer.refuse(node, f"only a concatenation of channels (dim=1) is converted, got dim={dim}")
    if len({value.flat for value in values}) > 1:
        raise tracer.refuse(node, "a concatenation of maps of different sizes, flattened; pool them to one size first")
    return concatenated(values)


def _chunks(tracer, node):
    value, shape = _input(tracer, node), _shape_of_first(node)
    dim = _argument(node, 2, "dim", 0)
    if dim % len(shape) != 1:
        raise tracer.refuse(node, f"only channels (dim=1) are split, got dim={dim}")
    parts = [one.shape[1] for one in node.meta["tensor_meta"]]
    ends = np.cumsum(parts)
    return tuple(sliced(value, int(end - part), int(end)) for part, end in zip(parts, ends, strict=True))


def _shape_of_first(node):
    return _shape(node.args[0])


def _sum(tracer, node):
    if node.kwargs.get("alpha", 1) != 1:
        raise tracer.refuse(node, "a sum with alpha; multiply before adding")
    a, b = (tracer.value(one) for one in node.args[:2])
    if not (isinstance(a, Value) and isinstance(b, Value)):
        value, number = (a, b) if isinstance(a, Value) else (b, a)
        return affine(value, np.ones(value.channels), np.full(value.channels, _number(tracer, node, number)), "sum")
    if len({_shape(one) for one in node.args[:2]}) > 1:
        raise tracer.refuse(node, f"a sum of different shapes {_shape(node.args[0])} and {_shape(node.args[1])}")
    return add(a, b, tracer.name(node))


def _number(tracer, node, value):
    if not isinstance(value, int | float):
        raise tracer.refuse(node, "only plain numbers are folded into weights; put the constant into a batch norm")
    return float(value)


def _product(tracer, node):
    a, b = (tracer.value(one) for one in node.args[:2])
    if isinstance(a, Value) and isinstance(b, Value):
        raise tracer.refuse(
            node, "a product of two tensors (attention, gating) is no sum of spikes; train the network without it"
        )
    value, number = (a, b) if isinstance(a, Value) else (b, a)
    factor = np.full(value.channels, _number(tracer, node, number))
    return affine(value, factor, np.zeros(value.channels), tracer.name(node))


_TRAIN_RELU = "spikes compute a rectifier; train the network with nn.ReLU"
_STATISTICS = "its statistics depend on each image; train with nn.BatchNorm2d, which is folded into the weights"
_NO_SOFTMAX = "leave it out: the largest output stays the largest"

#: What could be done in place of a module or function that cannot be converted.
ADVICE = {
    **dict.fromkeys(
        "ReLU6 Hardtanh LeakyReLU PReLU ELU SELU CELU GELU SiLU Hardswish Mish Tanh Sigmoid Hardsigmoid Softplus "
        "relu6 hardtanh leaky_relu prelu elu selu celu gelu silu hardswish mish tanh sigmoid hardsigmoid".split(),
        _TRAIN_RELU,
    ),
    **dict.fromkeys("LayerNorm GroupNorm InstanceNorm2d LocalResponseNorm layer_norm group_norm".split(), _STATISTICS),
    **dict.fromkeys("Softmax LogSoftmax softmax log_softmax".split(), _NO_SOFTMAX),
    **dict.fromkeys(
        "ConvTranspose2d Upsample UpsamplingBilinear2d UpsamplingNearest2d interpolate".split(),
        "convert the network up to here, and enlarge the spike counts afterwards",
    ),
    **dict.fromkeys(
        "MultiheadAttention TransformerEncoderLayer matmul bmm einsum scaled_dot_product_attention".split(),
        "products of two tensors are no sums of spikes; train a network of convolutions",
    ),
    **dict.fromkeys("LSTM GRU RNN".split(), "a wave has no memory between images; train a network of convolutions"),
}

MODULES = {
    nn.Conv2d: _convolution,
    nn.Linear: _linear,
    nn.BatchNorm2d: _batch_norm,
    nn.BatchNorm1d: _batch_norm,
    nn.ReLU: _relu,
    nn.MaxPool2d: _max_pool,
    nn.AvgPool2d: _average_pool,
    nn.AdaptiveAvgPool2d: _adaptive_average,
    nn.AdaptiveMaxPool2d: _global_max,
    nn.Flatten: _reshaped,
    nn.ZeroPad2d: _zero_padding,
    nn.Identity: _passed_on,
    nn.Dropout: _passed_on,
    nn.Dropout2d: _passed_on,
}

FUNCTIONS = {
    functional.relu: _relu,
    functional.relu_: _relu,
    torch.relu: _relu,
    torch.relu_: _relu,
    functional.max_pool2d: _max_pool_function,
    torch.max_pool2d: _max_pool_function,
    functional.avg_pool2d: _average_pool_function,
    functional.adaptive_avg_pool2d: _adaptive_average_function,
    functional.dropout: _passed_on,
    functional.dropout2d: _passed_on,
    functional.linear: _linear_function,
    functional.pad: _pad_function,
    torch.flatten: _reshaped,
    torch.cat: _concatenation,
    torch.concat: _concatenation,
    torch.chunk: _chunks,
    torch.split: _chunks,
    torch.add: _sum,
    operator.add: _sum,
    operator.iadd: _sum,
    torch.mul: _product,
    operator.mul: _product,
    operator.imul: _product,
    torch.mean: _mean,
    operator.getitem: _item,
    getattr: lambda tracer, node: None,
}

METHODS = {
    "relu": _relu,
    "relu_": _relu,
    "flatten": _reshaped,
    "view": _reshaped,
    "reshape": _reshaped,
    "squeeze": _reshaped,
    "contiguous": _passed_on,
    "clone": _passed_on,
    "detach": _passed_on,
    "float": _passed_on,
    "add": _sum,
    "add_": _sum,
    "mul": _product,
    "mul_": _product,
    "mean": _mean,
    "chunk": _chunks,
    "split": _chunks,
    "size": lambda tracer, node: None,
    "dim": lambda tracer, node: None,
}

_RECTIFIERS = (_relu,)
_PASSING = (_passed_on, _max_pool, _max_pool_function, _item)


def _handler(traced, node):
    if node.op == "call_module":
        part = traced.get_submodule(node.target)
        return next((MODULES[kind] for kind in type(part).__mro__ if kind in MODULES), None)
    return (FUNCTIONS if node.op == "call_function" else METHODS).get(node.target)


def is_rectifier(traced: fx.GraphModule, node: fx.Node) -> bool:
    """Whether a node rectifies.

    Parameters
    ----------
    traced : torch.fx.GraphModule
        The network.
    node : torch.fx.Node
        One of its nodes.

    Returns
    -------
    bool
        True for a ReLU.
    """
    return _handler(traced, node) in _RECTIFIERS


def passes_on(traced: fx.GraphModule, node: fx.Node) -> bool:
    """Whether a node gives the same before and after a rectifier: max pooling, a crop, dropout.

    Parameters
    ----------
    traced : torch.fx.GraphModule
        The network.
    node : torch.fx.Node
        One of its nodes.

    Returns
    -------
    bool
        True if the two can change places.
    """
    return _handler(traced, node) in _PASSING
