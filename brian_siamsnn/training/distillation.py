"""Losses of a student network against the responses and features of a teacher.

Both losses are the fraction of the teacher's variance that the student does not explain,

    U(s, t) = sum (s - t)^2 / sum (t - mean(t))^2

which is 0 for a perfect student and 1 for one that always predicts the mean. So their weights do not depend on the
teacher's units.
"""

from __future__ import annotations

from ..model.cnn import functional, nn, torch

__all__ = ["Distillation", "cross_responses", "unexplained"]


def unexplained(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Compute the fraction of the teacher's variance that the student does not explain.

    Parameters
    ----------
    student : torch.Tensor
        Values of the student, of any shape.
    teacher : torch.Tensor
        Values of the teacher, of the same shape.

    Returns
    -------
    torch.Tensor
        A scalar, 0 for a perfect student.
    """
    return (student - teacher).square().sum() / (teacher - teacher.mean()).square().sum()


def cross_responses(z: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Compute the response of every exemplar of a batch on every search crop.

    Pairs that do not belong together show what the teacher considers different.

    Parameters
    ----------
    z : torch.Tensor, shape (B, C, h, h)
        Features of exemplars.
    x : torch.Tensor, shape (B, C, H, H)
        Features of search crops.

    Returns
    -------
    torch.Tensor, shape (B, B, r, r)
        Response maps without scale and bias; entry [j, i] is z_i * x_j.
    """
    return functional.conv2d(x, z)


class Distillation(nn.Module):
    """Loss of a student's features against those of a teacher.

    A linear adapter maps the channels of the student to the directions of the teacher's features. It is trained
    together with the student and discarded afterwards.

    Parameters
    ----------
    channels : int
        Number of channels of the student's features.
    directions : int
        Number of directions of the teacher's features.
    """

    def __init__(self, channels: int, directions: int) -> None:
        super().__init__()
        self.adapter = nn.Conv2d(channels, directions, 1)

    def forward(
        self, student: tuple[torch.Tensor, torch.Tensor], teacher: tuple[torch.Tensor, torch.Tensor]
    ) -> torch.Tensor:
        """Compute the unexplained fraction of the teacher's features.

        Parameters
        ----------
        student : tuple of torch.Tensor, shapes (B, C, h, h) and (B, C, H, H)
            Features of exemplars and of search crops.
        teacher : tuple of torch.Tensor, shapes (B, D, h', h') and (B, D, H', H')
            Features of the teacher for the same crops.

        Returns
        -------
        torch.Tensor
            A scalar, the mean of exemplars and search crops.
        """
        pairs = zip(student, teacher, strict=True)
        return torch.stack([unexplained(*_align(self.adapter(ours), theirs)) for ours, theirs in pairs]).mean()


def _align(student, teacher):
    """Crop both feature maps to their common centre, on one grid.

    Both grids are centred on the crop and have the same stride. If their sides differ by an odd number, their cells are
    half a stride apart, and the mean of 2 x 2 cells of the student is aligned with a cell of the teacher.
    """
    if (student.shape[-1] - teacher.shape[-1]) % 2:
        student = functional.avg_pool2d(student, 2, 1)
    side = min(student.shape[-1], teacher.shape[-1])
    return _centre(student, side), _centre(teacher, side)


def _centre(features, side):
    margin = (features.shape[-1] - side) // 2
    return features[..., margin : margin + side, margin : margin + side]
