"""Trace a PyTorch network with `torch.fx` into a directed graph of layers.

PyTorch lists what the network does (`torch.fx.symbolic_trace`) and the shape of every tensor (`ShapeProp`). Each node
is then read once: what is linear becomes a weighted sum of views of layers (`traced_values`), and a rectifier turns a
sum into a layer of neurons. What spikes cannot compute is refused by the name of its module.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from ..errors import InputError, reason_of
from .files import SiameseModel
from .graph import inputs_of
from .graph_layers import IMAGE, Gates, Neurons, layer_name
from .traced_arguments import shape_of
from .traced_operations import ADVICE, FUNCTIONS, METHODS, MODULES, is_rectifier, passes_on
from .traced_values import Sum, Value, View, convolved, trim_outputs, trim_source

if TYPE_CHECKING:
    from .graph_layers import Margins
    from .layers import Layer

__all__ = ["Tracer", "traced_model"]


def traced_model(module: nn.Module, example: torch.Tensor) -> SiameseModel:
    """Trace a network into a model without scales.

    Parameters
    ----------
    module : torch.nn.Module
        A network in evaluation mode that takes one tensor of images and returns one tensor.
    example : torch.Tensor, shape (1, C, H, W)
        An image.

    Returns
    -------
    SiameseModel
        Its layers are `Neurons` and `Gates`, with batch norm folded in.

    Raises
    ------
    InputError
        If the network cannot be traced, or a module cannot be converted; the message names it and what could be done.
    """
    for name, part in module.named_modules():
        if part.training:
            raise InputError(f"{name or 'the network'}: expected evaluation mode; call network.eval() first")
    try:
        traced = fx.symbolic_trace(module)
    except Exception as error:  # tracing runs the user's code
        raise InputError(
            f"{type(module).__name__}: torch.fx cannot trace it: {reason_of(error)}; decisions that depend on tensors "
            "have to go, or convert the part of the network that is traceable"
        ) from None
    with torch.inference_mode():
        ShapeProp(traced).propagate(example)
    return Tracer(traced).model()


class Tracer:
    """Reads a traced network node by node.

    Parameters
    ----------
    traced : torch.fx.GraphModule
        The network, with the shape of every tensor.
    """

    def __init__(self, traced: fx.GraphModule) -> None:
        self.traced = traced
        self._layers: dict[str, Layer] = {}
        self._weights: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._made: dict[int, tuple[Sum, View]] = {}
        self._values: dict[fx.Node, Any] = {}

    def model(self) -> SiameseModel:
        """Read the network; see `traced_model`."""
        for node in self.traced.graph.nodes:
            self._values[node] = self._read(node)
        last = self._last_layer(self._values[next(node for node in self._values if node.op == "output")])
        layers = tuple(_trimmed(_used(self._layers, last.source), last))
        weights = {layer.name: self._weights[layer.name] for layer in layers if isinstance(layer, Neurons)}
        return SiameseModel(layers, weights)

    def _read(self, node):
        if node.op == "placeholder":
            if self._values:
                raise InputError(
                    f"{node.name}: expected a network of one tensor, the images, got a further argument; wrap the "
                    "network in a module that takes images only"
                )
            return Value((View(IMAGE, 0, shape_of(node)[1]),))
        if node.op == "output":
            return self._values.get(node.args[0]) if isinstance(node.args[0], fx.Node) else None
        if node.op == "get_attr":
            return _attribute(self.traced, node.target)
        if node.op == "call_module":
            part = self.traced.get_submodule(node.target)
            handler = next((MODULES[kind] for kind in type(part).__mro__ if kind in MODULES), None)
            what = type(part).__name__
            arguments = (part,)
        else:
            table = FUNCTIONS if node.op == "call_function" else METHODS
            handler, what, arguments = table.get(node.target), _described(node.target), ()
        if not any(isinstance(self.value(one), Value | tuple) for one in node.all_input_nodes):
            return None  # numbers, such as sizes
        if handler is None:
            advice = ADVICE.get(what, "leave it out, or replace it by layers that can be converted (docs/convert.md)")
            raise InputError(f"{self.name(node)}: {what} cannot be converted to spikes; {advice}")
        return handler(self, node, *arguments)

    def value(self, argument: Any) -> Any:
        """What a node gave; other arguments as they are."""
        return self._values.get(argument) if isinstance(argument, fx.Node) else argument

    def name(self, node: fx.Node) -> str:
        """The qualified name of a node's module, or of the module that a function is called in."""
        if node.op == "call_module":
            return str(node.target)
        stack = list((node.meta.get("nn_module_stack") or {}).values())
        inside = str(stack[-1][0]) if stack else ""
        return f"{inside}.{node.name}" if inside else node.name

    def refuse(self, node: fx.Node, problem: str) -> InputError:
        """The error for a node that cannot be converted."""
        return InputError(f"{self.name(node)}: {problem}")

    def rectified(self, part: Sum | View, rectify: bool = True, name: str = "") -> View:
        """Make a layer of neurons of a sum, once; a view is rectified already."""
        if isinstance(part, View):
            return part
        if id(part) not in self._made:
            layer = self._add(
                name or part.name,
                lambda name: Neurons(
                    name, out_channels=part.channels, rectify=rectify, inputs=tuple(term.input for term in part.terms)
                ),
            )
            rows = [term.weights.reshape(part.channels, -1) for term in part.terms]
            self._weights[layer] = np.concatenate(rows, axis=1).astype(np.float32), part.bias.astype(np.float32)
            self._made[id(part)] = part, View(layer, 0, part.channels)
        return self._made[id(part)][1]

    def gates(self, view: View, name: str, **options: Any) -> View:
        """Add a pooling layer of a view; options as for `Input`."""
        layer = self._add(name, lambda name: Gates(name, input=view.seen(view.channels, **options)))
        return View(layer, 0, view.channels)

    def _add(self, qualified, make):
        name, k = layer_name(qualified), 2
        while name in self._layers:
            name, k = f"{layer_name(qualified)[:36]}n{k}", k + 1
        self._layers[name] = make(name)
        return name

    def views(self, node: fx.Node, value: Value) -> Value:
        """A value as spikes, for a layer that needs them; refused if it can be negative."""
        parts = []
        for part in value.parts:
            if isinstance(part, Sum) and not part.positive:
                raise self.refuse(
                    node,
                    f"it gets the output of {part.name}, which is not rectified, and spikes are never negative; put a "
                    "ReLU between the two, or merge them into one layer",
                )
            parts.append(self.rectified(part))
        return replace(value, parts=tuple(parts))

    def spikes(self, node: fx.Node, value: Value) -> Value:
        """A value as spikes for max pooling, which may come before the rectifier: both orders give the same."""
        if any(isinstance(part, Sum) and not part.positive for part in value.parts) and self._rectified_later(node):
            return replace(value, parts=tuple(self.rectified(part) for part in value.parts))
        value = self.views(node, value)
        if any(isinstance(part, View) and part.source == IMAGE for part in value.parts):
            raise self.refuse(node, "it pools the image, which is not spikes; begin with a convolution")
        return value

    def _rectified_later(self, node):
        return bool(node.users) and all(
            is_rectifier(self.traced, user) or (passes_on(self.traced, user) and self._rectified_later(user))
            for user in node.users
        )

    def _last_layer(self, value):
        """Make the output one layer; return what is used of it."""
        if not isinstance(value, Value):
            raise InputError("output: expected a network that returns one tensor; convert each output on its own")
        views = [self.rectified(part, rectify=part.positive if isinstance(part, Sum) else True) for part in value.parts]
        first = views[0]
        if len(views) == 1 and first.source != IMAGE and not any(first.padding):
            layer = self._layers[first.source]
            if isinstance(layer, Neurons) and first.channels == layer.out_channels:
                return first
        # several layers, some channels of one, or gates: neurons that repeat them, side by side
        weights = np.eye(value.channels)[:, :, None, None]
        joined = convolved(Value(tuple(views)), weights, np.zeros(value.channels), "output", kernel=(1, 1))
        (part,) = joined.parts
        return self.rectified(part)


def _attribute(traced, target):
    value = traced
    for part in target.split("."):
        value = getattr(value, part)
    return value


def _described(target):
    return target if isinstance(target, str) else getattr(target, "__name__", str(target))


def _used(layers, last):
    """The layers that the last one needs, it at the end."""
    needed, waiting = set(), [last]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += [one.source for one in inputs_of(layers[name]) if one.source != IMAGE]
    return [layer for name, layer in layers.items() if name in needed and name != last] + [layers[last]]


def _trimmed(layers, last):
    """Leave out the rows and columns at a border that nothing sees, so that a crop is fewer neurons."""
    layers, sees = {layer.name: layer for layer in layers}, {last.source: [last.crop]}
    for name in reversed(list(layers)):
        layer = layers[name]
        unseen: Margins = tuple(map(min, zip(*sees[name], strict=True)))
        inputs = [trim_outputs(one, unseen) for one in inputs_of(layer)]
        if isinstance(layer, Gates):
            layers[name] = replace(layer, input=inputs[0])
        else:
            layers[name] = replace(layer, inputs=tuple(inputs))
        for later, after in layers.items():
            kept = [trim_source(one, unseen) if one.source == name else one for one in inputs_of(after)]
            if any(unseen) and kept:
                new = replace(after, input=kept[0]) if isinstance(after, Gates) else replace(after, inputs=tuple(kept))
                layers[later] = new
        for one in inputs:
            sees.setdefault(one.source, []).append(one.crop)
    return list(layers.values())
