"""Everything that reaches into Brian2's internals, in one module.

The rest of the package uses Brian2's documented interface. What stands here
relies on details of Brian2 2.5 to 2.11 and is what to look at when a new
version of Brian2 breaks something:

- state variables as plain arrays, the spike list (``_spikespace``), and the
  clock's variables, for objects that run in every step;
- compiled code called without Brian2's wrapper around it;
- update, threshold test and reset in one pass over the neurons;
- the cache of compiled Cython modules;
- names of arrays and files in a standalone project.
"""

from __future__ import annotations

import functools
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from brian2 import get_device
from brian2.codegen.runtime.cython_rt import CythonCodeObject
from brian2.core.base import BrianObject
from brian2.equations.equations import SUBEXPRESSION

from ..connectivity.kernel_equations import plain
from ..errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from brian2 import Clock, NeuronGroup, Synapses

    from ..aliases import FilePath
    from ..neurons.equations import NeuronEquations

__all__ = [
    "Call",
    "SpikeList",
    "array_name",
    "calls_of",
    "check_compiled",
    "code_generation",
    "fuse_passes",
    "is_whole",
    "remove_broken_modules",
    "reset_state",
    "result_file",
    "set_step",
    "spike_list_name",
    "state_arrays",
    "static_array",
    "step_counter",
    "use_branchless_threshold",
    "value_array",
]


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


def reset_state(group: NeuronGroup | Synapses, initial: dict[str, float]) -> None:
    """Set every variable of a group that changes with time to its value before the first step.

    Parameters
    ----------
    group : brian2.NeuronGroup or brian2.Synapses
        The group, changed in place.
    initial : dict of str to float
        Values by variable; 0 for a variable that is not named.
    """
    for equation in group.equations.values():
        if equation.type != SUBEXPRESSION and "constant" not in equation.flags:
            group.variables[equation.varname].get_value()[:] = initial.get(equation.varname, 0)


def step_counter(clock: Clock) -> np.ndarray:
    """The current step of a clock, counted from 0.

    Parameters
    ----------
    clock : brian2.Clock
        The clock.

    Returns
    -------
    ndarray of int64, shape (1,)
        A view that follows the clock.
    """
    return clock.variables["timestep"].get_value()


def set_step(clock: Clock, step: int) -> None:
    """Set a clock to a step; ``t`` follows.

    Parameters
    ----------
    clock : brian2.Clock
        The clock.
    step : int
        The step, counted from 0.
    """
    clock.variables["timestep"].get_value()[0] = step
    clock.variables["t"].get_value()[0] = step * clock.dt_


class _BranchlessCythonCode(CythonCodeObject):
    """Brian2's Cython code, with this package's ``templates/`` taking precedence over Brian2's."""

    templater = CythonCodeObject.templater.derive("brian_siamsnn.network")


def use_branchless_threshold(group: NeuronGroup) -> None:
    """Compile the threshold test of a group from ``templates/threshold.pyx``, where Cython is used.

    Parameters
    ----------
    group : brian2.NeuronGroup
        The neurons.
    """
    if get_device().code_object_class() is CythonCodeObject:
        group.thresholder["spike"].codeobj_class = _BranchlessCythonCode


def fuse_passes(group: NeuronGroup, equations: NeuronEquations, update: bool) -> None:
    """Let the pass over the neurons that tests the threshold also reset them, and update them first on request.

    The result is the same, bit by bit, as one pass for each, at a third of the
    memory traffic. The reset may come early because a spike carries no
    potential, so nothing sees it. The update may come late if no synapse adds
    anything in between (the first layer), or if sums are exact in any order.

    Parameters
    ----------
    group : brian2.NeuronGroup
        The neurons.
    equations : NeuronEquations
        What the group was made from.
    update : bool
        Whether the update may be part of the pass.
    """
    thresholder, resetter = group.thresholder["spike"], group.resetter.get("spike")
    condition = thresholder.update_abstract_code
    before = after = ""
    if update and equations.update.strip():
        before = equations.update
        for operation in group.contained_objects:
            if operation.name == f"{group.name}_update":
                operation.active = False
    if resetter is not None and plain(equations.reset) == "v-=v_th" and equations.amplitude != "v":
        after = "v -= v_th * int(_cond)"
        resetter.active = False

    def update_abstract_code(run_namespace):
        condition(run_namespace)
        thresholder.abstract_code = "\n".join([before, thresholder.abstract_code, after])

    thresholder.update_abstract_code = update_abstract_code


class Call(NamedTuple):
    """One of the calls that make up a time step, under the name of its Brian2 object."""

    name: str
    run: Callable[[], Any]


def calls_of(item: BrianObject) -> list[Call]:
    """The calls that one Brian2 object needs in a time step.

    Compiled code is called directly where ``run`` would do nothing else, which
    saves a twentieth of a small network's time.

    Parameters
    ----------
    item : brian2.BrianObject
        Part of a network that was run before.

    Returns
    -------
    list of Call
        The calls, in order; none for an object that does nothing in a step.
    """
    codes = getattr(item, "code_objects", ())
    if type(item).run is not BrianObject.run:
        return [Call(item.name, item.run)]
    if all(code.class_name == "cython" and not code.nonconstant_values for code in codes):
        compiled = [(code.compiled_code["run"], code.namespace) for code in codes]
        return [Call(item.name, functools.partial(module.main, namespace)) for module, namespace in compiled if module]
    return [Call(item.name, item.run)]


def code_generation(group: NeuronGroup) -> str:
    """Code generation that Brian2 chose for a group.

    Parameters
    ----------
    group : brian2.NeuronGroup
        Part of a network that was run before.

    Returns
    -------
    str
        ``"cython"`` or ``"numpy"``.
    """
    return group.thresholder["spike"].code_objects[0].generator_class.class_name


def check_compiled(objects: Iterable[BrianObject]) -> None:
    """Raise `InputError` if the code of an object was not compiled.

    Where Cython rejects what Brian2 generated, for instance because a variable
    is named like a Cython keyword, Brian2 goes on without that code, and the
    neurons would silently never fire.

    Parameters
    ----------
    objects : iterable of brian2.BrianObject
        Parts of a network that was run before.

    Raises
    ------
    InputError
        With the name of the first object without compiled code.
    """
    for item in objects:
        for code in getattr(item, "code_objects", ()):
            if code.class_name == "cython" and code.code.run.strip() and code.compiled_code["run"] is None:
                raise InputError(
                    f"{item.name}: Cython does not compile the code that Brian2 generated from these equations (its "
                    "message is above); rename any variable that is a Cython keyword"
                )


def is_whole(path: FilePath) -> bool:
    """Whether a shared library for 64-bit Linux (ELF) is complete: its section headers come last.

    Parameters
    ----------
    path : str or path
        The library.

    Returns
    -------
    bool
        True also for a library of another word size or byte order, which is not examined.
    """
    path = Path(path)
    with open(path, "rb") as file:
        header = file.read(64)
    if header[:4] != b"\x7fELF":
        return False
    if header[4:6] != b"\x02\x01":
        return True
    start, size, count = (int.from_bytes(header[a:b], "little") for a, b in ((40, 48), (58, 60), (60, 62)))
    return len(header) == 64 and start > 0 and start + size * count <= path.stat().st_size


@functools.cache
def remove_broken_modules(folder: FilePath | None = None) -> None:
    """Remove incomplete modules from Brian2's Cython cache, once a process; Brian2 then compiles them again.

    Brian2 takes any file in its cache for a module. If the linker is killed half
    way (a container that stops, a power cut), half a module stays behind, and
    every later run dies of a bus error.

    Parameters
    ----------
    folder : str or path, optional
        The cache; Brian2's own by default.
    """
    from brian2.codegen.runtime.cython_rt.extension_manager import get_cython_cache_dir
    from brian2.utils.filelock import FileLock, Timeout

    folder = folder or get_cython_cache_dir()
    if sys.platform != "linux" or folder is None:
        return
    for path in Path(folder).expanduser().glob("_cython_magic_*.so"):
        with suppress(OSError, Timeout):  # another process is compiling it, or has removed it
            if not is_whole(path):
                with FileLock(str(path.with_name(f"{path.name.split('.')[0]}.lock")), timeout=0):
                    path.unlink()


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


def static_array(name: str) -> str:
    """Name of the file in ``static_arrays/`` that a standalone program reads a function's table from.

    Parameters
    ----------
    name : str
        Name of the table.

    Returns
    -------
    str
        The file's name.
    """
    return next(key for key in get_device().static_arrays if name in key)
