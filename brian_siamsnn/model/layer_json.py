"""Write the layers of a branch as JSON, and read them back: the description in a model file."""

from __future__ import annotations

from dataclasses import MISSING, asdict, fields
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .graph_layers import Gates, Input, Neurons
from .layers import Convolution, MaxPool

if TYPE_CHECKING:
    from .layers import Layer

__all__ = ["layers_from_json", "layers_to_json"]


def layers_to_json(layers: tuple[Layer, ...]) -> list[dict[str, Any]]:
    """Convert layers to lists and dictionaries that can be written as JSON.

    Parameters
    ----------
    layers : tuple of Convolution and MaxPool
        The branch.

    Returns
    -------
    list of dict
        One entry per layer, which `layers_from_json` reads.
    """
    return [{"type": type(layer).__name__, **_values(layer)} for layer in layers]


def _values(layer):
    """The fields that a layer is made of, those that follow from others left out."""
    made_of = {field.name for field in fields(layer) if field.init}
    return {name: value for name, value in asdict(layer).items() if name in made_of}


def layers_from_json(entries: list[dict[str, Any]]) -> tuple[Layer, ...]:
    """Rebuild layers from their description in a model file.

    Parameters
    ----------
    entries : list of dict
        Descriptions as `layers_to_json` returns them.

    Returns
    -------
    tuple of Convolution and MaxPool
        The branch.

    Raises
    ------
    InputError
        If an entry is not valid; the message names it.
    """
    kinds = {"Convolution": Convolution, "MaxPool": MaxPool, "Neurons": Neurons, "Gates": Gates}
    layers = []
    if not isinstance(entries, list):
        raise InputError(f"layers: expected a list, got {entries!r:.60}")
    for k, entry in enumerate(entries):
        if not isinstance(entry, dict) or entry.get("type") not in tuple(kinds):
            raise InputError(
                f"layers: entry {k}: expected a description with a type out of {list(kinds)}, got {entry!r:.60}"
            )
        kind, values = kinds[entry["type"]], {key: value for key, value in entry.items() if key != "type"}
        what = f"layer {entry.get('name', k)!r:.60}"
        for key, several in (("inputs", True), ("input", False)):
            if key in values:
                values[key] = _inputs(values[key], what) if several else _inputs([values[key]], what)[0]
        layers.append(_made(kind, values, what))
    return tuple(layers)


def _inputs(entries, what):
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{what}: not a layer description: expected a list of inputs, got {entries!r:.60}")
    lists = [{key: tuple(v) if isinstance(v, list) else v for key, v in entry.items()} for entry in entries]
    return tuple(_made(Input, entry, f"{what}, an input") for entry in lists)


def _made(kind, values, what):
    """Make a layer, or an input, of exactly its fields."""
    own = [field for field in fields(kind) if field.init]
    known = [field.name for field in own]
    missing = [field.name for field in own if field.default is MISSING and field.name not in values]
    unknown = sorted(values.keys() - set(known))
    if missing or unknown:
        problem = f"{missing[0]!r} is missing" if missing else f"{unknown[0]!r:.60} is not one of its keys {known}"
        raise InputError(f"{what}: not a layer description: {problem}")
    return kind(**values)
