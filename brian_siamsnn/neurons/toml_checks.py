"""Checks of the keys and values in a TOML file; each raises `InputError` naming the file and the key."""

from __future__ import annotations

import keyword
import math
from typing import TYPE_CHECKING, Any

from ..errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["check_keys", "check_name", "check_table", "check_text", "is_number"]


def check_text(value: Any, where: str) -> None:
    """Require a string.

    Parameters
    ----------
    value : object
        The value, or None if the key is missing.
    where : str
        What the message names: the file and the key.

    Raises
    ------
    InputError
        If the value is not a string.
    """
    if not isinstance(value, str):
        found = "but the key is missing" if value is None else f"got {value!r}"
        raise InputError(f"{where}: expected text, {found}")


def check_table(value: Any, where: str) -> dict[str, Any]:
    """Require a table.

    Parameters
    ----------
    value : object
        The value.
    where : str
        What the message names: the file and the key.

    Returns
    -------
    dict
        The value.

    Raises
    ------
    InputError
        If the value is not a table.
    """
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected a table, got {value!r}")
    return value


def check_keys(table: dict[str, Any], keys: Iterable[str], path: Path, where: str) -> None:
    """Require that a table has only known keys.

    Parameters
    ----------
    table : dict
        The table.
    keys : iterable of str
        Keys that it may have.
    path : Path
        File of the table, for the message.
    where : str
        What the keys belong to, such as ``"of a neuron model"``, for the message.

    Raises
    ------
    InputError
        If the table has another key.
    """
    if unknown := sorted(set(table) - set(keys)):
        raise InputError(f"{path}: {unknown[0]!r} is not a key {where}; known keys are {sorted(keys)}")


def check_name(path: Path, table: str, key: str) -> None:
    """Require a key that can be a variable name in Brian2 equations.

    Parameters
    ----------
    path : Path
        File of the table, for the message.
    table : str
        Name of the table, for the message.
    key : str
        The key.

    Raises
    ------
    InputError
        If the key is not an ASCII identifier, starts with an underscore or is a keyword.
    """
    if not key.isidentifier() or not key.isascii() or keyword.iskeyword(key) or key.startswith("_"):
        raise InputError(f"{path}: {table}: expected a name of letters and digits, got {key!r}")


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number.

    Parameters
    ----------
    value : object
        Any value of a TOML file.

    Returns
    -------
    bool
        True for finite integers and floats, false for booleans.
    """
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
