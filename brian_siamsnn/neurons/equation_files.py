"""Neuron model files: TOML, read into `EquationFile` and checked before Brian2 sees the equations.

A file may come from anywhere. Whatever it contains, reading it gives an `EquationFile` or raises one `InputError` that
names the file and the key. A file holds only data and Brian2 expressions, see `validation`.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..files import find, names
from .parameters import read_choice, read_parameter
from .toml_checks import check_keys, check_name, check_table, check_text, is_number

if TYPE_CHECKING:
    from pathlib import Path

    from ..aliases import FilePath
    from .parameters import Choice, Parameter

__all__ = ["EquationFile", "shipped_models"]

#: Text keys of a file, and whether each is required.
_TEXTS = {
    "name": True,
    "equation": False,
    "description": True,
    "model": True,
    "update": False,
    "threshold": True,
    "reset": False,
    "refractory": False,
    "synapse": False,
    "on_pre": False,
    "amplitude": True,
}
_TABLES = ("initial", "parameters", "choices")

#: Bytes; far more than any neuron model needs.
_MAXIMUM_SIZE = 100_000


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
        check_keys(text, (*_TEXTS, *_TABLES), path, "of a neuron model")
        for key, needed in _TEXTS.items():
            if needed or key in text:
                check_text(text.get(key), f"{path}: {key!r}")
        tables = {key: check_table(text.get(key, {}), f"{path}: {key!r}") for key in _TABLES}
        parameters = {key: read_parameter(path, key, entry) for key, entry in tables["parameters"].items()}
        choices = {key: read_choice(path, key, entry) for key, entry in tables["choices"].items()}
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


def _initial(path, key, value, parameters):
    check_name(path, "initial", key)
    if isinstance(value, str) and value in parameters or is_number(value):
        return value
    raise InputError(
        f"{path}: initial {key} = {value!r}: expected a number or one of the parameters {list(parameters)}"
    )
