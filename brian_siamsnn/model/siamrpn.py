"""SiamRPN with depthwise correlation, in PyTorch (Li 2018; Li 2019, SiamRPN++).

Both heads correlate features of the exemplar with those of the search region channel by channel, and read from the
result how likely each of k anchors at each position is the target (`cls`), and how its box differs from the anchor
(`loc`). Modules are named as in pysot's ``siamrpn_alex_dwxcorr``: AlexNet with stride 8 and one depthwise head.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError, whole_number
from .checkpoint_files import read_checkpoint
from .cnn import functional, nn, torch
from .state_dicts import left_over

if TYPE_CHECKING:
    from typing import Any

__all__ = ["ANCHORS", "SiamRPN", "load_siamrpn"]

#: Anchors of each position: pysot's five aspect ratios.
ANCHORS = 5

#: Channels of AlexNet's layers, relative to those of the first.
_CHANNELS = (1, 8 / 3, 4, 4, 8 / 3)


class _Head(nn.Module):
    """Correlation of rectified features, channel by channel, and two pixel-wise convolutions of it."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.conv_kernel, self.conv_search = (
            nn.Sequential(nn.Conv2d(inputs, hidden, 3, bias=False), nn.BatchNorm2d(hidden), nn.ReLU()) for _ in range(2)
        )
        self.head = nn.Sequential(
            nn.Conv2d(hidden, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU(), nn.Conv2d(hidden, outputs, 1)
        )

    def forward(self, z: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        kernel, search = self.conv_kernel(z), self.conv_search(x)
        channels = kernel.shape[0] * kernel.shape[1]
        kernel = kernel.reshape(channels, 1, *kernel.shape[2:])
        maps = functional.conv2d(search.reshape(1, channels, *search.shape[2:]), kernel, groups=channels)
        return self.head(maps.reshape(len(x), -1, *maps.shape[2:]))


class SiamRPN(nn.Module):
    """A tracker that regresses boxes: AlexNet, and a head each for classification and regression.

    Parameters
    ----------
    width : int
        Channels of the first convolution, a multiple of 3; 96 as published.
    rectify : bool
        Whether the features between backbone and heads are rectified. True by default, for a network that is to be
        converted, because spikes are never negative. False as published.
    hidden : int, optional
        Channels of the correlation; by default as many as the backbone's last layer, as published.
    on_off : bool
        Whether the last layer has twice as many channels, see `load_siamrpn`; False by default.

    Notes
    -----
    Images are RGB, 0 to 255, float, shape (B, 3, H, W). Exemplars have 127 pixels, search regions 255 (17 x 17
    positions) or 287 (21 x 21), 8 pixels apart.
    """

    def __init__(self, width: int = 96, rectify: bool = True, hidden: int | None = None, on_off: bool = False) -> None:
        super().__init__()
        if whole_number("width", width) % 3:
            raise InputError(f"width: expected a multiple of 3, got {width}")
        a, b, c, d, e = (round(width * factor) for factor in _CHANNELS)
        last = 2 * e if on_off else e
        layers = [nn.Conv2d(3, a, 11, 2), nn.BatchNorm2d(a), nn.MaxPool2d(3, 2), nn.ReLU()]
        layers += [nn.Conv2d(a, b, 5), nn.BatchNorm2d(b), nn.MaxPool2d(3, 2), nn.ReLU()]
        layers += [nn.Conv2d(b, c, 3), nn.BatchNorm2d(c), nn.ReLU()]
        layers += [nn.Conv2d(c, d, 3), nn.BatchNorm2d(d), nn.ReLU()]
        layers += [nn.Conv2d(d, last, 3), nn.BatchNorm2d(last), *([nn.ReLU()] if rectify else [])]
        self.backbone, self.rpn_head = nn.Module(), nn.Module()
        self.backbone.features = nn.Sequential(*layers)
        self.rpn_head.cls = _Head(last, hidden or e, 2 * ANCHORS)
        self.rpn_head.loc = _Head(last, hidden or e, 4 * ANCHORS)

    @property
    def heads(self) -> tuple[_Head, _Head]:
        """The heads of classification and of regression."""
        return self.rpn_head.cls, self.rpn_head.loc  # type: ignore[return-value]

    def forward(self, exemplars: torch.Tensor, searches: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Score and regress the anchors of search regions.

        Parameters
        ----------
        exemplars : torch.Tensor, shape (B, 3, 127, 127)
            Exemplar crops.
        searches : torch.Tensor, shape (B, 3, H, H)
            One search crop for each exemplar.

        Returns
        -------
        cls : torch.Tensor, shape (B, 2 k, n, n)
            Logits of background, then of the target, of the k anchors at each position.
        loc : torch.Tensor, shape (B, 4 k, n, n)
            Regression: dx of the k anchors, then dy, dw, dh.
        """
        z, x = self.backbone.features(exemplars), self.backbone.features(searches)  # type: ignore[operator]
        cls, loc = self.heads
        return cls(z, x), loc(z, x)

    def branch(self, side: str) -> nn.Sequential:
        """The part of the network before the correlation, as one chain: that which becomes spikes.

        Parameters
        ----------
        side : {"exemplar", "search"}
            Which of the two branches.

        Returns
        -------
        torch.nn.Sequential
            Backbone, and the convolutions of both heads side by side; in evaluation mode, with copies of the weights.
        """
        features: Any = self.backbone.features
        convolutions: Any = [head.conv_kernel if side == "exemplar" else head.conv_search for head in self.heads]
        (conv, norm), others = convolutions[0][:2], convolutions[1][:2]
        joined = nn.Conv2d(conv.in_channels, 2 * conv.out_channels, 3, bias=False)
        norms = nn.BatchNorm2d(2 * conv.out_channels, eps=norm.eps)
        for ours, pair in ((joined, (conv, others[0])), (norms, (norm, others[1]))):
            states = [one.state_dict() for one in pair]
            both = {k: v if v.ndim == 0 else torch.cat([v, states[1][k]]) for k, v in states[0].items()}
            ours.load_state_dict(both)
        head = nn.Sequential(joined, norms, nn.ReLU())
        return nn.Sequential(OrderedDict[str, nn.Module](features=features, head=head)).eval()


def load_siamrpn(path: Any) -> SiamRPN:
    """Read a checkpoint of pysot's ``siamrpn_alex_dwxcorr``.

    The published features between backbone and heads are not rectified, but spikes are never negative. So each of these
    channels y becomes two, max(y, 0) and max(-y, 0), like ON and OFF cells, and the heads' weights are repeated with
    the other sign: the network computes the same. pysot reads images with OpenCV, so the first layer's channels are put
    in the order of RGB.

    Parameters
    ----------
    path : str or path
        A file of ``torch.save``, with any prefix such as ``module.``. The width is read from it.

    Returns
    -------
    SiamRPN
        In evaluation mode.

    Raises
    ------
    InputError
        If the file is no checkpoint of plain tensors, a tensor is missing or has another shape, or one is left over.
    """
    state, key = read_checkpoint(path), "backbone.features.0.weight"
    found = [name for name in sorted(state) if f".{name}".endswith(f".{key}")]
    if not found or f"{found[0].removesuffix(key)}rpn_head.cls.conv_kernel.0.weight" not in state:
        raise InputError(
            f"{path}: expected {key} and rpn_head.cls.conv_kernel.0.weight, as in pysot's siamrpn_alex_dwxcorr, got "
            f"{sorted(state)[:4]}"
        )
    prefix = found[0].removesuffix(key)
    published = SiamRPN(max(len(state[found[0]]) // 3, 1) * 3, rectify=False)
    own, left = published.state_dict(), {name for name in state if not name.endswith("num_batches_tracked")}
    for name, tensor in own.items():
        if name.endswith("num_batches_tracked"):
            continue
        given = state.get(prefix + name)
        if given is None or given.shape != tuple(tensor.shape) or not np.isfinite(given).all():
            got = "none" if given is None else f"shape {given.shape}, or numbers that are not finite"
            raise InputError(f"{path}: {prefix}{name}: expected shape {tuple(tensor.shape)}, got {got}")
        own[name] = torch.from_numpy(given)
        left.discard(prefix + name)
    if unused := left_over(state, left):
        raise InputError(f"{path}: expected nothing but AlexNet and two depthwise heads, got {unused} as well")
    own[key] = own[key].flip(1)
    network = SiamRPN(len(own[key]), hidden=len(own["rpn_head.cls.head.1.weight"]), on_off=True)
    network.load_state_dict(_on_off(own))
    return network.eval()


def _on_off(state):
    """Weights of a network whose last layer fires for positive and for negative features."""
    # the last convolution and batch norm of the backbone
    convolution, norm = "backbone.features.14.", "backbone.features.15."
    result = dict(state)
    for name, tensor in state.items():
        if name.startswith(convolution) or name in (f"{norm}running_mean", f"{norm}running_var"):
            result[name] = torch.cat([tensor, tensor])
        elif name in (f"{norm}weight", f"{norm}bias"):
            result[name] = torch.cat([tensor, -tensor])
        elif name.endswith(("conv_kernel.0.weight", "conv_search.0.weight")):
            result[name] = torch.cat([tensor, -tensor], 1)
    return result
