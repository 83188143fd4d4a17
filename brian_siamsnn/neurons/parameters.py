"""Parameters and choices of a neuron model: what a user may set, with defaults and limits."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .toml_checks import check_keys, check_name, check_table, check_text, is_number

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Choice", "Parameter", "read_choice", "read_parameter"]


@dataclass(frozen=True)
class Parameter:
    """A numeric parameter of a neuron model.

    Attributes
    ----------
    name : str
        Name of the parameter in the equations.
    default : float or int
        Default value. Its type is the type of the parameter: an integer default means a whole number.
    minimum : float, optional
        Smallest allowed value; no limit by default.
    above : float, optional
        Exclusive lower bound; no limit by default.
    unit : str
        Always ``"1"``, because all quantities are dimensionless.
    source : str
        Equation or section of the paper that defines the parameter; may be empty.
    description : str
        What the parameter means; may be empty.
    """

    name: str
    default: float
    minimum: float | None = None
    above: float | None = None
    unit: str = "1"
    source: str = ""
    description: str = ""

    def read(self, value: Any, where: str) -> float:
        """Convert a value to the type of this parameter and check its range.

        Parameters
        ----------
        value : number or str
            The value, or its text as typed on the command line.
        where : str
            What the error message names, such as ``"rate: v_th"``.

        Returns
        -------
        float or int
            A finite number of the type of `default`.

        Raises
        ------
        InputError
            If the value is not a number of that type, or is out of range.
        """
        whole = isinstance(self.default, int)
        try:
            # int() would truncate a float, and rejects text such as "2.0"
            number = (float if not whole or isinstance(value, float) else int)(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number) or isinstance(value, bool) or (whole and number != int(number)):
            raise InputError(f"{where} = {value!r}: expected {'a whole number' if whole else 'a finite number'}")
        if self.minimum is not None and number < self.minimum:
            raise InputError(f"{where} = {value!r}: expected {self.minimum:g} or more")
        if self.above is not None and number <= self.above:
            raise InputError(f"{where} = {value!r}: expected more than {self.above:g}")
        if whole and abs(number) >= 2**31:
            raise InputError(f"{where} = {value!r}: expected a whole number of 32 bits")
        return int(number) if whole else number


@dataclass(frozen=True)
class Choice:
    """A part of the equations that can be read in several ways.

    Attributes
    ----------
    name : str
        Name of the choice; ``{name}`` in the equations is replaced by the selected option.
    default : str
        Key of the option that is selected by default.
    options : dict of str to str
        Replacement text for each option.
    source : str
        Equation or section of the paper that leaves the reading open; may be empty.
    description : str
        What the options differ in; may be empty.
    """

    name: str
    default: str
    options: dict[str, str]
    source: str = ""
    description: str = ""


def read_parameter(path: Path, key: str, entry: Any) -> Parameter:
    """Read a table ``[parameters.NAME]``.

    Parameters
    ----------
    path : Path
        File of the model, for messages.
    key : str
        Name of the parameter.
    entry : dict
        The table.

    Returns
    -------
    Parameter

    Raises
    ------
    InputError
        If the table is not a parameter, or its default is out of range.
    """
    where = _check_entry(path, "parameters", key, entry, Parameter)
    for part in ("default", "minimum", "above"):
        if part in entry and not is_number(entry[part]):
            raise InputError(f"{where}: {part!r}: expected a finite number, got {entry[part]!r}")
    if entry.get("unit", "1") != "1":
        raise InputError(
            f"{where}: 'unit': expected '1', got {entry['unit']!r}; give the number here, and write the unit into the "
            f"equations, as in {key}*ms"
        )
    parameter = Parameter(key, **entry)
    parameter.read(parameter.default, f"{where}: 'default'")
    return parameter


def read_choice(path: Path, key: str, entry: Any) -> Choice:
    """Read a table ``[choices.NAME]``.

    Parameters
    ----------
    path : Path
        File of the model, for messages.
    key : str
        Name of the choice.
    entry : dict
        The table.

    Returns
    -------
    Choice

    Raises
    ------
    InputError
        If the table is not a choice, or its default is not one of the options.
    """
    where = _check_entry(path, "choices", key, entry, Choice)
    options = check_table(entry.get("options"), f"{where}: 'options'")
    for name, text in options.items():
        check_text(text, f"{where}: option {name!r}")
    if not isinstance(entry["default"], str) or entry["default"] not in options:
        raise InputError(f"{where}: 'default': expected one of {list(options)}, got {entry['default']!r}")
    return Choice(key, **entry)


def _check_entry(path, table, key, entry, kind):
    """Check the keys and texts of one parameter or choice; returns the prefix of messages about it."""
    check_name(path, table, key)
    where = f"{path}: {table}.{key}"
    check_table(entry, where)
    check_keys(entry, {field.name for field in fields(kind)} - {"name"}, path, f"of {table}.{key}")
    for part in ("source", "description"):
        check_text(entry.get(part, ""), f"{where}: {part!r}")
    if "default" not in entry:
        raise InputError(f"{where}: expected a default, but the key is missing")
    return where
