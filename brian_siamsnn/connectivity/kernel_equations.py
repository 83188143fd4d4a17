"""Which neuron equations a shared kernel computes."""

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
    """Raise `InputError` if a kernel would do something else than the equations say.

    Parameters
    ----------
    equations : NeuronEquations
        Of the layer's neurons.
    layer : Convolution or MaxPool
    """
    names = ("rate",) if isinstance(layer, Convolution) else ("max_pool", "max_pool_first", "max_pool_all")
    way_out = "build the network with connectivity='synapses' for that"
    known = {plain(model.on_pre): model for model in map(load_equations, names)}
    like = known.get(plain(equations.on_pre))
    if like is None:
        raise InputError(
            f"{equations.name}: a shared kernel does what {' or '.join(names)} does on a spike "
            f"({load_equations(names[0]).on_pre.strip()!r}), not {equations.on_pre.strip()!r}; "
            f"{way_out}"
        )
    model, expected = Equations(equations.model), Equations(like.model)
    for name in {part.removesuffix("_post") for part in re.findall(r"\w+_post\b", like.on_pre)}:
        if model[name].var_type != expected[name].var_type or "shared" in model[name].flags:
            flags = " (shared)" * ("shared" in model[name].flags)
            raise InputError(
                f"{equations.name}: a shared kernel needs one number of each neuron, "
                f"'{name} : {expected[name].var_type}', got '{name} : {model[name].var_type}{flags}'; "
                f"{way_out}"
            )
    amplitude = model[equations.amplitude]
    if amplitude.type == SUBEXPRESSION and "constant over dt" not in amplitude.flags:
        raise InputError(
            f"{equations.name}: a shared kernel reads the amplitude {amplitude.varname}, so it must be a "
            f"variable, or marked (constant over dt); {way_out}"
        )


def plain(text: str) -> str:
    """A text without its white space."""
    return "".join(text.split())
