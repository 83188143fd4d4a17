"""CIResNet22, the backbone of SiamDW, in PyTorch (Zhang and Peng, CVPR 2019).

A residual network whose padding is cut off again (cropping-inside residual units), so that features do not depend on
where in the image they are: a search region and an exemplar have the same features up to a shift, as without padding.
Modules are named as in the public project, so that its checkpoints load. Total stride 8: exemplar 127 -> 5x5x512,
search 255 -> 21x21x512, response 17x17.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..crops import EXEMPLAR_SIZE
from ..errors import InputError
from .checkpoint_files import read_checkpoint
from .ciresnet_names import ciresnet22_prefix
from .cnn import Adjust, SiamFC, nn, torch
from .state_dicts import left_over, read_response
from .tracing import traced_model

if TYPE_CHECKING:
    from typing import Any

    from .files import SiameseModel

__all__ = ["CIResNet22", "ResidualSiamFC", "load_ciresnet22", "load_residual_siamfc"]

#: Factor of the match in SiamDW (its connect.py, ``Corr_Up``), which has no tensor in a checkpoint.
_SIAMDW_SCALE = 0.1


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
    rectify : bool
        Whether the last unit is rectified; False by default, as published. Spikes are never negative, so a network that
        is trained to be converted has a rectifier there, and a published one loses its negative features.

    Notes
    -----
    Images are RGB, 0 to 255, float, shape (B, 3, H, W).
    """

    def __init__(self, width: int = 64, rectify: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(2, 2)
        wide = 4 * width
        self.layer1 = nn.Sequential(*(_Unit(wide if k else width, width, k == 0, True) for k in range(3)))
        # the pool between the first two units is part of the sequence, so that the units are numbered as published
        units = [_Unit(2 * wide if k else wide, 2 * width, k == 0, k < 3 or rectify) for k in range(4)]
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


class ResidualSiamFC(SiamFC):
    """SiamFC with CIResNet22 as its branch; modules are named as in SiamDW (``features.features`` there).

    Parameters
    ----------
    width : int
        Channels of the first convolution; 64 by default.
    rectify : bool
        Whether the features are rectified; True by default, for a network that is to be converted.
    scale : float
        Factor of the response; 0.001 by default, as in `SiamFC`.
    bias : float
        Bias of the response; 0 by default.

    Attributes
    ----------
    features : CIResNet22
        The branch.
    layers : tuple of Neurons and Gates
        The branch as a directed graph.
    """

    def __init__(self, width: int = 64, rectify: bool = True, scale: float = 0.001, bias: float = 0.0) -> None:
        nn.Module.__init__(self)
        self.features = CIResNet22(width, rectify)
        self.adjust = Adjust(scale, bias)
        self.eval()
        self.layers = self.folded().layers
        self.train()

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """Compute the features of images, see `SiamFC.embed`."""
        return self.features(images)

    def activations(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Compute the output of every layer of the graph, see `SiamFC.activations`."""
        return SiamFC.from_model(self.folded()).activations(images)

    def folded(self, provenance: dict[str, Any] | None = None) -> SiameseModel:
        """Turn the network into a model that is not converted yet, with batch norm folded in.

        Parameters
        ----------
        provenance : dict, optional
            Source, licence and training data, for the model file; empty by default.

        Returns
        -------
        SiameseModel
            A directed graph of layers.

        Raises
        ------
        InputError
            If the network is not in evaluation mode.
        """
        device = self.features.conv1.weight.device
        model = traced_model(self.features, torch.zeros(1, 3, EXEMPLAR_SIZE, EXEMPLAR_SIZE, device=device))
        scale, bias = self.adjust.scale.item(), self.adjust.bias.item()
        return replace(model, response_scale=scale, response_bias=bias, provenance=provenance or {})


def load_residual_siamfc(path: Any, width: int | None = None) -> ResidualSiamFC:
    """Read a checkpoint of SiamDW's tracker with CIResNet22 (``SiamFCRes22``), or of its backbone alone.

    SiamDW reads images with OpenCV, so its networks expect BGR. Where the names are those of its tracker, with
    ``features.features.`` in front, the channels of conv1 are put in the order of RGB. Plain names, such as
    ``conv1.weight``, are those of a `CIResNet22` of one's own, whose images are RGB.

    Parameters
    ----------
    path : str or path
        A file of ``torch.save``, with any prefix such as ``module.``.
    width : int, optional
        Channels of the first convolution; by default those of the file.

    Returns
    -------
    ResidualSiamFC
        In evaluation mode, not rectified at the end. The scale of the response is 0.1 as in SiamDW, and its bias 0,
        unless the file has ``adjust.scale`` or ``adjust.bias``.

    Raises
    ------
    InputError
        If the file is no checkpoint of plain tensors, a tensor of the network is missing or has another shape, or one
        is left over: the network that it belongs to computes something else.
    """
    state = read_checkpoint(path)
    prefix = ciresnet22_prefix(state)
    if prefix is None or state.get(f"{prefix}conv1.weight", np.empty(0)).ndim != 4:
        raise InputError(f"{path}: expected features.features.conv1.weight or conv1.weight, got {sorted(state)[:4]}")
    network = CIResNet22(len(state[f"{prefix}conv1.weight"]) if width is None else width)
    own, left = network.state_dict(), {name for name in state if not name.endswith("num_batches_tracked")}
    for name, tensor in own.items():
        if name.endswith("num_batches_tracked"):
            continue
        given = state.get(prefix + name)
        if given is None or given.shape != tuple(tensor.shape) or not np.isfinite(given).all():
            found = "none" if given is None else f"shape {given.shape}, or numbers that are not finite"
            raise InputError(f"{path}: {prefix}{name}: expected shape {tuple(tensor.shape)}, got {found}")
        own[name] = torch.from_numpy(given)
        left.discard(prefix + name)
    scale, bias = read_response(state, path, left, _SIAMDW_SCALE)
    if left := left_over(state, left):
        raise InputError(
            f"{path}: expected nothing but the layers of CIResNet22 and scale and bias of the response, got {left} as "
            "well, and the network that they belong to computes something else (SiamRPN has another head, other "
            "ResNets have more stages); remove them from the file if they are not in use"
        )
    if prefix.endswith("features.features."):
        own["conv1.weight"] = own["conv1.weight"].flip(1)
    result = ResidualSiamFC(len(own["conv1.weight"]), False, scale, bias)
    result.features.load_state_dict(own)
    return result.eval()


def load_ciresnet22(path: Any, width: int | None = None) -> CIResNet22:
    """Read the backbone of a checkpoint; see `load_residual_siamfc`.

    Parameters
    ----------
    path : str or path
        A file of ``torch.save``.
    width : int, optional
        Channels of the first convolution; by default those of the file.

    Returns
    -------
    CIResNet22
        In evaluation mode, to be converted with `convert`.

    Raises
    ------
    InputError
        As `load_residual_siamfc`.
    """
    return load_residual_siamfc(path, width).features
