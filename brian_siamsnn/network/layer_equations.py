"""Which neuron equations each layer of a network uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..defaults import HIDDEN_CODING
from ..errors import InputError
from ..model.layers import Convolution, convolutions
from ..neurons.equations import NeuronEquations, load_equations

if TYPE_CHECKING:
    from brian2 import NeuronGroup

    from ..model.conversion import SpikingModel
    from ..model.layers import Layer
    from ..neurons.equations import Codings

__all__ = ["check_input_current", "layer_equations"]


def layer_equations(
    model: SpikingModel, coding: Codings, hidden_coding: Codings, pooling: Codings
) -> dict[str, NeuronEquations]:
    """Neuron equations of every layer.

    Parameters
    ----------
    model : SpikingModel
        Equations with a parameter ``v_init`` start from its initial potential unless they are given another one.
    coding : str, path or NeuronEquations
        Of the last layer.
    hidden_coding : str, path, NeuronEquations or dict of str
        Of the convolutions before it, or of each by its name.
    pooling : str, path or NeuronEquations
        Of the pooling layers.

    Returns
    -------
    dict of str to NeuronEquations
        By layer.

    Raises
    ------
    InputError
        If there are no such equations, or no such layer.
    """

    def load(given):
        if isinstance(given, NeuronEquations):
            return given
        return load_equations(given, defaults={"v_init": model.initial_potential})

    pool, last = load(pooling), load(coding)
    hidden = [layer.name for layer in convolutions(model.layers[:-1])]
    if isinstance(hidden_coding, Mapping):
        if unknown := [name for name in hidden_coding if name not in hidden]:
            raise InputError(f"hidden_coding: {unknown[0]!r} is not a convolution before the last layer {hidden}")
        of_layer = {name: load(hidden_coding.get(name, HIDDEN_CODING)) for name in hidden}
    else:
        of_layer = dict.fromkeys(hidden, load(hidden_coding))
    of_layer[model.layers[-1].name] = last
    return {layer.name: of_layer.get(layer.name, pool) for layer in model.layers}


def check_input_current(equations: NeuronEquations, layer: Layer, group: NeuronGroup) -> None:
    """Raise `InputError` if the neurons of a convolution have no variable ``I`` for their input current.

    Parameters
    ----------
    equations : NeuronEquations
        Equations of the layer.
    layer : Convolution or MaxPool
        A pooling layer needs no input current.
    group : brian2.NeuronGroup
        Made from the equations.

    Raises
    ------
    InputError
        With the variables that there are.
    """
    if isinstance(layer, Convolution) and "I" not in group.variables:
        raise InputError(
            f"{equations.name}: neurons in a network need a variable I, their input current; "
            f"these have {sorted(group.equations.names)}"
        )
