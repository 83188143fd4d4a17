"""The layers of a network with branches: each gathers from any earlier layers.

A branch of `Convolution` and `MaxPool` is a chain. In a directed graph, a layer has several inputs: a residual sum has
two, a convolution of a concatenation one for each part. An input is a convolution of an earlier layer, seen through a
view: some of its channels, without some rows and columns at its border (a crop), with rows and columns of zeros around
it (padding). The sum of the inputs is rectified once, so it is one layer of neurons:

    a_o = ReLU(sum over inputs i of (w_i * view_i(a_source(i)))_o + b_o)
"""

import re
from dataclasses import dataclass, field
from typing import TypeAlias

from ..errors import InputError
from .layers import Convolution, MaxPool

__all__ = ["IMAGE", "Gates", "Input", "Margins", "Neurons", "NO_MARGINS", "layer_name"]

#: Rows at the top and at the bottom, columns at the left and at the right.
Margins: TypeAlias = tuple[int, int, int, int]

NO_MARGINS: Margins = (0, 0, 0, 0)

#: Source of an input that sees the image.
IMAGE = ""

_LARGEST = 2**16


@dataclass(frozen=True)
class Input:
    """A convolution of an earlier layer, or the windows of a pooling layer.

    Its weights have the shape ``(out, channels // groups, *kernel)``. Along each side of length n, the source is seen
    without its margins, with zeros around it:

        outputs = (n - crop + padding - (kernel - 1) dilation - 1) // stride + 1

    Attributes
    ----------
    source : str
        Name of an earlier layer; empty for the image.
    channels : int
        Number of its channels that are seen.
    first : int
        The first of them; 0 by default.
    kernel : (int, int)
        Height and width of the kernel; (1, 1) by default.
    stride : int
        Stride in both directions; 1 by default.
    dilation : int
        Distance of the kernel's rows and columns; 1 by default.
    groups : int
        Number of groups, which divides the channels; 1 by default.
    padding : (int, int, int, int)
        Rows of zeros at the top and at the bottom, columns at the left and at the right. A negative number leaves out
        rows or columns. Zero by default.
    crop : (int, int, int, int)
        Rows and columns of the source that are not seen, in the same order; zero by default.
    whole : bool
        Whether the kernel covers the whole map, as in a linear layer or global pooling; False by default. The layer
        then fits images of one size only.

    Raises
    ------
    InputError
        If a value has another type or is out of range.
    """

    source: str
    channels: int
    first: int = 0
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    padding: Margins = NO_MARGINS
    crop: Margins = NO_MARGINS
    whole: bool = False

    def __post_init__(self) -> None:
        numbers = {name: (getattr(self, name), 1) for name in ("channels", "stride", "dilation", "groups")}
        numbers["first"] = (self.first, 0)
        numbers |= {f"kernel {side}": (value, 1) for side, value in zip("hw", _pair(self.kernel, 2), strict=True)}
        numbers |= {f"crop {k}": (value, 0) for k, value in enumerate(_pair(self.crop, 4))}
        numbers |= {f"padding {k}": (value, -_LARGEST) for k, value in enumerate(_pair(self.padding, 4))}
        for name, (value, least) in numbers.items():
            if type(value) is not int or not least <= value <= _LARGEST:
                raise InputError(
                    f"input from {self.source!r:.60}: {name}: expected a whole number from {least} to {_LARGEST}, got "
                    f"{value!r:.60}"
                )
        if not isinstance(self.source, str) or type(self.whole) is not bool or self.channels % self.groups:
            raise InputError(
                f"input from {self.source!r:.60}: expected the name of a layer and groups that divide its "
                f"{self.channels} channels, got {self.groups} groups"
            )

    @property
    def fan_in(self) -> int:
        """Weights of each output channel."""
        return self.channels // self.groups * self.kernel[0] * self.kernel[1]

    @property
    def extent(self) -> tuple[int, int]:
        """Height and width that the kernel spans: (kernel - 1) dilation + 1."""
        height, width = self.kernel
        return (height - 1) * self.dilation + 1, (width - 1) * self.dilation + 1

    def view(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the view of a source of the given size, padding included."""
        top, bottom, left, right = (p - c for p, c in zip(self.padding, self.crop, strict=True))
        return height + top + bottom, width + left + right


def _pair(values, length):
    if not isinstance(values, tuple) or len(values) != length:
        raise InputError(f"input: expected {length} whole numbers, got {values!r:.60}")
    return values


@dataclass(frozen=True)
class Neurons(Convolution):
    """A layer of neurons that gathers from several convolutions.

    Its weights are one matrix of shape ``(out_channels, fan_in)``: those of the inputs side by side, each flattened
    (`split_weights`). Its bias has the shape ``(out_channels,)``.

    Attributes
    ----------
    name : str
        Name of the layer: up to 40 letters and digits, beginning with a letter.
    out_channels : int
        Number of channels.
    inputs : tuple of Input
        What it gathers.
    rectify : bool
        Whether the sum is rectified in the CNN; true by default. Spikes are never negative in either case.

    Raises
    ------
    InputError
        If there is no input, or groups do not divide the channels.
    """

    in_channels: int = field(init=False, default=1)
    out_channels: int = 1
    kernel: int = field(init=False, default=1)
    stride: int = field(init=False, default=1)
    groups: int = field(init=False, default=1)
    batch_norm: bool = field(init=False, default=False)
    inputs: tuple[Input, ...] = ()

    def __post_init__(self) -> None:
        if not self.inputs or not all(isinstance(one, Input) for one in self.inputs):
            raise InputError(f"{self.name}: expected at least one input, got {self.inputs!r:.60}")
        object.__setattr__(self, "in_channels", sum(one.channels for one in self.inputs))
        super().__post_init__()
        for one in self.inputs:
            if self.out_channels % one.groups:
                raise InputError(
                    f"{self.name}: expected groups that divide its {self.out_channels} channels, got {one.groups} in "
                    f"the input from {one.source or 'the image'}"
                )

    @property
    def weight_shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """Shape of the weights: (out_channels, fan_in)."""
        return (self.out_channels, sum(one.fan_in for one in self.inputs))


@dataclass(frozen=True)
class Gates(MaxPool):
    """Max pooling with padding, of some channels of any earlier layer of neurons.

    Attributes
    ----------
    name : str
        Name of the layer: up to 40 letters and digits, beginning with a letter.
    input : Input
        Its windows; square, without dilation.

    Raises
    ------
    InputError
        If the windows have another form.
    """

    kernel: int = field(init=False, default=1)
    stride: int = field(init=False, default=1)
    input: Input = field(default=Input(IMAGE, 1))

    def __post_init__(self) -> None:
        one = self.input
        if not isinstance(one, Input) or one.kernel[0] != one.kernel[1] or one.dilation != 1 or one.groups != 1:
            raise InputError(f"{self.name}: expected square windows without dilation, got {one!r:.200}")
        object.__setattr__(self, "kernel", one.kernel[0])
        object.__setattr__(self, "stride", one.stride)
        super().__post_init__()


def layer_name(qualified: str) -> str:
    """Make the name of a layer from the qualified name of a module: ``layer1.0.conv2`` becomes ``layer1x0conv2``.

    Parameters
    ----------
    qualified : str
        Name of a module or of a node of the traced graph.

    Returns
    -------
    str
        Up to 40 letters and digits, beginning with a letter.
    """
    name = re.sub(r"(?<=\d)[^A-Za-z0-9]+(?=\d)", "x", qualified)
    name = re.sub(r"[^A-Za-z0-9]", "", name)
    return (name if name[:1].isalpha() else f"layer{name}")[-40:].lstrip("0123456789") or "layer"
