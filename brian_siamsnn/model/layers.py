"""Layers of a Siamese branch, and their sizes.

A branch is a tuple of `Convolution` and `MaxPool`; nothing here
knows PyTorch or Brian2, so a model file describes itself with these.
"""

import re
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, TypeAlias

from ..errors import InputError

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
    "layers_from_json",
    "layers_to_json",
    "output_size",
    "sizes",
]


#: Far beyond any layer: a number of channels, a kernel or a stride above it is a damaged description.
_LARGEST = 2**16


def _check_fields(layer):
    # the name becomes that of Brian2 objects, with endings such as _input
    if not (isinstance(layer.name, str) and re.fullmatch("[A-Za-z][A-Za-z0-9]{0,39}", layer.name)):
        raise InputError(f"layer: expected a name of letters and digits, got {layer.name!r:.60}")
    for field in fields(layer)[1:]:
        value = getattr(layer, field.name)
        if type(value) is not field.type or (field.type is int and not 1 <= value <= _LARGEST):
            expected = f"a whole number from 1 to {_LARGEST}" if field.type is int else "true or false"
            raise InputError(f"{layer.name}: {field.name}: expected {expected}, got {value!r:.60}")


@dataclass(frozen=True)
class Convolution:
    """A convolution without padding, followed by a rectifier where it says so.

    Its weights have the shape ``(out_channels, in_channels // groups, kernel,
    kernel)`` and its bias ``(out_channels,)``.
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
    """Maximum over windows of ``kernel`` x ``kernel``, ``stride`` apart."""

    name: str
    kernel: int
    stride: int

    def __post_init__(self) -> None:
        _check_fields(self)


#: What a branch is made of.
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
    """A network of the compact family: strided convolutions, each rectified, without pooling.

    The first two convolutions are 11x11/4 and 5x5/2, all others 3x3/1: stride 8
    and a 17x17 response, as SiamFC has.

    Parameters
    ----------
    description : str
        Output channels of each layer, with its groups where it has several:
        ``"16-32-48-32"``, ``"16-64g2-32"``.

    Returns
    -------
    tuple of Convolution

    Raises
    ------
    InputError
        If it is not such a description, or groups do not divide the channels.
    """
    if not re.fullmatch(r"\d+(-\d+(g\d+)?)+", description):
        raise InputError(f"architecture: expected channels such as 16-32-48-32 or 16-64g2-32, got {description!r}")
    layers, channels = [], 3
    for k, part in enumerate(description.split("-")):
        out, groups = (int(number) for number in (*part.split("g"), "1")[:2])
        if 0 in (out, groups) or out % groups or channels % groups:
            raise InputError(
                f"architecture: {part} in {description}: expected groups that divide its {out} channels "
                f"and the {channels} before it"
            )
        kernel, stride = ((11, 4), (5, 2))[k] if k < 2 else (3, 1)
        layers.append(Convolution(f"conv{k + 1}", channels, out, kernel, stride, groups))
        channels = out
    return tuple(layers)


#: The shipped compact network: exemplar 127 -> 7x7x32, search 255 -> 23x23x32.
COMPACT = compact("16-32-48-48-32")

ARCHITECTURES = {"alexnet": ALEXNET, "compact": COMPACT}


def architecture(name: str) -> tuple[Layer, ...]:
    """Layers by name in `ARCHITECTURES`, or by description, see `compact`."""
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]
    if name[:1].isdecimal():
        return compact(name)
    names = ", ".join(ARCHITECTURES)
    raise InputError(f"architecture: expected one of {names}, or channels such as 16-32-48-32, got {name!r}")


def convolutions(layers: tuple[Layer, ...]) -> tuple[Convolution, ...]:
    """The convolutions among ``layers``, in order."""
    return tuple(layer for layer in layers if isinstance(layer, Convolution))


def check_layers(layers: tuple[Layer, ...]) -> None:
    """Check that layers follow on each other.

    Raises
    ------
    InputError
        If the first is not a convolution, two have one name, or a convolution
        takes another number of channels than the one before it gives.
    """
    if not layers or not isinstance(layers[0], Convolution):
        raise InputError(f"layers: expected a convolution first, got {layers[0].name if layers else 'no layer'}")
    names = [layer.name for layer in layers]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"layers: expected a name of its own for each, got {sorted(twice)} more than once")
    for before, after in zip(convolutions(layers), convolutions(layers)[1:], strict=False):
        if before.out_channels != after.in_channels:
            raise InputError(
                f"{after.name}: expected {before.out_channels} input channels, as many as {before.name} "
                f"gives, got {after.in_channels}"
            )


def output_size(layer: Layer, size: int) -> int:
    """Side of a layer's output for an input of side ``size``: (size - kernel) // stride + 1."""
    result = (size - layer.kernel) // layer.stride + 1
    if size < layer.kernel:
        raise InputError(f"{layer.name}: an input of {size} pixels is smaller than its kernel of {layer.kernel}")
    return result


def sizes(layers: tuple[Layer, ...], image_size: int) -> dict[str, int]:
    """Side of every layer's output, by layer name, for a square image."""
    result, size = {}, image_size
    for layer in layers:
        size = result[layer.name] = output_size(layer, size)
    return result


def layers_to_json(layers: tuple[Layer, ...]) -> list[dict[str, Any]]:
    """Plain lists and dictionaries that `layers_from_json` reads back."""
    return [{"type": type(layer).__name__, **asdict(layer)} for layer in layers]


def layers_from_json(entries: list[dict[str, Any]]) -> tuple[Layer, ...]:
    """Rebuild layers; raises `InputError` naming the entry that is off."""
    kinds = {"Convolution": Convolution, "MaxPool": MaxPool}
    layers = []
    if not isinstance(entries, list):
        raise InputError(f"layers: expected a list, got {entries!r:.60}")
    for k, entry in enumerate(entries):
        if not isinstance(entry, dict) or entry.get("type") not in tuple(kinds):
            raise InputError(
                f"layers: expected a description with a type out of {list(kinds)}, got {entry!r:.60} as number {k}"
            )
        kind, values = kinds[entry["type"]], {key: value for key, value in entry.items() if key != "type"}
        known = [field.name for field in fields(kind)]
        absent = [field.name for field in fields(kind) if field.default is MISSING and field.name not in values]
        unknown = sorted(values.keys() - set(known))
        if absent or unknown:
            problem = f"{absent[0]!r} is missing" if absent else f"{unknown[0]!r:.60} is none of its keys {known}"
            raise InputError(f"layer {entry.get('name', k)!r:.60}: not a layer description: {problem}")
        layers.append(kind(**values))
    return tuple(layers)
