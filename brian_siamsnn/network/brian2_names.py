"""Brian2's names of arrays and files in the C++ project of a standalone device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from brian2 import get_device

if TYPE_CHECKING:
    from brian2 import NeuronGroup

__all__ = ["array_name", "dynamic_array_name", "result_file", "spike_list_name"]


def spike_list_name(group: NeuronGroup) -> str:
    """Name of the spike list of a group, in the C++ of the current standalone device.

    Parameters
    ----------
    group : brian2.NeuronGroup
        The neurons.

    Returns
    -------
    str
        A C++ expression: an array of N + 1 integers, the last of which is the number of spikes.
    """
    return array_name(group.variables["_spikespace"])


def array_name(variable: Any) -> str:
    """Name of the array behind a variable, in the C++ of the current standalone device.

    Parameters
    ----------
    variable : brian2.core.variables.ArrayVariable
        The variable.

    Returns
    -------
    str
        A C++ expression.
    """
    return f"brian::{get_device().get_array_name(variable)}"


def dynamic_array_name(variable: Any) -> str:
    """Name of the growing array behind a variable, in the C++ of the current standalone device.

    Parameters
    ----------
    variable : brian2.core.variables.DynamicArrayVariable
        The variable.

    Returns
    -------
    str
        A C++ expression: a ``std::vector``, or a ``DynamicArray2D`` of Brian2.
    """
    return f"brian::{get_device().get_array_name(variable, access_data=False)}"


def result_file(variable: Any) -> str:
    """Name of the file in ``results/`` that a standalone program writes a variable to.

    Parameters
    ----------
    variable : brian2.core.variables.ArrayVariable
        The variable.

    Returns
    -------
    str
        The file's name.
    """
    return Path(get_device().get_array_filename(variable)).name
