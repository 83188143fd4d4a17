"""Which neuron equations each layer of a network uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InputError
from ..model.layers import convolutions
from ..neurons.equations import NeuronEquations, load_equations

if TYPE_CHECKING:
    from ..model.conversion import SpikingModel
    from ..neurons.equations import Codings

__all__ = ["branch_equations"]


def branch_equations(
    model: SpikingModel, coding: Codings, hidden_coding: Codings, pooling: Codings
) -> dict[str, NeuronEquations]:
    """Neuron model of every layer.

    Parameters
    ----------
    model : SpikingModel
    coding : str or NeuronEquations
        Of the last layer.
    hidden_coding : str, NeuronEquations or dict of str
        Of the convolutions before it, or of each by its name.
    pooling : str or NeuronEquations
        Of the pools.

    Returns
    -------
    dict of str to NeuronEquations
        By the name of the layer.

    Raises
    ------
    InputError
        If there is no such model, or no such layer.
    """

    def load(given):
        if isinstance(given, NeuronEquations):
            return given
        return load_equations(given, defaults={"v_init": model.initial_potential})

    pool, last = load(pooling), load(coding)
    hidden = [layer.name for layer in convolutions(model.layers[:-1])]
    if isinstance(hidden_coding, dict):
        if unknown := [name for name in hidden_coding if name not in hidden]:
            raise InputError(f"hidden_coding: {unknown[0]!r} is not a convolution before the last layer {hidden}")
        of_layer = {name: load(hidden_coding.get(name, "rate")) for name in hidden}
    else:
        of_layer = dict.fromkeys(hidden, load(hidden_coding))
    of_layer[model.layers[-1].name] = last
    return {layer.name: of_layer.get(layer.name, pool) for layer in model.layers}
