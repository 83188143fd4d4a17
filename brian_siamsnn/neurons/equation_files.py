"""Neuron models as TOML files: what is in one, read and checked before Brian2 meets it.

A file may come from elsewhere: whatever it holds, reading it gives an
`EquationFile` or one `InputError` that names file and key. It
holds data and Brian2 expressions only; see `equation_checks`.
"""

from __future__ import annotations

import keyword
import math
import re
import tomllib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..files import find, names

if TYPE_CHECKING:
    from pathlib import Path

    from ..aliases import FilePath

__all__ = ["Choice", "EquationFile", "Parameter", "shipped_models"]

_TEXTS = {
    "name": True,
    "equation": False,
    "description": True,
    "model": True,
    "update": False,
    "threshold": True,
    "reset": False,
    "synapse": False,
    "on_pre": False,
    "amplitude": True,
}
_TABLES = ("initial", "parameters", "choices")

#: Far more than any neuron model needs.
_MAXIMUM_SIZE = 100_000


@dataclass(frozen=True)
class Parameter:
    """A number that a model may be given.

    Attributes
    ----------
    default : float or int
        Its type is the parameter's.
    minimum, above : float, optional
        Smallest value, and the value that it must exceed.
    unit : str
        ``"1"``: all quantities are dimensionless.
    source, description : str
        Where it is in the paper, and what it is.
    """

    name: str
    default: float
    minimum: float | None = None
    above: float | None = None
    unit: str = "1"
    source: str = ""
    description: str = ""

    def read(self, value: Any, where: str) -> float:
        """The value that was given, as a number of this parameter's type and range."""
        whole = isinstance(self.default, int)
        try:
            # int() cuts the fraction of a number off, and takes none in a text
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
    """A part of the equations that has several readings.

    Attributes
    ----------
    options : dict of str to str
        What ``{name}`` in the equations becomes, by the name of the reading.
    default : str
        The reading that is taken unless another is asked for.
    """

    name: str
    default: str
    options: dict[str, str]
    source: str = ""
    description: str = ""


@dataclass(frozen=True)
class EquationFile:
    """A neuron model as it is written.

    Attributes
    ----------
    path : Path
    texts : dict of str to str
        The strings: ``name``, ``equation``, ``description``, and those that are
        handed to Brian2, with ``{choice}`` where a reading goes in.
    parameters : dict of str to Parameter
    choices : dict of str to Choice
    initial : dict of str to float or str
        State before the first step: a number, or the parameter that holds it.
    """

    path: Path
    texts: dict[str, str]
    parameters: dict[str, Parameter]
    choices: dict[str, Choice]
    initial: dict[str, Any]

    @classmethod
    def read(cls, name: FilePath) -> EquationFile:
        """Read a model that ships, or a file.

        Parameters
        ----------
        name : str or path

        Raises
        ------
        InputError
            If there is no such file, or its content is not a neuron model: the
            message names the key, what was expected and what is there.
        """
        path = find("equations", name, ".toml")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from None
        if len(content) > _MAXIMUM_SIZE:
            raise InputError(f"{path}: {len(content)} bytes are too many for a neuron model ({_MAXIMUM_SIZE} at most)")
        try:
            text = tomllib.loads(content.decode("utf-8"))
        except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, or nested without end
            raise InputError(
                f"{path}: not a TOML file ({error}); see one that ships with "
                "'brian-siamsnn equations rate', or copy equations/rate.toml"
            ) from None
        _known(text, (*_TEXTS, *_TABLES), path, "of a neuron model")
        for key, needed in _TEXTS.items():
            if needed or key in text:
                _text(text.get(key), f"{path}: {key!r}")
        tables = {key: _table(text.get(key, {}), f"{path}: {key!r}") for key in _TABLES}
        parameters = {key: _parameter(path, key, entry) for key, entry in tables["parameters"].items()}
        choices = {key: _choice(path, key, entry) for key, entry in tables["choices"].items()}
        if both := parameters.keys() & choices.keys():
            raise InputError(f"{path}: {min(both)!r}: expected a parameter or a choice, got both")
        initial = {key: _initial(path, key, value, parameters) for key, value in tables["initial"].items()}
        return cls(path, {key: text[key] for key in _TEXTS if key in text}, parameters, choices, initial)

    def values(self, defaults: dict[str, Any], given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """The parameters' values and the choices' readings: given, or default.

        Parameters
        ----------
        defaults, given : dict of str
            ``defaults`` for the parameters that the model has; ``given`` must all be its own.
        """
        name = self.path.stem
        for key in given:
            if key not in self.parameters and key not in self.choices:
                known = [*self.parameters, *self.choices]
                raise InputError(
                    f"{name}: {key!r} is not one of its parameters {known}; "
                    f"'brian-siamsnn equations {name}' prints them"
                )
        values = {
            key: parameter.read(given.get(key, defaults.get(key, parameter.default)), f"{name}: {key}")
            for key, parameter in self.parameters.items()
        }
        readings = {key: given.get(key, choice.default) for key, choice in self.choices.items()}
        for key, reading in readings.items():
            if reading not in self.choices[key].options:
                options = list(self.choices[key].options)
                raise InputError(f"{name}: {key} = {reading!r}: expected one of {options}")
        return values, readings

    def fill(self, readings: dict[str, str]) -> dict[str, str]:
        """The texts with the choices' readings filled in."""
        texts = dict(self.texts)
        for key, reading in readings.items():
            texts = {
                part: text.replace("{" + key + "}", self.choices[key].options[reading]) for part, text in texts.items()
            }
        for part, text in texts.items():
            if part == "description":
                continue
            for left in re.findall(r"\{(.*?)\}", text):
                if (part, left) != ("on_pre", "amplitude"):
                    raise InputError(
                        f"{self.path}: {part!r}: {{{left}}} is not one of the choices {list(readings)}; "
                        f"add it as a table [choices.NAME], or write it out"
                    )
        return texts


def shipped_models() -> list[str]:
    """Names of the neuron models that ship, sorted."""
    return names("equations", ".toml")


def _text(value, where):
    if not isinstance(value, str):
        raise InputError(
            f"{where}: expected text, got {value!r}"
            if value is not None
            else f"{where}: expected text, but the key is missing"
        )
    return value


def _table(value, where):
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected a table, got {value!r}")
    return value


def _known(table, keys, path, where):
    if unknown := sorted(set(table) - set(keys)):
        raise InputError(f"{path}: {unknown[0]!r} is not a key {where}; known are {sorted(keys)}")


def _name(path, table, key):
    if not key.isidentifier() or not key.isascii() or keyword.iskeyword(key) or key.startswith("_"):
        raise InputError(f"{path}: {table}: expected a name of letters and digits, got {key!r}")


def _entry(path, table, key, entry, kind):
    """The table of one parameter or choice, with its texts checked."""
    _name(path, table, key)
    where = f"{path}: {table}.{key}"
    _table(entry, where)
    _known(entry, {field.name for field in fields(kind)} - {"name"}, path, f"of {table}.{key}")
    for part in ("source", "description"):
        _text(entry.get(part, ""), f"{where}: {part!r}")
    if "default" not in entry:
        raise InputError(f"{where}: expected a default, but the key is missing")
    return where


def _number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _parameter(path, key, entry):
    where = _entry(path, "parameters", key, entry, Parameter)
    for part in ("default", "minimum", "above"):
        if part in entry and not _number(entry[part]):
            raise InputError(f"{where}: {part!r}: expected a finite number, got {entry[part]!r}")
    if entry.get("unit", "1") != "1":
        raise InputError(f"{where}: 'unit': expected '1', for all quantities are dimensionless, got {entry['unit']!r}")
    parameter = Parameter(key, **entry)
    parameter.read(parameter.default, f"{where}: 'default'")
    return parameter


def _choice(path, key, entry):
    where = _entry(path, "choices", key, entry, Choice)
    options = _table(entry.get("options"), f"{where}: 'options'")
    for name, text in options.items():
        _text(text, f"{where}: option {name!r}")
    if not isinstance(entry["default"], str) or entry["default"] not in options:
        raise InputError(f"{where}: 'default': expected one of {list(options)}, got {entry['default']!r}")
    return Choice(key, **entry)


def _initial(path, key, value, parameters):
    _name(path, "initial", key)
    if isinstance(value, str) and value in parameters or _number(value):
        return value
    raise InputError(
        f"{path}: initial {key} = {value!r}: expected a number or one of {list(parameters)}, the parameters"
    )
