"""How the weights of a convolution lie in memory for the kernels: by blocks of output channels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..model.layers import Convolution

__all__ = ["KERNELS", "blocked_kernel", "kernel_block"]

#: Folder of the C++ headers.
KERNELS = Path(__file__).with_name("kernels")

#: Output channels that the kernel can add together.
_BLOCKS = (16, 32, 48, 64)


def kernel_block(layer: Convolution, fixed_point: bool = False) -> int:
    """Output channels of a convolution that are added together.

    All of a group's, up to 48; else 32, of which a line of the kernel stays in the first-level cache; of fixed-point
    weights, which are half as long, 64 in both cases. A last part that is narrower than the others is padded and costs
    as much as they do, so a width without a rest goes before.
    """
    outputs = layer.out_channels // layer.groups
    if outputs <= (64 if fixed_point else 48):
        return next(block for block in _BLOCKS if outputs <= block)
    preferred = (64, 48, 32) if fixed_point else (32, 48, 16)
    return next((block for block in preferred if outputs % block == 0), preferred[0])


def blocked_kernel(weights: np.ndarray, groups: int, block: int) -> np.ndarray:
    """Reorder weights to [group][block of outputs][ky][kx][input channel][output in the block], zero-padded."""
    out, in_group, kernel, _ = weights.shape
    per_group = out // groups
    blocks = -(-per_group // block)
    padded = np.zeros((groups, blocks * block, in_group, kernel, kernel), weights.dtype)
    padded[:, :per_group] = weights.reshape(groups, per_group, in_group, kernel, kernel)
    parts = padded.reshape(groups, blocks, block, in_group, kernel, kernel)
    return np.ascontiguousarray(parts.transpose(0, 1, 4, 5, 3, 2)).ravel()
