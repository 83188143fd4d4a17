"""Neuron models as Brian2 equations with values, and the groups made from them.

Brian2 runs the strings of the model file (``equations/*.toml``) unchanged, once the named choices (``{reading}``) are
filled in.
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

__all__ = ["SCHEDULE", "TIME_STEP", "Coding", "Codings", "NeuronEquations", "load_equations", "split_values"]


#: A neuron model: its name, its file, or the equations themselves.
Coding: TypeAlias = Union[str, os.PathLike[str], "NeuronEquations"]

#: One neuron model for all layers, or a mapping from layer name to neuron model.
Codings: TypeAlias = Coding | Mapping[str, Coding]

#: Time step of the simulation; the same as TrueNorth's tick.
TIME_STEP = 1 * ms

#: Order of the slots within a time step, set for every network: what runs must not depend on a preference.
SCHEDULE = ("start", "groups", "thresholds", "synapses", "resets", "end")


@dataclass(frozen=True, repr=False)
class NeuronEquations:
    """A neuron model as Brian2 strings, with a value for every parameter.

    Attributes
    ----------
    name : str
        Name of the model.
    description : str
        What the model does, in a few sentences.
    model : str
        State variables and subexpressions, as for `brian2.NeuronGroup`.
    threshold : str
        Condition for a spike, as for `brian2.NeuronGroup`.
    amplitude : str
        Variable of this model that holds the amplitude of its spikes.
    equation : str
        Equation or section of the paper; may be empty.
    update : str
        Statements that run once per time step, before the threshold; they add the input current.
    reset : str
        Statements that run after a spike, as for `brian2.NeuronGroup`.
    refractory : str
        How long a neuron does not fire after a spike, such as ``"3*ms"``, or a condition under which it does not; as
        for `brian2.NeuronGroup`. Empty for neurons without a refractory period.
    on_pre : str
        Effect of a presynaptic spike on this neuron, as for `brian2.Synapses`. ``{amplitude}`` stands for the amplitude
        variable of the presynaptic model.
    synapse : str
        Variables that each synapse onto this neuron has, besides its weight.
    parameters : dict of str to float or int
        Constants of the equations. A parameter that `model` declares as a variable is set as such.
    initial : dict of str to float
        State before the first step; a variable without an entry starts at 0.
    """

    name: str
    description: str
    model: str
    threshold: str
    amplitude: str
    equation: str = ""
    update: str = ""
    reset: str = ""
    refractory: str = ""
    on_pre: str = ""
    synapse: str = ""
    parameters: dict[str, float] = field(default_factory=dict)
    initial: dict[str, float] = field(default_factory=dict)

    def group(
        self, size: int, name: str, clock: Clock, dtype: npt.DTypeLike = np.float64, method: Any | None = None
    ) -> NeuronGroup:
        """Create a population of these neurons in their initial state.

        Parameters
        ----------
        size : int
            Number of neurons.
        name : str
            Name of the group. Generated code is cached under it.
        clock : brian2.Clock
            Clock whose time step is one step of Eq. 2.
        dtype : dtype
            Type of the state variables; double precision by default.
        method : brian2.StateUpdateMethod, optional
            Integration method for differential equations in the model; Brian2 chooses one by default.

        Returns
        -------
        brian2.NeuronGroup
            The population.

        Raises
        ------
        InputError
            If Brian2 does not accept the equations.
        """
        try:
            return self._group(size, name, clock, dtype, method)
        except Exception as error:  # Brian2 raises whatever its parsers do
            raise InputError(
                f"{self.name}: Brian2 does not accept these equations: {reason_of(error)}; "
                "'brian-siamsnn equations NAME' prints what Brian2 is given"
            ) from error

    def _group(self, size, name, clock, dtype, method):
        equations = Equations(self.model)
        constants = {key: value for key, value in self.parameters.items() if key not in equations.names}
        group = NeuronGroup(
            size,
            equations,
            threshold=self.threshold,
            reset=self.reset,
            refractory=self.refractory.strip() or False,
            name=name,
            clock=clock,
            dtype=dtype,
            namespace=constants,
            **({"method": method} if method else {}),
        )
        for parameter in self.parameters.keys() - constants.keys():
            setattr(group, parameter, self.parameters[parameter])
        if self.update:
            # Eq. 2 is a discrete update; written as an ODE it would be divided and multiplied by dt, with rounding
            group.run_regularly(self.update, when="groups", name=f"{name}_update", clock=clock)
        # by assignment, which works on every device
        for variable, value in self.initial.items():
            setattr(group, variable, value)
        return group

    def arriving(self, presynaptic: NeuronEquations) -> str:
        """Return the `on_pre` statements for spikes from another model.

        Parameters
        ----------
        presynaptic : NeuronEquations
            Model of the presynaptic neurons, whose amplitude variable is filled in.

        Returns
        -------
        str
            Statements for the `on_pre` argument of `brian2.Synapses`.
        """
        return self.on_pre.strip().replace("{amplitude}", presynaptic.amplitude)

    def __repr__(self) -> str:
        values = "".join(f", {name}={value:g}" for name, value in self.parameters.items())
        return f"<NeuronEquations {self.name}{values}>"

    def __str__(self) -> str:
        parts = [
            ("model", self.model),
            ("each step", self.update),
            ("threshold", self.threshold),
            ("reset", self.reset),
            ("refractory", self.refractory),
            ("synapse", self.synapse),
            ("on a spike", self.on_pre),
        ]
        lines = [f"{self.name} ({self.equation})" if self.equation else self.name]
        for label, text in parts:
            lines += [f"  {label:<10} {line}" for line in text.strip().splitlines()]
        lines += [f"  {key} = {value:g}" for key, value in self.parameters.items()]
        return "\n".join(lines)


def load_equations(name: FilePath, *, defaults: dict[str, float] | None = None, **values: Any) -> NeuronEquations:
    """Load a neuron model and give its parameters values.

    Parameters
    ----------
    name : str or path
        A shipped model (``"rate"``, ``"two_status"``, ...) or a TOML file, optionally followed by a colon and values
        that differ from the defaults: ``"two_status:reading=ceil,beta=0.7"``.
    defaults : dict of str to float, optional
        Defaults that replace those of the file. Names that the model does not have are ignored.
    **values : number or str
        Values of parameters and options of choices, which take precedence over those in `name`.

    Returns
    -------
    NeuronEquations
        The checked model.

    Raises
    ------
    InputError
        If there is no such model, its file is not a neuron model or contains what `check_equations` rejects, or a value
        is not allowed or does not belong to a parameter of the model.

    Examples
    --------
    >>> load_equations("two_status", beta=0.7).parameters["beta"]
    0.7
    """
    name, given = split_values(os.fspath(name))
    file = EquationFile.read(name)
    parameters, readings = file.values(defaults or {}, {**given, **values})
    texts = file.fill(readings)
    check_equations(file.path, texts, parameters, file.initial)
    initial = {key: float(parameters.get(value, value)) for key, value in file.initial.items()}
    return NeuronEquations(**texts, parameters=parameters, initial=initial)


def split_values(name: str) -> tuple[str, dict[str, str]]:
    """Split ``"name:key=value,key=value"`` into the name and its values.

    Parameters
    ----------
    name : str
        Name or path of a model, optionally with values. The path of an existing file is not split.

    Returns
    -------
    name : str
        The part before the colon.
    values : dict of str to str
        Text of each value; empty without a colon.

    Raises
    ------
    InputError
        If the part after the colon is not a list of ``key=value``.
    """
    if ":" not in str(name) or os.path.isfile(name):
        return name, {}
    name, _, rest = str(name).partition(":")
    pairs = [part.partition("=") for part in rest.split(",")]
    for key, equals, value in pairs:
        if not (key.strip() and equals and value.strip()):
            raise InputError(f"{name}: expected key=value after the colon, got {rest!r}")
    return name, {key.strip(): value.strip() for key, _, value in pairs}
