"""The balanced logistic loss of SiamFC and its labels."""

from __future__ import annotations

from torch.nn import functional

from ..model.cnn import torch

__all__ = ["balanced_loss", "labels"]


#: Radius of the positive labels (|dx| + |dy|, in cells of the response map): SiamFC's 16 pixels at a stride of 8.
RADIUS = 2


def labels(displacements: torch.Tensor, size: int) -> torch.Tensor:
    """Create the labels of response maps: 1 within `RADIUS` of the target, else 0.

    Cell (row, column) is positive if |column - c - dx| + |row - c - dy| <= 2, where c = (size - 1)/2 is the centre of
    the map.

    Parameters
    ----------
    displacements : torch.Tensor, shape (B, 2)
        Displacement (dx, dy) of each target from the centre of its response map, in cells.
    size : int
        Side of the response map, in cells.

    Returns
    -------
    torch.Tensor, shape (B, size, size)
        Labels, 0 or 1.
    """
    cells = torch.arange(size, device=displacements.device) - (size - 1) / 2
    dx, dy = (cells - displacements[:, axis, None] for axis in (0, 1))
    return (dx.abs()[:, None, :] + dy.abs()[:, :, None] <= RADIUS).float()


def balanced_loss(responses: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Compute the logistic loss, with equal weight for the positive and the negative cells of a batch.

    Parameters
    ----------
    responses : torch.Tensor, shape (B, H, W)
        Response maps.
    targets : torch.Tensor, shape (B, H, W)
        Labels, 0 or 1.

    Returns
    -------
    torch.Tensor
        A scalar: half the mean of log(1 + exp(-r)) over positive cells plus half the mean of log(1 + exp(r)) over
        negative cells.
    """
    positive = targets.sum()
    weights = torch.where(targets > 0, 0.5 / positive, 0.5 / (targets.numel() - positive))
    return functional.binary_cross_entropy_with_logits(responses, targets, weights, reduction="sum")
