"""Neuron models from ``equations/*.toml`` to Brian2 groups.

What runs is what is written in the file: its strings are handed to Brian2 as
they are, after the named choices (``{reading}``) are filled in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np
from brian2 import Equations, NeuronGroup, ms

from ..errors import InputError, reason_of
from .equation_files import EquationFile
from .validation import check_equations

if TYPE_CHECKING:
    import numpy.typing as npt
    from brian2 import Clock

    from ..aliases import FilePath

__all__ = ["TIME_STEP", "Coding", "Codings", "NeuronEquations", "load_equations", "split_values"]


#: A neuron model, or the name or file of one.
Coding: TypeAlias = Union[str, os.PathLike[str], "NeuronEquations"]

#: One for all layers, or one for each by the layer's name.
Codings: TypeAlias = Coding | Mapping[str, Coding]

#: Time step of the simulation, and of TrueNorth.
TIME_STEP = 1 * ms


@dataclass(frozen=True)
class NeuronEquations:
    """One neuron model: Brian2 strings, with every parameter given a value.

    Attributes
    ----------
    model, update, threshold, reset : str
        As for `brian2.NeuronGroup`; ``update`` is run once a step, before
        the threshold, and adds the input current.
    on_pre, synapse : str
        What a spike does that arrives here, and the synapses' own variables.
        ``{amplitude}`` stands for the amplitude of the sender.
    amplitude : str
        Variable of this model that holds what one of its spikes carries.
    parameters : dict of str to float or int
        Constants; those that the model declares as variables are set there.
    initial : dict of str to float
        State before the first step; 0 for a variable that is not named.
    """

    name: str
    description: str
    model: str
    threshold: str
    amplitude: str
    equation: str = ""
    update: str = ""
    reset: str = ""
    on_pre: str = ""
    synapse: str = ""
    parameters: dict[str, float] = field(default_factory=dict)
    initial: dict[str, float] = field(default_factory=dict)

    def group(
        self, size: int, name: str, clock: Clock, dtype: npt.DTypeLike = np.float64, method: Any | None = None
    ) -> NeuronGroup:
        """Make a population of these neurons, in their initial state.

        Parameters
        ----------
        size : int
            Number of neurons.
        name : str
            Of the group; its code is cached by it.
        clock : brian2.Clock
            Its step is the time step of Eq. 2.
        dtype : dtype
            Of the state variables.
        method : brian2.StateUpdateMethod, optional
            How differential equations of the model are stepped; Brian2 chooses by default.

        Returns
        -------
        brian2.NeuronGroup

        Raises
        ------
        InputError
            If Brian2 does not accept the equations.
        """
        try:
            return self._group(size, name, clock, dtype, method)
        except Exception as error:  # Brian2 raises whatever its parsers do
            raise InputError(
                f"{self.name}: Brian2 does not accept these equations: {reason_of(error)}; 'brian-siamsnn "
                f"equations NAME' prints them as it is given them"
            ) from error

    def _group(self, size, name, clock, dtype, method):
        equations = Equations(self.model)
        constants = {key: value for key, value in self.parameters.items() if key not in equations.names}
        group = NeuronGroup(
            size,
            equations,
            threshold=self.threshold,
            reset=self.reset,
            name=name,
            clock=clock,
            dtype=dtype,
            namespace=constants,
            **({"method": method} if method else {}),
        )
        for parameter in self.parameters.keys() - constants.keys():
            setattr(group, parameter, self.parameters[parameter])
        if self.update:
            # a discrete update, as Eq. 2 is: an ODE would round dt in and out
            group.run_regularly(self.update, when="groups", name=f"{name}_update", clock=clock)
        # by assignment, which every device takes
        for variable, value in self.initial.items():
            setattr(group, variable, value)
        return group

    def arriving(self, sender: NeuronEquations) -> str:
        """``on_pre`` for spikes that come from another model.

        Parameters
        ----------
        sender : NeuronEquations
            Model of the presynaptic neurons; its amplitude is filled in.
        """
        return self.on_pre.strip().replace("{amplitude}", sender.amplitude)

    def __str__(self) -> str:
        parts = [
            ("model", self.model),
            ("each step", self.update),
            ("threshold", self.threshold),
            ("reset", self.reset),
            ("synapse", self.synapse),
            ("on a spike", self.on_pre),
        ]
        lines = [f"{self.name} ({self.equation})" if self.equation else self.name]
        for label, text in parts:
            lines += [f"  {label:<10} {line}" for line in text.strip().splitlines()]
        lines += [f"  {key} = {value:g}" for key, value in self.parameters.items()]
        return "\n".join(lines)


def load_equations(name: FilePath, *, defaults: dict[str, float] | None = None, **values: Any) -> NeuronEquations:
    """Read a neuron model.

    Parameters
    ----------
    name : str or path
        A model that ships (``"rate"``, ``"two_status"``, ...) or a TOML file,
        and after a colon what shall differ from its defaults:
        ``"two_status:reading=ceil,beta=0.7"``.
    defaults : dict of str to float, optional
        Defaults to take in place of the file's, for the parameters that it has.
    **values
        Parameters and choices that shall differ from the file's defaults.

    Returns
    -------
    NeuronEquations

    Raises
    ------
    InputError
        If there is no such model, its file is not a neuron model or says what
        Brian2 would not understand (`equation_checks`), or a
        value names no parameter of it.
    """
    name, given = split_values(os.fspath(name))
    file = EquationFile.read(name)
    parameters, readings = file.values(defaults or {}, {**given, **values})
    texts = file.fill(readings)
    check_equations(file.path, texts, parameters, file.initial)
    initial = {key: float(parameters.get(value, value)) for key, value in file.initial.items()}
    return NeuronEquations(**texts, parameters=parameters, initial=initial)


def split_values(name: str) -> tuple[str, dict[str, str]]:
    """Name and values of ``name:key=value,key=value``; a path that is there is taken as it stands."""
    if ":" not in str(name) or os.path.isfile(name):
        return name, {}
    name, _, rest = str(name).partition(":")
    pairs = [part.partition("=") for part in rest.split(",")]
    for key, equals, value in pairs:
        if not (key.strip() and equals and value.strip()):
            raise InputError(f"{name}: expected key=value after the colon, got {rest!r}")
    return name, {key.strip(): value.strip() for key, _, value in pairs}
