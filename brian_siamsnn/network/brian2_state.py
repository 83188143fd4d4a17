"""What Brian2 keeps of a network between two steps: state variables, spike lists, clocks, spikes that are under way."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
from brian2.core.base import BrianObject
from brian2.core.variables import ArrayVariable
from brian2.equations.equations import SUBEXPRESSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from brian2 import Clock, NeuronGroup, Synapses

__all__ = [
    "ClockHand",
    "SpikeList",
    "StepObject",
    "initial_values",
    "scalar_constants",
    "state_arrays",
    "time_records",
    "value_array",
    "values_of",
    "without_warning",
]

#: Variables that keep times, and Brian2's values of them before the first step.
_BEFORE_THE_FIRST_STEP = {"lastspike": -1e4, "not_refractory": True, "_lastindex": 0}


class SpikeList:
    """The neurons of a group that fired in the current step.

    Parameters
    ----------
    group : brian2.NeuronGroup
        The neurons.
    """

    def __init__(self, group: NeuronGroup) -> None:
        self._space = group.variables["_spikespace"].get_value()

    @property
    def neurons(self) -> np.ndarray:
        """Indices of the neurons that fired, ascending; a view that the next step overwrites."""
        return self._space[: self._space[-1]]

    def set(self, neurons: np.ndarray) -> None:
        """Write the list.

        Parameters
        ----------
        neurons : ndarray of int
            Indices of the neurons that fired, ascending.
        """
        self._space[: len(neurons)] = neurons
        self._space[-1] = len(neurons)


def state_arrays(group: NeuronGroup | Synapses) -> dict[str, np.ndarray]:
    """The arrays behind the state variables of a group, by name; writing into one changes the variable.

    Parameters
    ----------
    group : brian2.NeuronGroup or brian2.Synapses
        The group.

    Returns
    -------
    dict of str to ndarray
        Variables that the group's own equations define, subexpressions excepted.
    """
    own = (equation.varname for equation in group.equations.values() if equation.type != SUBEXPRESSION)
    return {name: group.variables[name].get_value() for name in own}


def value_array(group: NeuronGroup, name: str) -> np.ndarray:
    """The array behind one variable of a group.

    Parameters
    ----------
    group : brian2.NeuronGroup
        The group.
    name : str
        Name of the variable.

    Returns
    -------
    ndarray
        One number per neuron, or a single one if the neurons share it.
    """
    return group.variables[name].get_value()


def initial_values(group: NeuronGroup | Synapses, initial: dict[str, float]) -> list[tuple[np.ndarray, float]]:
    """The arrays of all variables of a group that change with time, and their values before the first step.

    Parameters
    ----------
    group : brian2.NeuronGroup or brian2.Synapses
        The group.
    initial : dict of str to float
        Values by variable; 0 for a variable that is not named.

    Returns
    -------
    list of (ndarray, float)
        Writing the values into the arrays resets the group.
    """
    return [
        (group.variables[equation.varname].get_value(), initial.get(equation.varname, 0))
        for equation in group.equations.values()
        if equation.type != SUBEXPRESSION
        and "constant" not in equation.flags
        and equation.varname not in _BEFORE_THE_FIRST_STEP  # set with the times, see `time_records`
    ]


class ClockHand:
    """The current step and time of a clock, which it can set.

    Parameters
    ----------
    clock : brian2.Clock
        The clock.

    Attributes
    ----------
    clock : brian2.Clock
        The clock.
    step : ndarray of int64, shape (1,)
        The current step, counted from 0; a view that follows the clock.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.step = clock.variables["timestep"].get_value()
        self._time = clock.variables["t"].get_value()
        self._dt = clock.variables["dt"].get_value()

    @property
    def time(self) -> float:
        """The current time, in seconds."""
        return float(self._time[0])

    def set(self, step: int) -> None:
        """Set the clock to a step; ``t`` follows.

        Parameters
        ----------
        step : int
            The step, counted from 0.
        """
        self.step[0] = step
        self._time[0] = step * self._dt[0]

    def advance(self) -> None:
        """Go on by one step."""
        self.set(self.step[0] + 1)


class StepObject(BrianObject):
    """Base of objects that run Python once a step in the slot ``thresholds``, on the clock of a group.

    Parameters
    ----------
    group : brian2.NeuronGroup
        The neurons whose spikes it reads.
    order : int
        When it runs within the slot.
    name : str
        Name of the object.
    """

    def __init__(self, group: NeuronGroup, order: int, name: str) -> None:
        super().__init__(clock=group.clock, when="thresholds", order=order, name=name)
        self.add_dependency(group)
        self._spikes = SpikeList(group)

    def kept(self) -> Any:
        """What the object keeps from step to step, for `Network.store`; nothing by default."""

    def keep(self, kept: Any) -> None:
        """Go on from what `kept` returned, for `Network.restore`.

        Parameters
        ----------
        kept : object
            What `kept` returned, unchanged.
        """

    def _full_state(self):
        return self.kept()

    def _restore_from_full_state(self, state):
        self.keep(state)

    def __del__(self) -> None:
        """Do not warn of an object that was not run: its branch was only built."""


def without_warning(item: Any) -> Any:
    """Make a Brian2 object that does not warn when it is deleted without having been run.

    A branch that is built to look at its equations or connections, but never run, would leave a warning for each of
    its groups and synapses. `Network` has to see them as objects that were not run, or they could not be added to
    another network.

    Parameters
    ----------
    item : brian2.BrianObject
        The object, changed in place.

    Returns
    -------
    brian2.BrianObject
        The same object.
    """
    kind: Any = type(item)
    item.__class__ = _without_warning(kind)
    return item


@functools.cache
def _without_warning(kind: Any) -> Any:
    return type(kind.__name__, (kind,), {"__del__": lambda self: None, "__module__": kind.__module__})


def time_records(objects: Iterable[BrianObject]) -> list[Callable[[float], None]]:
    """What objects keep of the time, as functions that let it start at 0 again.

    No neuron is refractory, no spike is under way or left in a spike list, and a spike generator begins with its
    first spike. Event-driven variables keep their values; as their last update is that long ago, they have decayed
    as variables that are updated in every step have.

    Parameters
    ----------
    objects : iterable of brian2.BrianObject
        Parts of a network.

    Returns
    -------
    list of callable
        Each takes the time at which the network was stopped, in seconds.
    """
    records: list[Callable[[float], None]] = []

    def setting(variable, value, part=slice(None)):
        return lambda elapsed: variable.get_value().__setitem__(part, value)

    for item in objects:
        spike_lists = {f"_{event}space" for event in getattr(item, "events", {"spike": ""})}
        for name, variable in getattr(item, "variables", {}).items():
            if getattr(getattr(variable, "owner", None), "name", None) != item.name:
                continue  # a reference to another object's variable
            if name in _BEFORE_THE_FIRST_STEP:
                records.append(setting(variable, _BEFORE_THE_FIRST_STEP[name]))
            elif name in spike_lists:
                records.append(setting(variable, 0, -1))
            elif name == "lastupdate":
                records.append(functools.partial(_shift, variable))
        if hasattr(item, "initialise_queue"):
            records.append(functools.partial(_empty_queue, item))
    return records


def _shift(variable, elapsed):
    variable.get_value()[:] -= elapsed


def _empty_queue(pathway, elapsed):
    pathway.queue._restore_from_full_state(None)
    if pathway.variables["delay"].get_value().any():  # an empty queue has room for spikes without delay only
        pathway.initialise_queue()


def scalar_constants(objects: Iterable[BrianObject]) -> list[Any]:
    """The variables that generated code takes as numbers: constants that all neurons share, time steps, delays.

    Parameters
    ----------
    objects : iterable of brian2.BrianObject
        Parts of a network.

    Returns
    -------
    list of brian2.core.variables.ArrayVariable
        Each with a single value.
    """
    found = [
        variable
        for item in objects
        for variable in getattr(item, "variables", {}).values()
        if isinstance(variable, ArrayVariable) and variable.scalar and variable.constant
    ]
    return list({id(variable): variable for variable in found}.values())


def values_of(variables: Iterable[Any]) -> list[float]:
    """The current values of variables that have a single one.

    Parameters
    ----------
    variables : iterable of brian2.core.variables.ArrayVariable
        The variables.

    Returns
    -------
    list of float
        One value each, without unit.
    """
    return [float(variable.get_value().item()) for variable in variables]
