"""What each module, function and method of PyTorch is in terms of spikes, and what could replace the others."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from .traced_arguments import input_of
from .traced_linear import add_tensors, batch_norm, convolution, linear, linear_function, multiply
from .traced_pooling import (
    adaptive_average_pool,
    adaptive_average_pool_function,
    average_pool,
    average_pool_function,
    global_max_pool,
    max_pool,
    max_pool_function,
    mean,
)
from .traced_structure import chunks, concatenation, item, pad_function, passed_on, reshape, zero_padding
from .traced_values import Value, View

if TYPE_CHECKING:
    from torch import fx


__all__ = ["ADVICE", "FUNCTIONS", "METHODS", "MODULES", "is_rectifier", "passes_on"]


def _relu(tracer, node, *_):
    value = input_of(tracer, node)
    return Value(tuple(tracer.rectified(part) for part in _checked(tracer, node, value).parts), value.flat)


def _checked(tracer, node, value):
    if any(isinstance(part, View) and part.source == "" for part in value.parts):
        raise tracer.refuse(node, "it rectifies the image; leave it out, pixels are not negative")
    return value


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
    nn.Conv2d: convolution,
    nn.Linear: linear,
    nn.BatchNorm2d: batch_norm,
    nn.BatchNorm1d: batch_norm,
    nn.ReLU: _relu,
    nn.MaxPool2d: max_pool,
    nn.AvgPool2d: average_pool,
    nn.AdaptiveAvgPool2d: adaptive_average_pool,
    nn.AdaptiveMaxPool2d: global_max_pool,
    nn.Flatten: reshape,
    nn.ZeroPad2d: zero_padding,
    nn.Identity: passed_on,
    nn.Dropout: passed_on,
    nn.Dropout2d: passed_on,
}

FUNCTIONS = {
    functional.relu: _relu,
    functional.relu_: _relu,
    torch.relu: _relu,
    torch.relu_: _relu,
    functional.max_pool2d: max_pool_function,
    torch.max_pool2d: max_pool_function,
    functional.avg_pool2d: average_pool_function,
    functional.adaptive_avg_pool2d: adaptive_average_pool_function,
    functional.dropout: passed_on,
    functional.dropout2d: passed_on,
    functional.linear: linear_function,
    functional.pad: pad_function,
    torch.flatten: reshape,
    torch.cat: concatenation,
    torch.concat: concatenation,
    torch.chunk: chunks,
    torch.split: chunks,
    torch.add: add_tensors,
    operator.add: add_tensors,
    operator.iadd: add_tensors,
    torch.mul: multiply,
    operator.mul: multiply,
    operator.imul: multiply,
    torch.mean: mean,
    operator.getitem: item,
    getattr: lambda tracer, node: None,
}

METHODS = {
    "relu": _relu,
    "relu_": _relu,
    "flatten": reshape,
    "view": reshape,
    "reshape": reshape,
    "squeeze": reshape,
    "contiguous": passed_on,
    "clone": passed_on,
    "detach": passed_on,
    "float": passed_on,
    "add": add_tensors,
    "add_": add_tensors,
    "mul": multiply,
    "mul_": multiply,
    "mean": mean,
    "chunk": chunks,
    "split": chunks,
    "size": lambda tracer, node: None,
    "dim": lambda tracer, node: None,
}

_RECTIFIERS = (_relu,)
_PASSING = (passed_on, max_pool, max_pool_function, item)


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
