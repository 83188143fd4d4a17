"""The neuron equations that a shared kernel can compute."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from brian2 import Equations
from brian2.equations.equations import SUBEXPRESSION

from ..errors import InputError
from ..model.layers import Convolution
from ..neurons.equations import load_equations

if TYPE_CHECKING:
    from ..model.layers import Layer
    from ..neurons.equations import NeuronEquations

__all__ = ["check_kernel_equations", "plain"]


def check_kernel_equations(equations: NeuronEquations, layer: Layer) -> None:
    """Check that a shared kernel computes what the equations of a layer say.

    Parameters
    ----------
    equations : NeuronEquations
        Equations of the layer's neurons.
    layer : Convolution or MaxPool
        The postsynaptic layer.

    Raises
    ------
    InputError
        If ``on_pre`` differs from that of the shipped models, a variable that the kernel writes has another type or is
        shared, or the amplitude is a subexpression that changes within a time step.
    """
    names = ("rate",) if isinstance(layer, Convolution) else ("max_pool", "max_pool_first", "max_pool_all", "or_pool")
    advice = "use connectivity='synapses'"
    known = {plain(model.on_pre): model for model in map(load_equations, names)}
    like = known.get(plain(equations.on_pre))
    if like is None:
        shipped = f"{' or '.join(names)} ({load_equations(names[0]).on_pre.strip()!r})"
        raise InputError(
            f"{equations.name}: a shared kernel expects the on_pre of {shipped}, got {equations.on_pre.strip()!r}; "
            f"{advice}"
        )
    model, expected = Equations(equations.model), Equations(like.model)
    for name in {part.removesuffix("_post") for part in re.findall(r"\w+_post\b", like.on_pre)}:
        if "unless refractory" in model[name].flags:
            raise InputError(
                f"{equations.name}: a shared kernel adds to {name} at any time, but {name} is marked (unless "
                f"refractory): Brian2 drops spikes that arrive meanwhile; remove the mark, or {advice}"
            )
        if model[name].var_type != expected[name].var_type or "shared" in model[name].flags:
            wanted, given = f"{name} : {expected[name].var_type}", f"{name} : {model[name].var_type}"
            given += " (shared)" * ("shared" in model[name].flags)
            raise InputError(
                f"{equations.name}: a shared kernel expects one value per neuron, {wanted!r}, got {given!r}; {advice}"
            )
    amplitude = model[equations.amplitude]
    if amplitude.type == SUBEXPRESSION and "constant over dt" not in amplitude.flags:
        raise InputError(
            f"{equations.name}: a shared kernel expects the amplitude {amplitude.varname} as a variable or marked "
            f"(constant over dt), got a subexpression; mark it, or {advice}"
        )


def plain(text: str) -> str:
    """Remove all white space, to compare equations.

    Parameters
    ----------
    text : str
        Statements or an expression.

    Returns
    -------
    str
        The text without white space.
    """
    return "".join(text.split())
