"""How the arguments of a traced node are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    import torch
    from torch import fx


__all__ = ["argument", "array_of", "input_of", "same_sides", "shape_of", "two"]


def array_of(tensor: torch.Tensor) -> np.ndarray:
    """A tensor as an array in double precision."""
    return tensor.detach().cpu().numpy().astype(np.float64)


def two(value: Any) -> tuple[int, int]:
    """A number for each direction: height and width."""
    height, width = value if isinstance(value, tuple | list) else (value, value)
    return int(height), int(width)


def shape_of(node: fx.Node) -> tuple[int, ...]:
    """Shape of the tensor that a node gave, with the number of images first."""
    return tuple(node.meta["tensor_meta"].shape)


def argument(node: fx.Node, index: int, name: str, default: Any = None) -> Any:
    """An argument of a function, by position or name."""
    return node.args[index] if len(node.args) > index else node.kwargs.get(name, default)


def same_sides(tracer: Any, node: fx.Node, name: str, pair: Any) -> int:
    """One number for both directions."""
    height, width = two(pair)
    if height != width:
        raise tracer.refuse(node, f"{name}: expected the same in both directions, got {(height, width)}")
    return height


def input_of(tracer: Any, node: fx.Node) -> Any:
    """What the tensor that a node works on is."""
    return tracer.value(node.args[0] if node.args else node.kwargs["input"])
