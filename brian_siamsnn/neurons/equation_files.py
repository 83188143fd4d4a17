"""Neuron model files: TOML, read into `EquationFile` and checked before Brian2 sees the equations.

A file may come from anywhere. Whatever it contains, reading it gives an `EquationFile` or raises one `InputError` that
names the file and the key. A file holds only data and Brian2 expressions, see `validation`.
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

#: Text keys of a file, and whether each is required.
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

#: Bytes; far more than any neuron model needs.
_MAXIMUM_SIZE = 100_000


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


@dataclass(frozen=True)
class EquationFile:
    """The content of a neuron model file, before parameters and choices are given values.

    Attributes
    ----------
    path : Path
        The file.
    texts : dict of str to str
        Strings of the file: ``name``, ``equation``, ``description``, and those for Brian2, with ``{choice}`` where an
        option is filled in.
    parameters : dict of str to Parameter
        Numeric parameters by name.
    choices : dict of str to Choice
        Choices by name.
    initial : dict of str to float or str
        Initial value of each state variable: a number, or the name of the parameter that holds it.
    """

    path: Path
    texts: dict[str, str]
    parameters: dict[str, Parameter]
    choices: dict[str, Choice]
    initial: dict[str, Any]

    @classmethod
    def read(cls, name: FilePath) -> EquationFile:
        """Read a shipped model or a file.

        Parameters
        ----------
        name : str or path
            Name of a shipped model, such as ``"rate"``, or path of a TOML file.

        Returns
        -------
        EquationFile
            Its content, with every key and type checked. The equations themselves are checked by `check_equations`.

        Raises
        ------
        InputError
            If there is no such file, or it is not a neuron model. The message names the key, what was expected and
            what was found.
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
        except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, or nested too deeply
            raise InputError(
                f"{path}: not a TOML file ({error}); 'brian-siamsnn equations rate' prints an example, "
                "or copy equations/rate.toml"
            ) from None
        _check_keys(text, (*_TEXTS, *_TABLES), path, "of a neuron model")
        for key, needed in _TEXTS.items():
            if needed or key in text:
                _check_text(text.get(key), f"{path}: {key!r}")
        tables = {key: _checked_table(text.get(key, {}), f"{path}: {key!r}") for key in _TABLES}
        parameters = {key: _parameter(path, key, entry) for key, entry in tables["parameters"].items()}
        choices = {key: _choice(path, key, entry) for key, entry in tables["choices"].items()}
        if both := parameters.keys() & choices.keys():
            raise InputError(f"{path}: {min(both)!r}: expected a parameter or a choice, got both")
        initial = {key: _initial(path, key, value, parameters) for key, value in tables["initial"].items()}
        return cls(path, {key: text[key] for key in _TEXTS if key in text}, parameters, choices, initial)

    def values(self, defaults: dict[str, Any], given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Resolve parameter values and choices: the given ones, else the defaults.

        Parameters
        ----------
        defaults : dict of str to number
            Defaults that replace those of the file. Names that the model does not have are ignored.
        given : dict of str to number or str
            Values of parameters and options of choices. Every name must belong to the model.

        Returns
        -------
        values : dict of str to float or int
            Value of every parameter.
        readings : dict of str to str
            Selected option of every choice.

        Raises
        ------
        InputError
            If a name does not belong to the model, or a value is not allowed.
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
        """Fill the selected options into the equations.

        Parameters
        ----------
        readings : dict of str to str
            Selected option of every choice, as `values` returns them.

        Returns
        -------
        dict of str to str
            `texts` with each ``{choice}`` replaced. Only ``{amplitude}`` in ``on_pre`` is left, which depends on the
            presynaptic model.

        Raises
        ------
        InputError
            If the equations contain a ``{name}`` that is not a choice.
        """
        texts = dict(self.texts)
        for key, reading in readings.items():
            option = self.choices[key].options[reading]
            texts = {part: text.replace("{" + key + "}", option) for part, text in texts.items()}
        for part, text in texts.items():
            if part == "description":
                continue
            for name in re.findall(r"\{(.*?)\}", text):
                if (part, name) != ("on_pre", "amplitude"):
                    raise InputError(
                        f"{self.path}: {part!r}: {{{name}}} is not one of the choices {list(readings)}; "
                        f"add a table [choices.NAME] for it, or write the text out"
                    )
        return texts


def shipped_models() -> list[str]:
    """List the neuron models that ship with the package.

    Returns
    -------
    list of str
        Names that `load_equations` accepts, sorted.
    """
    return names("equations", ".toml")


def _check_text(value, where):
    if not isinstance(value, str):
        found = "but the key is missing" if value is None else f"got {value!r}"
        raise InputError(f"{where}: expected text, {found}")


def _checked_table(value, where):
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected a table, got {value!r}")
    return value


def _check_keys(table, keys, path, where):
    if unknown := sorted(set(table) - set(keys)):
        raise InputError(f"{path}: {unknown[0]!r} is not a key {where}; known keys are {sorted(keys)}")


def _check_name(path, table, key):
    if not key.isidentifier() or not key.isascii() or keyword.iskeyword(key) or key.startswith("_"):
        raise InputError(f"{path}: {table}: expected a name of letters and digits, got {key!r}")


def _check_entry(path, table, key, entry, kind):
    """Check the keys and texts of one parameter or choice; returns the prefix of messages about it."""
    _check_name(path, table, key)
    where = f"{path}: {table}.{key}"
    _checked_table(entry, where)
    _check_keys(entry, {field.name for field in fields(kind)} - {"name"}, path, f"of {table}.{key}")
    for part in ("source", "description"):
        _check_text(entry.get(part, ""), f"{where}: {part!r}")
    if "default" not in entry:
        raise InputError(f"{where}: expected a default, but the key is missing")
    return where


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _parameter(path, key, entry):
    where = _check_entry(path, "parameters", key, entry, Parameter)
    for part in ("default", "minimum", "above"):
        if part in entry and not _is_number(entry[part]):
            raise InputError(f"{where}: {part!r}: expected a finite number, got {entry[part]!r}")
    if entry.get("unit", "1") != "1":
        raise InputError(
            f"{where}: 'unit': expected '1', because all quantities are dimensionless, got {entry['unit']!r}"
        )
    parameter = Parameter(key, **entry)
    parameter.read(parameter.default, f"{where}: 'default'")
    return parameter


def _choice(path, key, entry):
    where = _check_entry(path, "choices", key, entry, Choice)
    options = _checked_table(entry.get("options"), f"{where}: 'options'")
    for name, text in options.items():
        _check_text(text, f"{where}: option {name!r}")
    if not isinstance(entry["default"], str) or entry["default"] not in options:
        raise InputError(f"{where}: 'default': expected one of {list(options)}, got {entry['default']!r}")
    return Choice(key, **entry)


def _initial(path, key, value, parameters):
    _check_name(path, "initial", key)
    if isinstance(value, str) and value in parameters or _is_number(value):
        return value
    raise InputError(
        f"{path}: initial {key} = {value!r}: expected a number or one of the parameters {list(parameters)}"
    )
