r"""What a student is asked to learn from a teacher: its responses and its features.

Both losses are the share of the teacher's variance that the student leaves
unexplained,

.. math:: U(s, t) = \frac{\sum (s - t)^2}{\sum (t - \bar t)^2},

which is 0 for a perfect student and 1 for one that always answers the mean, so
they need no weights that depend on the teacher's units.
"""

from __future__ import annotations

from ..model.cnn import functional, nn, torch

__all__ = ["Distillation", "cross_responses", "unexplained"]


def unexplained(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Share of the teacher's variance that the student leaves unexplained, a scalar; shapes are equal."""
    return (student - teacher).square().sum() / (teacher - teacher.mean()).square().sum()


def cross_responses(z: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Response of every exemplar of a batch on every search crop: (B, C, h, h), (B, C, H, H) -> (B, B, r, r).

    Entry [j, i] is z_i * x_j, without scale and bias. The pairs that do not
    belong together show what the teacher takes for different.
    """
    return functional.conv2d(x, z)


class Distillation(nn.Module):
    """Losses of a student against a teacher's features.

    A linear adapter maps the student's channels to the teacher's directions; it
    is learnt beside the student and dropped afterwards.

    Parameters
    ----------
    channels : int
        Of the student's features.
    directions : int
        Of the teacher's features.
    """

    def __init__(self, channels: int, directions: int) -> None:
        super().__init__()
        self.adapter = nn.Conv2d(channels, directions, 1)

    def forward(
        self,
        student: tuple[torch.Tensor, torch.Tensor],
        teacher: tuple[torch.Tensor, torch.Tensor],
        scales: tuple[tuple[float, float], tuple[float, float]],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Unexplained share of responses and of features.

        Parameters
        ----------
        student, teacher : tuple of two torch.Tensor
            Features (z, x) of exemplars and search crops, (B, C, h, h) and (B, C, H, H).
        scales : tuple of two (scale, bias)
            Of the student's and of the teacher's response.

        Returns
        -------
        responses, features : torch.Tensor
            Scalars.
        """
        maps = [
            scale * cross_responses(*features) + bias
            for features, (scale, bias) in zip((student, teacher), scales, strict=True)
        ]
        lost = [unexplained(*_align(self.adapter(ours), theirs)) for ours, theirs in zip(student, teacher, strict=True)]
        return unexplained(*maps), torch.stack(lost).mean()


def _align(student, teacher):
    """The middle of both feature maps, on one grid.

    Both grids are centred on the crop and have the same stride. Where their
    sides differ by an odd number their cells lie half a stride apart, and the
    mean of 2 x 2 of the student's lies where the teacher's are.
    """
    if (student.shape[-1] - teacher.shape[-1]) % 2:
        student = functional.avg_pool2d(student, 2, 1)
    side = min(student.shape[-1], teacher.shape[-1])
    return _middle(student, side), _middle(teacher, side)


def _middle(features, side):
    margin = (features.shape[-1] - side) // 2
    return features[..., margin : margin + side, margin : margin + side]
