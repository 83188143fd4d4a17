"""Write the layers of a branch as JSON, and read them back: the description in a model file."""

from __future__ import annotations

from dataclasses import MISSING, asdict, fields
from typing import TYPE_CHECKING, Any

from ..errors import InputError
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
    return [{"type": type(layer).__name__, **asdict(layer)} for layer in layers]


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
    kinds = {"Convolution": Convolution, "MaxPool": MaxPool}
    layers = []
    if not isinstance(entries, list):
        raise InputError(f"layers: expected a list, got {entries!r:.60}")
    for k, entry in enumerate(entries):
        if not isinstance(entry, dict) or entry.get("type") not in tuple(kinds):
            raise InputError(
                f"layers: entry {k}: expected a description with a type out of {list(kinds)}, got {entry!r:.60}"
            )
        kind, values = kinds[entry["type"]], {key: value for key, value in entry.items() if key != "type"}
        known = [field.name for field in fields(kind)]
        missing = [field.name for field in fields(kind) if field.default is MISSING and field.name not in values]
        unknown = sorted(values.keys() - set(known))
        if missing or unknown:
            problem = f"{missing[0]!r} is missing" if missing else f"{unknown[0]!r:.60} is not one of its keys {known}"
            raise InputError(f"layer {entry.get('name', k)!r:.60}: not a layer description: {problem}")
        layers.append(kind(**values))
    return tuple(layers)
