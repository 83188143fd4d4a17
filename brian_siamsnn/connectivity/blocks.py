"""The memory layout of a convolution's weights for the kernels: blocks of output channels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..model.layers import Convolution

__all__ = ["KERNELS", "blocked_kernel", "kernel_block"]

#: Folder of the C++ headers.
KERNELS = Path(__file__).with_name("kernels")

#: Block sizes that the kernels are compiled for, in output channels.
_BLOCKS = (16, 32, 48, 64)


def kernel_block(layer: Convolution, fixed_point: bool = False) -> int:
    """Choose how many output channels of a convolution are added together.

    A group of up to 48 channels makes one block. Larger groups are split into blocks of 32, because a row of such a
    kernel stays in the first-level cache. Fixed-point weights take half the memory, so both limits are 64 for them. The
    last block is padded and costs as much as the others; a size that divides the group is therefore preferred.

    Parameters
    ----------
    layer : Convolution
        The layer whose weights are arranged.
    fixed_point : bool
        Whether the weights are 16-bit integers, False by default.

    Returns
    -------
    int
        Block size in output channels: 16, 32, 48 or 64.
    """
    outputs = layer.out_channels // layer.groups
    if outputs <= (64 if fixed_point else 48):
        return next(block for block in _BLOCKS if outputs <= block)
    preferred = (64, 48, 32) if fixed_point else (32, 48, 16)
    return next((block for block in preferred if outputs % block == 0), preferred[0])


def blocked_kernel(weights: np.ndarray, groups: int, block: int) -> np.ndarray:
    """Arrange the weights of a convolution for a kernel.

    The order is [group][block of outputs][ky][kx][input channel][output in the block]. The last block of a group is
    padded with zeros.

    Parameters
    ----------
    weights : ndarray, shape (out, in/groups, kernel, kernel)
        Weights as PyTorch stores them.
    groups : int
        Number of groups of the convolution.
    block : int
        Output channels per block; see `kernel_block`.

    Returns
    -------
    ndarray, one-dimensional, contiguous
        The arranged weights, in the dtype of ``weights``.
    """
    out, in_group, kernel, _ = weights.shape
    per_group = out // groups
    blocks = -(-per_group // block)
    padded = np.zeros((groups, blocks * block, in_group, kernel, kernel), weights.dtype)
    padded[:, :per_group] = weights.reshape(groups, per_group, in_group, kernel, kernel)
    parts = padded.reshape(groups, blocks, block, in_group, kernel, kernel)
    return np.ascontiguousarray(parts.transpose(0, 1, 4, 5, 3, 2)).ravel()
