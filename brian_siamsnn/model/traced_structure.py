"""What only rearranges the tensors of a traced network: crops, padding, slices, splits, concatenation, flattening.

Handlers get the `tracing.Tracer`, the node and, if it has one, its module, and return what the node gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .traced_arguments import argument, input_of, shape_of
from .traced_values import Value, View, concatenated, cropped, sliced

if TYPE_CHECKING:
    from typing import Any


__all__ = ["chunks", "concatenation", "item", "pad_function", "passed_on", "reshape", "zero_padding"]


def passed_on(tracer: Any, node: Any, *_: Any) -> Any:
    """What has no effect in evaluation mode."""
    return input_of(tracer, node)


def reshape(tracer: Any, node: Any, *_: Any) -> Any:
    """Flattening, or a reshape that leaves the shape or flattens."""
    value, before, after = input_of(tracer, node), shape_of(node.args[0]), shape_of(node)
    if not isinstance(value, Value) or after == before:
        return value
    if len(before) == 4 and after == (before[0], int(np.prod(before[1:]))):
        return Value(value.parts, before[2:])
    if value.flat == (1, 1) and after == (*before, 1, 1):
        return Value(value.parts)
    raise tracer.refuse(
        node, f"only flattening (images, channels, height, width) is converted, not {before} to {after}"
    )


def item(tracer: Any, node: Any) -> Any:
    """Slices of channels, crops, and one of several tensors."""
    value, index = tracer.value(node.args[0]), node.args[1]
    if isinstance(value, tuple):
        return value[index]
    index = index if isinstance(index, tuple) else (index,)
    if Ellipsis in index:
        after = index[index.index(Ellipsis) + 1 :]
        dims = len(shape_of(node.args[0]))
        index = (*index[: index.index(Ellipsis)], *[slice(None)] * (dims - len(after)), *after)[-dims:]
    index = [*index, *[slice(None)] * (4 - len(index))]
    if value.flat not in (None, (1, 1)) or not all(isinstance(one, slice) for one in index) or index[0] != slice(None):
        raise tracer.refuse(node, f"only crops such as x[:, :, 1:-1, 1:-1] are converted, got the index {node.args[1]}")
    shape, margins = (*shape_of(node.args[0]), 1, 1)[:4], []
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
    value = input_of(tracer, node)
    if any(not isinstance(part, View) for part in value.parts):
        value = tracer.views(node, value)
    return cropped(value, tuple(-one for one in margins))


def zero_padding(tracer: Any, node: Any, module: Any) -> Value:
    """Zeros around a map, or a crop if negative."""
    left, right, top, bottom = module.padding
    return _padded(tracer, node, (top, bottom, left, right))


def pad_function(tracer: Any, node: Any) -> Value:
    """As `zero_padding`."""
    sides, mode, filling = node.args[1], argument(node, 2, "mode", "constant"), argument(node, 3, "value", None)
    if mode != "constant" or filling not in (None, 0) or len(sides) > 4:
        raise tracer.refuse(node, "expected padding of height and width with zeros")
    left, right, top, bottom = (*sides, 0, 0)[:4]
    return _padded(tracer, node, (top, bottom, left, right))


def concatenation(tracer: Any, node: Any) -> Value:
    """Tensors side by side along their channels."""
    tensors, dim = node.args[0], argument(node, 1, "dim", 0)
    values = [tracer.value(one) for one in tensors]
    if dim % len(shape_of(tensors[0])) != 1:
        raise tracer.refuse(node, f"only a concatenation of channels (dim=1) is converted, got dim={dim}")
    if len({value.flat for value in values}) > 1:
        raise tracer.refuse(node, "a concatenation of maps of different sizes, flattened; pool them to one size first")
    return concatenated(values)


def chunks(tracer: Any, node: Any) -> tuple[Value, ...]:
    """A split into several tensors along the channels."""
    value, shape = input_of(tracer, node), shape_of(node.args[0])
    dim = argument(node, 2, "dim", 0)
    if dim % len(shape) != 1:
        raise tracer.refuse(node, f"only channels (dim=1) are split, got dim={dim}")
    parts = [one.shape[1] for one in node.meta["tensor_meta"]]
    ends = np.cumsum(parts)
    return tuple(sliced(value, int(end - part), int(end)) for part, end in zip(parts, ends, strict=True))
