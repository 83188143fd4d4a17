"""Describe the layers of a Siamese branch, and compute their sizes.

A branch is a tuple of `Convolution` and `MaxPool`. They depend on neither PyTorch nor Brian2, and are what a model file
stores as its description.
"""

import re
from dataclasses import dataclass, fields
from typing import TypeAlias

from ..errors import InputError
from .ciresnet_names import CIRESNET22

__all__ = [
    "ALEXNET",
    "COMPACT",
    "ARCHITECTURES",
    "Convolution",
    "Layer",
    "MaxPool",
    "architecture",
    "check_layers",
    "compact",
    "convolutions",
    "output_size",
    "sizes",
]


#: A layer in the description of a `compact` network: channels, kernel and groups.
_PART = r"(\d+)(?:k(\d+))?(?:g(\d+))?"

#: Largest number of channels, kernel or stride; far more than any layer has, so a larger one means a damaged
#: description.
_LARGEST = 2**16


def _check_fields(layer):
    # Brian2 objects are named after the layer, with suffixes such as _input
    if not (isinstance(layer.name, str) and re.fullmatch("[A-Za-z][A-Za-z0-9]{0,39}", layer.name)):
        raise InputError(f"layer: expected a name of letters and digits, got {layer.name!r:.60}")
    for field in fields(layer)[1:]:
        if field.type not in (int, bool):
            continue  # inputs, which check themselves
        value = getattr(layer, field.name)
        if type(value) is not field.type or (field.type is int and not 1 <= value <= _LARGEST):
            expected = f"a whole number from 1 to {_LARGEST}" if field.type is int else "true or false"
            raise InputError(f"{layer.name}: {field.name}: expected {expected}, got {value!r:.60}")


@dataclass(frozen=True)
class Convolution:
    """A convolution without padding, optionally followed by batch norm and a rectifier.

    Its weights have the shape ``(out_channels, in_channels // groups, kernel, kernel)``, its bias ``(out_channels,)``.

    Attributes
    ----------
    name : str
        Name of the layer: up to 40 letters and digits, beginning with a letter.
    in_channels : int
        Number of input channels.
    out_channels : int
        Number of output channels.
    kernel : int
        Side of the square kernel.
    stride : int
        Stride in both directions; 1 by default.
    groups : int
        Number of groups, which must divide both numbers of channels; 1 by default.
    rectify : bool
        Whether a rectifier follows; true by default.
    batch_norm : bool
        Whether the network has a batch norm here while it is trained; true by default.

    Raises
    ------
    InputError
        If a field has another type or is out of range, or the groups do not divide the channels.
    """

    name: str
    in_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    groups: int = 1
    rectify: bool = True
    batch_norm: bool = True

    def __post_init__(self) -> None:
        _check_fields(self)
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise InputError(
                f"{self.name}: expected groups that divide its {self.in_channels} and {self.out_channels} "
                f"channels, got {self.groups}"
            )

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """Shape of the weights: (out_channels, in_channels // groups, kernel, kernel)."""
        return (self.out_channels, self.in_channels // self.groups, self.kernel, self.kernel)


@dataclass(frozen=True)
class MaxPool:
    """Max pooling without padding.

    Attributes
    ----------
    name : str
        Name of the layer: up to 40 letters and digits, beginning with a letter.
    kernel : int
        Side of the square window.
    stride : int
        Stride in both directions.

    Raises
    ------
    InputError
        If a field has another type or is out of range.
    """

    name: str
    kernel: int
    stride: int

    def __post_init__(self) -> None:
        _check_fields(self)


#: A layer of a branch.
Layer: TypeAlias = Convolution | MaxPool

#: SiamFC's AlexNet (Bertinetto 2016): exemplar 127 -> 6x6x256, search 255 -> 22x22x256.
ALEXNET = (
    Convolution("conv1", 3, 96, 11, stride=2),
    MaxPool("pool1", 3, 2),
    Convolution("conv2", 96, 256, 5, groups=2),
    MaxPool("pool2", 3, 2),
    Convolution("conv3", 256, 384, 3),
    Convolution("conv4", 384, 384, 3, groups=2),
    Convolution("conv5", 384, 256, 3, groups=2, rectify=False, batch_norm=False),
)


def compact(description: str) -> tuple[Convolution, ...]:
    """Create a network of the compact family: strided convolutions, each rectified, without pooling.

    The first two convolutions have strides 4 and 2, all others 1, so the total stride is 8 and the response map is
    17x17, as in SiamFC, whatever the kernels.

    Parameters
    ----------
    description : str
        Output channels of each layer, followed by ``kN`` for a kernel of N x N and by ``gN`` for N groups, in this
        order: ``"16-32-48-32"``, ``"16k7-32-64k5g2-32"``. Without ``kN`` the kernel is 11 x 11 in the first layer,
        5 x 5 in the second, and 3 x 3 in all others.

    Returns
    -------
    tuple of Convolution
        Layers named conv1, conv2, ...

    Raises
    ------
    InputError
        If the description has another form, a number is 0, or groups do not divide the channels.
    """
    if not re.fullmatch(rf"{_PART}(-{_PART})+", description):
        raise InputError(
            "architecture: expected channels such as 16-32-48-32, with kernels and groups such as 16k7-64k5g2-32, "
            f"got {description!r}"
        )
    layers, channels = [], 3
    for k, part in enumerate(re.finditer(_PART, description)):
        usual, stride = ((11, 4), (5, 2))[k] if k < 2 else (3, 1)
        out, kernel, groups = (int(n or default) for n, default in zip(part.groups(), (0, usual, 1), strict=True))
        if 0 in (out, kernel, groups) or out % groups or channels % groups:
            raise InputError(
                f"architecture: {part[0]} in {description}: expected a kernel of at least 1, and groups that divide "
                f"its {out} output and {channels} input channels"
            )
        layers.append(Convolution(f"conv{k + 1}", channels, out, kernel, stride, groups))
        channels = out
    return tuple(layers)


#: The shipped compact network: exemplar 127 -> 7x7x32, search 255 -> 23x23x32.
COMPACT = compact("16-32-48-48-32")

#: Architectures by name.
ARCHITECTURES = {"alexnet": ALEXNET, "compact": COMPACT}


def architecture(name: str) -> tuple[Layer, ...]:
    """Look up an architecture.

    Parameters
    ----------
    name : str
        A key of `ARCHITECTURES` (``"alexnet"``, ``"compact"``), or a description as for `compact`.

    Returns
    -------
    tuple of Convolution and MaxPool
        Its layers.

    Raises
    ------
    InputError
        If there is no such architecture, or the description is not valid.
    """
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]
    if name[:1].isdecimal():
        return compact(name)
    names = ", ".join((*ARCHITECTURES, CIRESNET22))
    raise InputError(
        f"architecture: expected one of {names}, or channels such as 16-32-48-32 or 16k7-32-48-32, got {name!r}"
    )


def convolutions(layers: tuple[Layer, ...]) -> tuple[Convolution, ...]:
    """Select the convolutions of a branch.

    Parameters
    ----------
    layers : tuple of Convolution and MaxPool
        The branch.

    Returns
    -------
    tuple of Convolution
        Its convolutions, in order.
    """
    return tuple(layer for layer in layers if isinstance(layer, Convolution))


def check_layers(layers: tuple[Layer, ...]) -> None:
    """Check that layers fit together.

    Parameters
    ----------
    layers : tuple of Convolution and MaxPool
        The branch.

    Raises
    ------
    InputError
        If the first layer is not a convolution, two layers have the same name, or a convolution has another number of
        input channels than its predecessor has output channels.
    """
    if not layers or not isinstance(layers[0], Convolution):
        raise InputError(f"layers: expected a convolution first, got {layers[0].name if layers else 'no layer'}")
    names = [layer.name for layer in layers]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"layers: expected unique names, got {sorted(twice)} more than once")
    for before, after in zip(convolutions(layers), convolutions(layers)[1:], strict=False):
        if before.out_channels != after.in_channels:
            raise InputError(
                f"{after.name}: expected {before.out_channels} input channels, the output channels of {before.name}, "
                f"got {after.in_channels}"
            )


def output_size(layer: Layer, size: int) -> int:
    """Compute the side of a layer's output, (size - kernel) // stride + 1.

    Parameters
    ----------
    layer : Convolution or MaxPool
        The layer.
    size : int
        Side of its input.

    Returns
    -------
    int
        Side of its output.

    Raises
    ------
    InputError
        If the input is smaller than the kernel.
    """
    result = (size - layer.kernel) // layer.stride + 1
    if size < layer.kernel:
        raise InputError(f"{layer.name}: an input of {size} pixels is smaller than its kernel of {layer.kernel}")
    return result


def sizes(layers: tuple[Layer, ...], image_size: int) -> dict[str, int]:
    """Compute the side of every layer's output for a square image.

    Parameters
    ----------
    layers : tuple of Convolution and MaxPool
        The branch.
    image_size : int
        Side of the image in pixels.

    Returns
    -------
    dict of str to int
        Side by layer name.

    Raises
    ------
    InputError
        If the image is too small for the branch.
    """
    result, size = {}, image_size
    for layer in layers:
        size = result[layer.name] = output_size(layer, size)
    return result
