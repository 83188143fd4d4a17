"""The balanced logistic loss of SiamFC, and its labels."""

from __future__ import annotations

from torch.nn import functional

from ..model.cnn import torch

__all__ = ["balanced_loss", "labels"]


#: Positive labels within this distance (|dx| + |dy|, response cells): SiamFC's 16 pixels at a stride of 8.
RADIUS = 2


def labels(displacements: torch.Tensor, size: int) -> torch.Tensor:
    """Where a response map should be high: 1 within ``RADIUS`` of the target, else 0.

    Cell (row, column) is positive where |column - c - dx| + |row - c - dy| <= 2,
    with c = (size - 1)/2 the centre of the map.

    Parameters
    ----------
    displacements : torch.Tensor
        Target (dx, dy) from the centre of each response map, cells, shape (B, 2).
    size : int
        Side of the response map, cells.

    Returns
    -------
    torch.Tensor
        Shape (B, size, size).
    """
    cells = torch.arange(size, device=displacements.device) - (size - 1) / 2
    dx, dy = (cells - displacements[:, axis, None] for axis in (0, 1))
    return (dx.abs()[:, None, :] + dy.abs()[:, :, None] <= RADIUS).float()


def balanced_loss(responses: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Logistic loss in which positive and negative cells of a batch weigh one half each.

    Parameters
    ----------
    responses, targets : torch.Tensor
        Shape (B, H, W); targets are 0 or 1.

    Returns
    -------
    torch.Tensor
        A scalar: half the mean of log(1 + exp(-r)) over positive cells plus
        half the mean of log(1 + exp(r)) over negative ones.
    """
    positive = targets.sum()
    weights = torch.where(targets > 0, 0.5 / positive, 0.5 / (targets.numel() - positive))
    return functional.binary_cross_entropy_with_logits(responses, targets, weights, reduction="sum")
