"""Which neuron equations each layer of a network uses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ..defaults import HIDDEN_CODING, POOLING, WAVE_POOLING
from ..errors import InputError
from ..model.graph import depths, longest_skip
from ..model.layers import Convolution, convolutions
from ..neurons.equations import NeuronEquations, load_equations, split_values
from ..neurons.waves import Wave, default_pooling, wave_of

if TYPE_CHECKING:
    from brian2 import NeuronGroup

    from ..model.conversion import SpikingModel
    from ..model.layers import Layer
    from ..neurons.equations import Codings

__all__ = ["check_input_current", "check_wave", "layer_equations", "network_wave"]


def layer_equations(
    model: SpikingModel, coding: Codings, hidden_coding: Codings | None = None, pooling: Codings | None = None
) -> dict[str, NeuronEquations]:
    """Neuron equations of every layer.

    A coding with a parameter ``onset`` is a wave (see `waves`): all convolutions use it, each with its own onset.

    Parameters
    ----------
    model : SpikingModel
        Equations with a parameter ``v_init`` start from its initial potential unless they are given another one.
    coding : str, path or NeuronEquations
        Of the last layer.
    hidden_coding : str, path, NeuronEquations or dict of str, optional
        Of the convolutions before it, or of each by its name; ``"rate"`` by default, and with a wave the same as
        `coding`.
    pooling : str, path or NeuronEquations, optional
        Of the pooling layers; ``"max_pool"`` by default, ``"or_pool"`` with a wave.

    Returns
    -------
    dict of str to NeuronEquations
        By layer.

    Raises
    ------
    InputError
        If there are no such equations, or no such layer; if only some layers are to take part in a wave, or they have
        different windows.
    """

    def load(given, **defaults):
        if isinstance(given, NeuronEquations):
            return given
        if "onset" in split_values(os.fspath(given))[1]:
            raise InputError(f"{given}: a network gives each layer of a wave its onset; leave onset out")
        return load_equations(given, defaults={"v_init": model.initial_potential, **defaults})

    last = load(coding)
    wave = wave_of(last.parameters, last.name)
    hidden = [layer.name for layer in convolutions(model.layers[:-1])]
    unnamed = load(HIDDEN_CODING) if wave is None else last
    if isinstance(hidden_coding, Mapping):
        if unknown := [name for name in hidden_coding if name not in hidden]:
            raise InputError(f"hidden_coding: {unknown[0]!r} is not a convolution before the last layer {hidden}")
        of_layer = {name: load(hidden_coding[name]) if name in hidden_coding else unnamed for name in hidden}
    else:
        of_layer = dict.fromkeys(hidden, unnamed if hidden_coding is None else load(hidden_coding))
    of_layer[model.layers[-1].name] = last
    for name, equations in of_layer.items():
        if wave_of(equations.parameters, equations.name) != wave:
            raise InputError(
                f"{name}: a wave needs the same windows in all convolutions; expected {_timetable(last)} as in the "
                f"last layer, got {_timetable(equations)}; leave hidden_coding out, or give a coding that is "
                "no wave, such as coding='rate'"
            )
    if wave is not None:
        depth = depths(model.layers)
        of_layer = {name: _with(each, onset=wave.onset(depth[name])) for name, each in of_layer.items()}
    pooling = default_pooling(wave) if pooling is None else pooling
    # the gates of a wave pass on the amplitude of its spikes
    pool = load(pooling) if wave is None else load(pooling, beta=last.parameters.get(last.amplitude, 1.0))
    if wave is None and pool.name == WAVE_POOLING:
        raise InputError(
            f"pooling: {WAVE_POOLING} is the maximum only in a wave, but the coding is {last.name}; use {POOLING}"
        )
    return {layer.name: of_layer.get(layer.name, pool) for layer in model.layers}


def _with(equations, **values):
    return replace(equations, parameters={**equations.parameters, **values})


def _timetable(equations):
    wave = wave_of(equations.parameters, equations.name)
    return f"{equations.name} (no wave)" if wave is None else f"{equations.name} (p={wave.p}, waves={wave.waves})"


def network_wave(equations: Mapping[str, NeuronEquations]) -> Wave | None:
    """The timetable of a network, if its layers work as a wave.

    Parameters
    ----------
    equations : dict of str to NeuronEquations
        By layer, as `layer_equations` returns them.

    Returns
    -------
    Wave or None
        None if the layers all work in every step.
    """
    last = list(equations.values())[-1]
    return wave_of(last.parameters, last.name)


def check_wave(layers: tuple[Layer, ...], wave: Wave | None) -> None:
    """Raise `InputError` if an image cannot cross these layers as often as a wave says.

    Parameters
    ----------
    layers : tuple of Layer
        The network.
    wave : Wave or None
        Its timetable.

    Raises
    ------
    InputError
        If there are several waves, and spikes of the second one would reach a layer that has yet to fire for the first.
    """
    if wave is not None and wave.waves > 1 and longest_skip(layers) > 1:
        raise InputError(
            f"waves: in a network whose connections skip layers, an image can cross it once, got waves={wave.waves}: "
            "spikes of the second wave would reach a layer that has yet to fire for the first; use a larger p"
        )


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
