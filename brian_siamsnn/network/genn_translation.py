"""Neuron models as GeNN can simulate them.

Brian2GeNN supports less of Brian2 than the other devices:

    part        equation file                translation for GeNN
    update      v += I                       dv/dt = I*int(working)/second, stepped as v + f(v, t)
    threshold   v >= v_th                    (v >= v_th) and working
    on_pre      v_post += w * v_th_pre       v_post += w,   with v_th folded into w
    max_pool    a maximum of sums            the inputs that fired as binary digits of a sum (additive_pooling.py)
    or_pool     arrived_post += beta_pre     arrived_post += w,  with w = 1: whether anything arrived is all that counts

``working`` is true in the steps in which a layer works: GeNN delivers a spike one step after it was fired, so layer l,
counted from 0, works in steps l to l+T-1.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from brian2 import Clock, Network, StateMonitor, prefs

from ..defaults import POOLING, WAVE_POOLING
from ..errors import InputError
from ..model.graph import is_graph
from ..model.layers import Convolution
from ..neurons.equations import TIME_STEP, load_equations
from .additive_pooling import additive_gate
from .layer_equations import network_wave

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..model.layers import Layer
    from ..neurons.equations import NeuronEquations
    from .presentation import Presentation

__all__ = ["check_genn", "check_genn_graph", "genn_equations", "shared_amplitude"]


def check_genn(equations: NeuronEquations, layer: Layer, hidden: bool, steps: int) -> None:
    """Check that GeNN supports a layer with its equations.

    Parameters
    ----------
    equations : NeuronEquations
        Equations of the layer's neurons.
    layer : Convolution or MaxPool
        The layer.
    hidden : bool
        Whether another layer receives its spikes.
    steps : int
        T, the time steps of an image.

    Raises
    ------
    InputError
        If ``on_pre`` differs from that of the shipped models, a pooling window is too large, the amplitude depends on
        the neuron, or the amplitude of a hidden layer has more than two values over time.
    """
    if equations.refractory:
        raise InputError(
            f"{equations.name}: GeNN expects neurons without a refractory period, got refractory = "
            f"{equations.refractory.strip()!r}; use the devices runtime or cpp_standalone"
        )
    names = ("rate",) if isinstance(layer, Convolution) else (POOLING, WAVE_POOLING)
    expected = [load_equations(name).on_pre.strip() for name in names]
    if equations.on_pre.strip() not in expected:
        raise InputError(
            f"{equations.name}: GeNN expects the on_pre {' or '.join(map(repr, expected))}, "
            f"got {equations.on_pre.strip()!r}; use another device"
        )
    if not isinstance(layer, Convolution):
        additive_gate(equations, layer, 1.0)
        return
    by_step = shared_amplitude(equations, steps)
    if by_step is None:
        raise InputError(
            f"{equations.name}: GeNN expects one amplitude for all neurons, because its synapses cannot read the "
            "presynaptic neuron; use rate or two_status, or another device"
        )
    if hidden and len(np.unique(by_step)) > 2:
        raise InputError(
            f"{equations.name}: GeNN's weights hold one amplitude, but the amplitude of these spikes changes from step "
            "to step; use rate in the hidden layers, or another device"
        )


def check_genn_graph(layers: tuple[Layer, ...], equations: Mapping[str, NeuronEquations]) -> None:
    """Check that GeNN, where a spike arrives one step later, gives the same spikes for a graph of layers.

    A spike that skips a layer arrives a step too early there. A layer of a wave gathers until its own window, so that
    this changes nothing; other neurons would fire early.

    Parameters
    ----------
    layers : tuple of Layer
        The network.
    equations : mapping of str to NeuronEquations
        By layer.

    Raises
    ------
    InputError
        If connections skip layers, or a pool has padding, and the coding is not a wave.
    """
    if is_graph(layers) and network_wave(equations) is None:
        raise InputError(
            f"{layers[-1].name}: on GeNN a graph of layers needs wave coding, because a spike that skips a layer "
            "arrives early; use coding='wave', or the devices runtime or cpp_standalone"
        )


def genn_equations(equations: NeuronEquations, presentation: Presentation, layer: int) -> NeuronEquations:
    """Translate a neuron model for GeNN.

    Parameters
    ----------
    equations : NeuronEquations
        Equations of the layer's neurons.
    presentation : Presentation
        The time steps of an image.
    layer : int
        Number of the layer, counted from 0.

    Returns
    -------
    NeuronEquations
        The model without ``update``; differential equations, integrated in discrete steps, replace it.

    Raises
    ------
    InputError
        If a statement of ``update`` has another form than ``variable += expression``.
    """
    equations = presentation.equations(equations, layer)
    model = equations.model.strip()
    for statement in filter(None, map(str.strip, equations.update.splitlines())):
        found = 0
        if match := re.fullmatch(r"(\w+)\s*\+=\s*(.+)", statement):
            variable, added = match.groups()
            declaration = rf"(?m)^\s*{variable}\s*:\s*1\s*(#.*)?$"
            model, found = re.subn(declaration, f"d{variable}/dt = ({added})*int(working)/second : 1", model)
        if found != 1:
            raise InputError(
                f"{equations.name}: GeNN expects updates of the form 'variable += expression', with 'variable : 1' in "
                f"the model, got {statement!r}; use another device"
            )
    # shared variables are read-only in GeNN, so each use evaluates the expression; t does not change within a step
    model = re.sub(r"\(\s*shared\s*,\s*constant over dt\s*\)", "(shared)", model)
    step = f"timestep(t, dt) % {presentation.length}"
    onset = presentation.onset(layer)
    model += f"\nworking = ({step} >= {onset}) and ({step} < {onset + presentation.steps}) : boolean (shared)"
    return replace(equations, model=model, update="", threshold=f"({equations.threshold}) and working")


def shared_amplitude(equations: NeuronEquations, steps: int) -> np.ndarray | None:
    """Simulate the spike amplitude over time, if all neurons share it.

    Parameters
    ----------
    equations : NeuronEquations
        Equations of a layer's neurons.
    steps : int
        T, the number of time steps.

    Returns
    -------
    ndarray, shape (T,), or None
        Amplitude of a spike in each step; None if it depends on the neuron.
    """
    clock = Clock(dt=TIME_STEP)
    group = equations.group(1, "sample", clock)
    if not group.variables[equations.amplitude].scalar:
        return None
    monitor = StateMonitor(group, equations.amplitude, record=0, clock=clock)
    target = prefs.codegen.target
    prefs.codegen.target = "numpy"  # nothing to compile for one neuron
    try:
        Network(group, monitor).run(steps * TIME_STEP, namespace={})
    finally:
        prefs.codegen.target = target
    # Brian2 2.10 and newer give a view of memory that ends with the monitor
    return np.array(getattr(monitor, f"{equations.amplitude}_")).ravel()
