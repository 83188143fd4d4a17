"""What a tensor of a traced network is, in terms of spikes: views of layers of neurons, and weighted sums of them.

Along its channels a value is a list of parts. A part is either a `View` of what a layer fires, or a `Sum` of
convolutions of such views, which is not yet rectified. Sums add up, and batch norm, crops and slices of a sum are
other sums, so nothing is computed before a rectifier turns a sum into a layer of neurons.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from .graph_layers import IMAGE, NO_MARGINS, Input, Margins

__all__ = [
    "Part",
    "Sum",
    "Term",
    "Value",
    "View",
    "add",
    "affine",
    "as_sum",
    "concatenated",
    "convolved",
    "cropped",
    "sliced",
    "trim_outputs",
    "trim_source",
]


@dataclass(frozen=True)
class View:
    """Channels ``first`` to ``first + channels - 1`` of a layer, without margins (crop), then with zeros (padding)."""

    source: str
    first: int
    channels: int
    crop: Margins = NO_MARGINS
    padding: Margins = NO_MARGINS

    def seen(self, channels: int, first: int = 0, **options: Any) -> Input:
        """The input of a layer that sees some channels of this view; options as for `Input`."""
        padding = _added(self.padding, options.pop("padding", NO_MARGINS))
        return Input(self.source, channels, self.first + first, padding=padding, crop=self.crop, **options)


@dataclass(frozen=True, eq=False)
class Term:
    """A convolution of a view: weights of shape (out, channels // groups, height, width), double precision."""

    input: Input
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class Sum:
    """A sum of convolutions and a bias, named after the module that made it."""

    terms: tuple[Term, ...]
    bias: np.ndarray
    name: str

    @property
    def channels(self) -> int:
        """Number of channels."""
        return len(self.bias)

    @property
    def positive(self) -> bool:
        """Whether no value can be negative, as in a sum or a mean of rectified values."""
        seen = all(term.input.source != IMAGE and (term.weights >= 0).all() for term in self.terms)
        return bool(seen and (self.bias >= 0).all())


Part: TypeAlias = View | Sum


@dataclass(frozen=True)
class Value:
    """A tensor of shape (images, channels, height, width), or, once flattened, (images, channels height width).

    Parameters
    ----------
    parts : tuple of View and Sum
        Along the channels.
    flat : (int, int), optional
        Height and width before flattening.
    """

    parts: tuple[Part, ...]
    flat: tuple[int, int] | None = None

    @property
    def channels(self) -> int:
        """Number of channels."""
        return sum(part.channels for part in self.parts)


def _added(a, b):
    return _margins(p + q for p, q in zip(a, b, strict=True))


def _margins(sides: Iterable[int]) -> Any:
    return tuple(sides)


def identity(view: View, scale: np.ndarray, name: str) -> Sum:
    """A view as a sum: each channel times its own factor."""
    term = Term(view.seen(view.channels, groups=view.channels), scale.reshape(-1, 1, 1, 1).astype(np.float64))
    return Sum((term,), np.zeros(view.channels), name)


def as_sum(part: Part, name: str) -> Sum:
    """A part as a sum."""
    return part if isinstance(part, Sum) else identity(part, np.ones(part.channels), name)


def affine(value: Value, scale: np.ndarray, shift: np.ndarray, name: str) -> Value:
    """Multiply each channel by a factor and add a number, as a batch norm does."""
    parts, first = [], 0
    for part in value.parts:
        own = slice(first, first + part.channels)
        total = as_sum(part, name)
        terms = tuple(replace(term, weights=term.weights * scale[own, None, None, None]) for term in total.terms)
        parts.append(Sum(terms, total.bias * scale[own] + shift[own], total.name))
        first += part.channels
    return replace(value, parts=tuple(parts))


def _dense(term):
    """A term with one group, with zeros between its groups."""
    groups, w = term.input.groups, term.weights
    if groups == 1:
        return term
    out, inputs = len(w) // groups, w.shape[1]
    dense = np.zeros((len(w), groups * inputs, *w.shape[2:]))
    for g in range(groups):
        dense[g * out : (g + 1) * out, g * inputs : (g + 1) * inputs] = w[g * out : (g + 1) * out]
    return Term(replace(term.input, groups=1), dense)


def _rows(term, start, stop):
    """Some output channels of a term."""
    groups, w = term.input.groups, term.weights
    out = len(w) // groups
    if groups > 1 and start % out == 0 and stop % out == 0:
        first, last, inputs = start // out, stop // out, w.shape[1]
        seen = replace(
            term.input,
            first=term.input.first + first * inputs,
            channels=(last - first) * inputs,
            groups=last - first,
        )
        return Term(seen, w[start:stop])
    term = _dense(term)
    return Term(term.input, term.weights[start:stop])


def _part(part, start, stop):
    """Some channels of a part."""
    if (start, stop) == (0, part.channels):
        return part
    if isinstance(part, View):
        return replace(part, first=part.first + start, channels=stop - start)
    return Sum(tuple(_rows(term, start, stop) for term in part.terms), part.bias[start:stop], part.name)


def sliced(value: Value, start: int, stop: int) -> Value:
    """Channels ``start`` to ``stop - 1`` of a value."""
    parts, first = [], 0
    for part in value.parts:
        low, high = max(start - first, 0), min(stop - first, part.channels)
        if low < high:
            parts.append(_part(part, low, high))
        first += part.channels
    return replace(value, parts=tuple(parts))


def concatenated(values: list[Value]) -> Value:
    """Values side by side along their channels."""
    return replace(values[0], parts=tuple(part for value in values for part in value.parts))


def add(a: Value, b: Value, name: str) -> Value:
    """The sum of two values of the same shape; it is named after its first operand that is a sum itself."""
    ends = set()
    for value in (a, b):
        ends |= set(np.cumsum([part.channels for part in value.parts]).tolist())
    parts, start = [], 0
    for stop in sorted(ends):
        (one,), (other,) = sliced(a, start, stop).parts, sliced(b, start, stop).parts
        x, y = as_sum(one, name), as_sum(other, name)
        named = x.name if isinstance(one, Sum) else y.name
        parts.append(Sum(x.terms + y.terms, x.bias + y.bias, named))
        start = stop
    return replace(a, parts=tuple(parts))


def cropped(value: Value, margins: Margins) -> Value:
    """A value without rows and columns at its border; negative margins add zeros to views."""

    def crop(part):
        if isinstance(part, View):
            padding, crop = [], []
            for pad, cut, margin in zip(part.padding, part.crop, margins, strict=True):
                left = pad - margin  # what was padded goes first
                padding.append(max(left, 0))
                crop.append(cut - min(left, 0))
            return replace(part, padding=_margins(padding), crop=_margins(crop))
        return replace(part, terms=tuple(replace(term, input=trim_outputs(term.input, margins)) for term in part.terms))

    return replace(value, parts=tuple(map(crop, value.parts)))


def trim_outputs(one: Input, margins: Margins) -> Input:
    """The input of a layer that loses rows and columns at its border."""
    return replace(one, padding=_margins(pad - one.stride * cut for pad, cut in zip(one.padding, margins, strict=True)))


def trim_source(one: Input, margins: Margins) -> Input:
    """The same view of a source that loses rows and columns at its border."""
    return replace(one, crop=_margins(crop - cut for crop, cut in zip(one.crop, margins, strict=True)))


def convolved(value: Value, weights: np.ndarray, bias: np.ndarray, name: str, groups: int = 1, **options: Any) -> Value:
    """A convolution of views; options as for `Input`.

    Parameters
    ----------
    value : Value
        Of views only.
    weights : ndarray, shape (out, channels // groups, height, width)
        Weights, double precision.
    bias : ndarray, shape (out,)
        Bias.
    name : str
        Name of the module.
    groups : int
        Groups, 1 by default.
    **options
        ``kernel``, ``stride``, ``dilation``, ``padding``, ``whole``.

    Returns
    -------
    Value
        One sum, or one for each view that has groups of its own.
    """
    if groups == 1:
        terms, first = [], 0
        for view in value.parts:
            assert isinstance(view, View)
            own = weights[:, first : first + view.channels]
            terms.append(Term(view.seen(view.channels, **options), own))
            first += view.channels
        return Value((Sum(tuple(terms), bias, name),))
    inputs, out = value.channels // groups, len(weights) // groups
    results, group = [], 0
    while group < groups:
        view, within = _at(value, group * inputs)
        own = (view.channels - within) // inputs  # groups that see this view alone
        last = group + max(own, 1)
        rows = slice(group * out, last * out)
        if own:
            term = Term(view.seen(own * inputs, within, groups=own, **options), weights[rows])
            results.append(Value((Sum((term,), bias[rows], name),)))
        else:
            part = sliced(value, group * inputs, last * inputs)
            results.append(convolved(part, weights[rows], bias[rows], name, **options))
        group = last
    return concatenated(results)


def _at(value, channel):
    """The view that a channel is in, and its number there."""
    for view in value.parts:
        if channel < view.channels:
            return view, channel
        channel -= view.channels
    raise IndexError(channel)
