"""Losses on response maps: the balanced logistic loss of SiamFC, that of the peak, and that of other targets."""

from __future__ import annotations

from torch.nn import functional

from ..model.cnn import torch

__all__ = ["absence_loss", "balanced_loss", "labels", "peak_loss"]


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


def peak_loss(responses: torch.Tensor, displacements: torch.Tensor) -> torch.Tensor:
    """Compute the cross-entropy between the softmax of each response map and a Gaussian around its target.

    The tracker follows the highest response. The logistic loss judges each cell by itself; this one compares the target
    with all other cells of the map.

    Parameters
    ----------
    responses : torch.Tensor, shape (B, size, size)
        Response maps.
    displacements : torch.Tensor, shape (B, 2)
        Displacement (dx, dy) of each target from the centre of its response map, in cells.

    Returns
    -------
    torch.Tensor
        A scalar: the mean over maps of - sum of q log softmax(r), where q is a Gaussian with a standard deviation of
        one cell and a sum of 1.
    """
    size = responses.shape[-1]
    cells = torch.arange(size, device=displacements.device) - (size - 1) / 2
    dx, dy = ((cells - displacements[:, axis, None]).square() for axis in (0, 1))
    q = torch.softmax(-(dx[:, None, :] + dy[:, :, None]).flatten(1) / 2, 1)
    return -(q * torch.log_softmax(responses.flatten(1), 1)).sum(1).mean()


def absence_loss(maps: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Compute the logistic loss of the highest response of exemplars on search crops of other targets.

    Parameters
    ----------
    maps : torch.Tensor, shape (B, B, H, W)
        Response maps of a batch; entry [j, i] is that of exemplar i on search crop j.
    targets : torch.Tensor of int, shape (B,)
        Number of the target that each pair shows.

    Returns
    -------
    torch.Tensor
        A scalar: the mean of log(1 + exp(max r)) over the maps in which exemplar and search crop show different
        targets; 0 if there are none.
    """
    peaks = maps.amax((2, 3))[targets[:, None] != targets[None]]
    return functional.softplus(peaks).sum() / max(1, peaks.numel())
