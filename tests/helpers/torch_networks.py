"""Random small networks of PyTorch, and the same networks with quantised activations: what a wave must fire.

All weights, scales and batch norms are small dyadic numbers, so folding, scaling and fixed-point rounding change
nothing, and sums in double precision are exact.
"""

import copy
import re

import numpy as np
import torch
from hypothesis import assume
from hypothesis import strategies as st
from torch import nn


class RandomNetwork(nn.Module):
    """Applies operations one after another, each to earlier tensors: ``(kind, sources, margin)``."""

    def __init__(self, operations, modules):
        super().__init__()
        self.operations = operations
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        tensors = [x]
        for k, (kind, sources, margin) in enumerate(self.operations):
            first = tensors[sources[0]]
            if kind == "conv":
                y = getattr(self, f"r{k}")(getattr(self, f"n{k}")(getattr(self, f"c{k}")(first)))
            elif kind == "residual":
                y = getattr(self, f"n{k}")(getattr(self, f"c{k}")(first))
                y = getattr(self, f"r{k}")(y + tensors[sources[1]])
            elif kind == "sum":
                y = getattr(self, f"r{k}")(getattr(self, f"s{k}")(first, tensors[sources[1]]))
            elif kind in ("maxpool", "avgpool"):
                y = getattr(self, f"{kind[0]}{k}")(first)
            elif kind == "concat":
                y = torch.cat([tensors[source] for source in sources], 1)
            elif kind == "crop":
                y = first[:, :, margin:-margin, margin:-margin]
            elif kind == "channels":
                y = first[:, margin:]
            else:
                y = getattr(self, f"o{k}")(getattr(self, f"f{k}")(torch.flatten(first, 1)))
            tensors.append(y)
        return tensors[-1]


class Branches(nn.Module):
    """A stem with a padded pool, two ways of different length that are joined, and a dilated convolution."""

    def __init__(self, channels):
        super().__init__()
        self.stem, self.pool = nn.Conv2d(channels, 5, 3, padding=1), nn.MaxPool2d(3, 2, 1)
        self.one, self.two = nn.Conv2d(5, 4, 3, padding=1), nn.Conv2d(4, 5, (1, 3), padding=(0, 1))
        self.out = nn.Conv2d(10, 3, 3, padding=2, dilation=2)

    def forward(self, x):
        x = self.pool(self.stem(x).relu())
        y = (self.two(self.one(x).relu()) + x).relu()
        return self.out(torch.cat([x, y], 1)).relu()


class Sum(nn.Module):
    def forward(self, a, b):
        return a + b


class Levels(nn.Module):
    """Clip-floor-shift: p levels of a scale, rounded to the nearest, times p, which keeps everything exact."""

    def __init__(self, scale, p, before=None):
        super().__init__()
        self.scale, self.p, self.before = scale, p, before

    def forward(self, x):
        x = x if self.before is None else self.before(x)
        self.counts = torch.clamp(torch.floor(x / self.scale + 0.5), 0, self.p)
        return self.counts * self.scale


@st.composite
def random_networks(draw, size=10, channels=3):
    """Up to seven operations of the parts that can be converted, on images of a size."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    shapes, operations, modules = [(channels, size)], [], {}

    def convolution(k, i, keep=False):
        c, side = shapes[i]
        groups = draw(st.sampled_from([g for g in (1, 2, 3) if c % g == 0]))
        out = c if keep else groups * draw(st.integers(1, 3))
        kernel = (
            draw(st.sampled_from([(1, 1), (3, 3), (1, 3)]))
            if keep
            else draw(st.sampled_from([(1, 1), (2, 2), (3, 3), (1, 3), (3, 2)]))
        )
        dilation = draw(st.integers(1, 2))
        stride = 1 if keep else draw(st.integers(1, 2))
        padding = tuple(dilation * (side - 1) // 2 for side in kernel) if keep else draw(st.sampled_from([0, 1]))
        module = nn.Conv2d(c, out, kernel, stride, padding, dilation, groups)
        _dyadic(module, rng)
        modules[f"c{k}"] = module
        modules[f"n{k}"] = _batch_norm(out, rng) if draw(st.booleans()) else nn.Identity()
        modules[f"r{k}"] = nn.ReLU(inplace=True)
        with torch.no_grad():
            height, width = module(torch.zeros(1, c, side, side)).shape[2:] if _fits(module, side) else (0, 0)
        return (out, height) if height == width else None

    for k in range(draw(st.integers(2, 7))):
        i = draw(st.integers(max(k - 2, 1), k)) if k else 0
        c, side = shapes[i]
        same = [j for j in range(1, len(shapes)) if shapes[j] == shapes[i]]
        alike = [j for j in range(1, len(shapes)) if shapes[j][1] == side]
        kind = draw(
            st.sampled_from(["conv", "residual", "sum", "maxpool", "avgpool", "concat", "crop", "channels", "conv"])
        )
        margin, sources = 0, (i,)
        if k == 0 or kind in ("conv", "residual") or (kind in ("crop", "channels") and (side < 4 or c < 2)):
            kind = "residual" if kind == "residual" and k else "conv"
            shape = convolution(k, i, keep=kind == "residual")
            if shape is None or 0 in shape:
                modules = {name: module for name, module in modules.items() if name[1:] != str(k)}
                break
            sources = (i, draw(st.sampled_from(same))) if kind == "residual" else (i,)
        elif kind == "sum":
            sources, shape = (i, draw(st.sampled_from(same))), (c, side)
            modules[f"s{k}"], modules[f"r{k}"] = Sum(), nn.ReLU()
        elif kind in ("maxpool", "avgpool"):
            kernel, stride, padding = draw(st.integers(2, 3)), draw(st.integers(1, 2)), draw(st.integers(0, 1))
            if side + 2 * padding < kernel:
                break
            ceil = kind == "maxpool" and padding == 0 and kernel > stride and draw(st.booleans())
            if kind == "maxpool":
                modules[f"m{k}"] = nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil)
            else:
                modules[f"a{k}"] = nn.AvgPool2d(kernel, stride, padding, divisor_override=4 if kernel == 2 else 8)
            shape = (c, (side + 2 * padding - kernel + (stride - 1 if ceil else 0)) // stride + 1)
        elif kind == "concat":
            sources = (i, *draw(st.lists(st.sampled_from(alike), min_size=1, max_size=2)))
            shape = (sum(shapes[j][0] for j in sources), side)
        elif kind == "crop":
            margin, shape = 1, (c, side - 2)
        else:
            margin, shape = 1, (c - 1, side)
        operations.append((kind, sources, margin))
        shapes.append(shape)
    k = len(operations)
    assume(k > 0)
    c, side = shapes[-1]
    if draw(st.booleans()):
        modules[f"f{k}"], modules[f"o{k}"] = nn.Linear(c * side * side, 4), nn.Identity()
        _dyadic(modules[f"f{k}"], rng)
        operations.append(("linear", (k,), 0))
    return RandomNetwork(operations, modules).eval()


def _fits(module, side):
    return all(
        side + 2 * p > d * (k - 1) for k, d, p in zip(module.kernel_size, module.dilation, module.padding, strict=True)
    )


def _dyadic(module, rng):
    with torch.no_grad():
        for part in (module.weight, module.bias):
            part.copy_(torch.from_numpy(rng.choice([-1, -0.5, 0, 0.5, 1, 1], tuple(part.shape))))


def _batch_norm(channels, rng):
    norm = nn.BatchNorm2d(channels, eps=0.0)
    with torch.no_grad():
        norm.weight.copy_(torch.from_numpy(rng.choice([0.5, 1, 2, -1], channels)))
        norm.bias.copy_(torch.from_numpy(rng.choice([-0.5, 0, 0.5], channels)))
        norm.running_mean.copy_(torch.from_numpy(rng.choice([-0.5, 0, 1], channels)))
        norm.running_var.copy_(torch.from_numpy(rng.choice([0.25, 1, 4], channels)))
    return norm


def quantised_network(network, scales, p):
    """The network with every rectifier, mean and output replaced by `Levels`; scales by number of the operation."""
    quantised = copy.deepcopy(network).double()
    with torch.no_grad():  # all activations are p times as large
        for module in quantised.modules():
            for name in ("bias", "running_mean"):
                if getattr(module, name, None) is not None:
                    getattr(module, name).mul_(p)
    for k, (kind, _, _) in enumerate(network.operations):
        if kind in ("conv", "residual", "sum"):
            setattr(quantised, f"r{k}", Levels(scales.get(k, 1.0), p))
        elif kind == "avgpool":
            setattr(quantised, f"a{k}", Levels(scales.get(k, 1.0), p, getattr(quantised, f"a{k}")))
        elif kind == "linear":
            setattr(quantised, f"o{k}", Levels(scales.get(k, 1.0), p))
    return quantised


def operation_of(name):
    """The operation that a layer belongs to, from its name: c3, c3n2, s4add5, m2; -1 if it repeats the output."""
    return -1 if name == "output" else int(re.match(r"[a-z](\d+)", name)[1])
