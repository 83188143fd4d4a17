"""CIResNet22, the backbone of SiamDW, in PyTorch (Zhang and Peng, CVPR 2019).

A residual network whose padding is cut off again (cropping-inside residual units), so that features do not depend on
where in the image they are: a search region and an exemplar have the same features up to a shift, as without padding.
Modules are named as in the public project, so that its checkpoints load. Total stride 8: exemplar 127 -> 5x5x512,
search 255 -> 21x21x512, response 17x17.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .checkpoints import read_checkpoint
from .cnn import nn, torch

if TYPE_CHECKING:
    from typing import Any

__all__ = ["CIResNet22", "load_ciresnet22"]

#: What the names of a checkpoint may have in front: the tracker's, or that of several GPUs.
_PREFIXES = ("features.features.", "module.features.features.", "features.", "")


class _Unit(nn.Module):
    """A residual unit of three convolutions; what its padding touched is cropped."""

    def __init__(self, inputs: int, width: int, down: bool, rectify: bool) -> None:
        super().__init__()
        outputs = 4 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if down:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.rectify = rectify

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out = out + (x if self.downsample is None else self.downsample(x))
        if self.rectify:
            out = self.relu(out)
        return out[:, :, 1:-1, 1:-1]


class CIResNet22(nn.Module):
    """The branch of SiamDW: 22 convolutions in seven cropping-inside residual units.

    Parameters
    ----------
    width : int
        Channels of the first convolution; 64 as published. A smaller one makes a smaller network of the same form.

    Notes
    -----
    Images are RGB, 0 to 255, float, shape (B, 3, H, W). As published, the last unit is not rectified; spikes are never
    negative, so a converted network cuts negative features off.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(2, 2)
        wide = 4 * width
        self.layer1 = nn.Sequential(*(_Unit(wide if k else width, width, k == 0, True) for k in range(3)))
        # the pool between the first two units is part of the sequence, so that the units are numbered as published
        units = [_Unit(2 * wide if k else wide, 2 * width, k == 0, k < 3) for k in range(4)]
        self.layer2 = nn.Sequential(units[0], self.maxpool, *units[1:])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the features of images.

        Parameters
        ----------
        x : torch.Tensor, shape (B, 3, H, W)
            RGB, 0 to 255.

        Returns
        -------
        torch.Tensor, shape (B, 8 width, H', W')
            Features.
        """
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.maxpool(x[:, :, 2:-2, 2:-2])
        return self.layer2(self.layer1(x))


def load_ciresnet22(path: Any, width: int = 64) -> CIResNet22:
    """Read a checkpoint of SiamDW's CIResNet22.

    Parameters
    ----------
    path : str or path
        A file of ``torch.save``, with the names of the public project (``features.features.layer1.0.conv1.weight``) or
        those of `CIResNet22`.
    width : int
        Channels of the first convolution, 64 by default.

    Returns
    -------
    CIResNet22
        In evaluation mode, to be converted with `convert`.

    Raises
    ------
    InputError
        If the file is no checkpoint of plain tensors, or a tensor of the network is missing or has another shape.
    """
    state = read_checkpoint(path)
    network = CIResNet22(width)
    own = network.state_dict()
    prefix = next((one for one in _PREFIXES if f"{one}conv1.weight" in state), None)
    if prefix is None:
        raise InputError(f"{path}: expected features.features.conv1.weight or conv1.weight, got {sorted(state)[:4]}")
    for name, tensor in own.items():
        if name.endswith("num_batches_tracked"):
            continue
        given = state.get(prefix + name)
        if given is None or given.shape != tuple(tensor.shape) or not np.isfinite(given).all():
            found = "none" if given is None else f"shape {given.shape}, or numbers that are not finite"
            raise InputError(f"{path}: {prefix}{name}: expected shape {tuple(tensor.shape)}, got {found}")
        own[name] = torch.from_numpy(given)
    network.load_state_dict(own)
    return network.eval()
