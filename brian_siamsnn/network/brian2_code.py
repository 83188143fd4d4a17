"""The code that Brian2 generates for a layer: shared between layers, fused into fewer passes, and called directly."""

from __future__ import annotations

import functools
import importlib
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from brian2 import get_device, prefs
from brian2.codegen.codeobject import create_runner_codeobj
from brian2.codegen.runtime.cython_rt import CythonCodeObject
from brian2.core.base import BrianObject
from brian2.core.variables import ArrayVariable, DynamicArrayVariable
from brian2.groups.group import CodeRunner

from ..connectivity.kernel_equations import plain
from ..errors import InputError
from .brian2_cache import compiled_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from brian2 import NeuronGroup

    from ..neurons.equations import NeuronEquations

__all__ = ["Call", "FusedPass", "calls_of", "check_compiled", "code_generation", "generate_shared"]

#: The module, which its package hides behind an object of the same name.
_devices: Any = importlib.import_module("brian2.devices.device")

#: Resets that the pass of the threshold test can do, for all neurons and without a branch.
_FUSED_RESETS = {
    "v-=v_th": "v -= v_th * int(_cond)",
    "emitted=m": "emitted = m * int(_cond) + emitted * int(not _cond)",
}


class SharedCode(CythonCodeObject):
    """Brian2's Cython code under names that do not depend on the object, so that layers share compiled modules.

    This package's ``templates/`` take precedence over Brian2's.
    """

    templater = CythonCodeObject.templater.derive("brian_siamsnn.network")
    namespace: dict[str, Any]
    nonconstant_values: list[tuple[str, Any]]

    def variables_to_namespace(self) -> None:
        """Collect the values that the code uses, under their neutral names."""
        super().variables_to_namespace()
        self.namespace = {self._neutral(name): value for name, value in self.namespace.items()}
        self.nonconstant_values = [(self._neutral(name), value) for name, value in self.nonconstant_values]

    @functools.cached_property
    def _owned(self):
        """A pattern for the names of all arrays, and the neutral name of each."""
        neutral: dict[str, str] = {}
        for name, variable in sorted(self.variables.items()):
            if isinstance(variable, ArrayVariable):
                neutral.setdefault(self.device.get_array_name(variable), f"_array_{name}")
            if isinstance(variable, DynamicArrayVariable):
                dynamic = self.device.get_array_name(variable, access_data=False)
                neutral.setdefault(dynamic, f"_dynamic_array_{name}")
        longest_first = sorted(neutral, key=len, reverse=True)
        return re.compile("(" + "|".join(map(re.escape, longest_first)) + r")(?!\w)"), neutral

    def _neutral(self, text):
        pattern, neutral = self._owned
        return pattern.sub(lambda match: neutral[match[0]], text) if neutral else text

    def compile_block(self, block: str) -> Any:
        """Compile one block of the code, unless the cache has it.

        Parameters
        ----------
        block : str
            ``"before_run"``, ``"run"`` or ``"after_run"``.

        Returns
        -------
        module or None
            None for an empty block.
        """
        code = getattr(self.code, block, "").strip()
        if not code or "EMPTY_CODE_BLOCK" in code:
            return None
        return compiled_module(
            self._neutral(code),
            define_macros=self.define_macros,
            libraries=self.libraries,
            extra_compile_args=self.extra_compile_args,
            extra_link_args=self.extra_link_args,
            include_dirs=self.include_dirs,
            library_dirs=self.library_dirs,
            runtime_library_dirs=self.runtime_library_dirs,
            compiler=self.compiler,
            sources=self.sources,
        )

    def run_block(self, block: str) -> Any:
        """Run one block of the code.

        Parameters
        ----------
        block : str
            ``"before_run"``, ``"run"`` or ``"after_run"``.

        Returns
        -------
        object
            What the block returns.
        """
        if block == "after_run" and self.template_name == "threshold":
            # Brian2 compiles a module for this line
            self.variables["_spikespace"].get_value()[-1] = 0
            return None
        return super().run_block(block)


def generate_shared(groups: Iterable[NeuronGroup], generate: Callable[[], Any]) -> None:
    """Generate code, that of groups as `SharedCode` if Brian2 generates Cython at all.

    With ``prefs.codegen.target`` at ``"auto"``, Brian2 compiles a test program first. Here the first module is the
    test; Brian2's is compiled only if that fails.

    Parameters
    ----------
    groups : iterable of brian2.NeuronGroup
        The groups.
    generate : callable
        Lets Brian2 generate the code; it is called again, for NumPy, if there turns out to be no compiler.
    """
    groups = list(groups)
    undecided = prefs.codegen.target == "auto" and _devices._auto_target is None
    if undecided:
        _devices._auto_target = CythonCodeObject
    try:
        _share(groups)
        generate()
    except Exception:
        if not undecided:
            raise
        _devices._auto_target = None
        if get_device().code_object_class() is CythonCodeObject:
            raise  # the compiler works, so it is the equations
        _share(groups)
        generate()


def _share(groups):
    shared = SharedCode if get_device().code_object_class() is CythonCodeObject else None
    for group in groups:
        for item in group.contained_objects:
            if isinstance(item, CodeRunner):
                item.codeobj_class = shared


class FusedPass:
    """One pass over the neurons of a group that tests the threshold, resets and perhaps updates them.

    The result is the same, bit by bit, as one pass for each, at a third of the
    memory traffic. The reset may come early because a spike carries no
    potential, so nothing of the network sees it. The update may come late if no
    synapse adds anything in between (the first layer), or if sums are exact in
    any order. An object that a user attached would see it, so `SpikingBranch`
    uses this pass only where there is none, and `Network.run` never does.

    Parameters
    ----------
    group : brian2.NeuronGroup
        The neurons.
    equations : NeuronEquations
        What the group was made from.
    update : bool
        Whether the update may be part of the pass.

    Attributes
    ----------
    replaced : tuple of brian2.BrianObject
        The objects whose work the pass does; empty if there is nothing to fuse.
    thresholder : brian2.groups.neurongroup.Thresholder
        The one of them in whose turn the pass runs.
    """

    def __init__(self, group: NeuronGroup, equations: NeuronEquations, update: bool) -> None:
        self._group, self.thresholder = group, group.thresholder["spike"]
        resetter = group.resetter.get("spike")
        replaced: list[BrianObject] = []
        self._before = self._after = ""
        refractory = "not_refractory" in group.variables
        if update and equations.update.strip() and not refractory:
            self._before = equations.update
            replaced += [item for item in group.contained_objects if item.name == f"{group.name}_update"]
        reset = _FUSED_RESETS.get(plain(equations.reset))
        if resetter is not None and reset and equations.amplitude != "v" and not refractory:
            self._after = reset
            replaced.append(resetter)
        self.replaced = (*replaced, self.thresholder) if replaced else ()
        self.code: Any = None

    @property
    def usable(self) -> bool:
        """Whether there is something to fuse, and the user has switched off none of it."""
        return bool(self.replaced) and all(item.active for item in self.replaced)

    def generate(self) -> None:
        """Let Brian2 generate the code of the pass."""
        thresholder = self.thresholder
        thresholder.update_abstract_code({})
        self.code = create_runner_codeobj(
            group=self._group,
            code="\n".join([self._before, thresholder.abstract_code, self._after]),
            template_name="threshold",
            run_namespace={},
            name=f"{self._group.name}_fused_codeobject*",
            additional_variables=thresholder.variables,
            needed_variables=thresholder.needed_variables,
            template_kwds=thresholder.template_kwds,
            codeobj_class=thresholder.codeobj_class,
        )


class Call(NamedTuple):
    """One of the calls that make up a time step, under the name of its Brian2 object."""

    name: str
    run: Callable[[], Any]


def calls_of(item: BrianObject, codes: Iterable[Any] | None = None, strict: bool = False) -> list[Call]:
    """The calls that one Brian2 object needs in a time step.

    Compiled code is called directly where ``run`` would do nothing else, which
    saves a twentieth of a small network's time.

    Parameters
    ----------
    item : brian2.BrianObject
        Part of a network whose code was generated.
    codes : iterable of brian2.codegen.codeobject.CodeObject, optional
        Code to run in place of the object's own.
    strict : bool
        Whether NumPy code raises an exception where it divides by zero, as Cython code does; by default it does not.

    Returns
    -------
    list of Call
        The calls, in order; none for an object that does nothing in a step.
    """
    if codes is None and type(item).run is not BrianObject.run:
        return [Call(item.name, item.run)]
    calls = []
    for code in item.code_objects if codes is None else codes:
        run = code
        if code.class_name == "cython" and not code.nonconstant_values:
            module = code.compiled_code["run"]
            if module is None:
                continue
            run = functools.partial(module.main, code.namespace)
        elif code.class_name == "numpy" and strict:
            run = functools.partial(_without_division_by_zero, code)
        calls.append(Call(item.name, run))
    return calls


def _without_division_by_zero(code):
    with np.errstate(divide="raise", invalid="raise"):
        code()


def code_generation(group: NeuronGroup, fused: FusedPass) -> str | None:
    """Code generation that Brian2 chose for a group.

    Parameters
    ----------
    group : brian2.NeuronGroup
        The group.
    fused : FusedPass
        Its fused pass.

    Returns
    -------
    str or None
        ``"cython"`` or ``"numpy"``; None if no code was generated yet.
    """
    for code in (fused.code, *group.thresholder["spike"].code_objects):
        if code is not None:
            return code.generator_class.class_name
    return None


def check_compiled(name: str, codes: Iterable[Any]) -> None:
    """Raise `InputError` if code was not compiled.

    Where Cython rejects what Brian2 generated, for instance because a variable
    is named like a Cython keyword, Brian2 goes on without that code, and the
    neurons would silently never fire.

    Parameters
    ----------
    name : str
        Name of the object, for the message.
    codes : iterable of brian2.codegen.codeobject.CodeObject
        Its code.

    Raises
    ------
    InputError
        With the name of the object.
    """
    for code in codes:
        if code.class_name == "cython" and code.code.run.strip() and code.compiled_code["run"] is None:
            raise InputError(
                f"{name}: Cython does not compile the code that Brian2 generated from these equations (its "
                "message is above); rename any variable that is a Cython keyword"
            )
