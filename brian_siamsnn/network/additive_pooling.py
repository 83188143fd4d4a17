"""Exact max pooling for devices whose synapses can only add to one postsynaptic variable.

Input k of a window has the weight 2**k. The input of a gate in one step is then a sum of distinct powers of two, whose
binary digits say which inputs fired:

    c_k  +=  floor(code / 2**k) mod 2        spikes of input k so far
    fires while max_k c_k > emitted,         emitted += 1

In one step the maximum rises by at most one. A gate therefore fires exactly as in ``max_pool.toml``, provided that all
spikes of its inputs have the same amplitude.

The gates of a wave (``or_pool.toml``) only add already. All of their inputs have the weight 1.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..connectivity.explicit import pooling_synapses
from ..defaults import WAVE_POOLING
from ..errors import InputError
from ..neurons.equations import NeuronEquations

if TYPE_CHECKING:
    from ..model.layers import MaxPool
    from ..model.projection import Projection

__all__ = ["LARGEST_WINDOW", "additive_gate", "gate_weights"]

#: Largest number of inputs whose powers of two add exactly in single precision.
LARGEST_WINDOW = 24


def additive_gate(equations: NeuronEquations, layer: MaxPool, amplitude: float) -> NeuronEquations:
    """Make the neuron model of the gates of one pooling layer.

    Parameters
    ----------
    equations : NeuronEquations
        The gates as they are to work, ``max_pool`` or ``or_pool``.
    layer : MaxPool
        The pooling layer.
    amplitude : float
        Amplitude of every spike of the inputs, and of the gates.

    Returns
    -------
    NeuronEquations
        The model; that of ``max_pool`` has one counter ``c0``, ``c1``, ... per input of a window.

    Raises
    ------
    InputError
        If a window of ``max_pool`` has more than `LARGEST_WINDOW` inputs.
    """
    if equations.name == WAVE_POOLING:
        return replace(equations, on_pre="arrived_post += w", synapse="w : 1 (constant)")
    inputs = layer.kernel**2
    if inputs > LARGEST_WINDOW:
        raise InputError(
            f"{layer.name}: GeNN expects windows of up to {LARGEST_WINDOW} inputs, got {inputs}; use another device"
        )
    variables = ["code : 1", "emitted : 1", "carried : 1 (shared, constant)", *(f"c{k} : 1" for k in range(inputs))]
    counting = [f"c{k} += floor(code/{2**k}) % 2" for k in range(inputs)]
    return NeuronEquations(
        name="additive_pool",
        description=__doc__,
        equation="III.A",
        model="\n".join(variables),
        # code comes last, so that statements run in sequence or all at once give the same
        update="\n".join([*counting, "code += -code"]),
        threshold=" or ".join(f"(c{k} > emitted)" for k in range(inputs)),
        reset="emitted += 1",
        synapse="w : 1 (constant)",
        on_pre="code_post += w",
        amplitude="carried",
        parameters={"carried": float(amplitude)},
    )


def gate_weights(equations: NeuronEquations, projection: Projection) -> np.ndarray | float:
    """Compute the weight of each synapse of a pooling layer.

    The input at (ky, kx) of a window has the weight

        w = 2**k,   k = ky*kernel + kx

    or 1 in a wave.

    Parameters
    ----------
    equations : NeuronEquations
        The gates, from `additive_gate`.
    projection : Projection
        Connection of a `MaxPool` with the layer before it.

    Returns
    -------
    ndarray of float64, shape (synapses,), or float
        Weights in the order of `pooling_synapses`, or the one that all have.
    """
    if equations.name == WAVE_POOLING:
        return 1.0
    i, j = pooling_synapses(projection)
    y, x, _ = np.unravel_index(i, projection.shape_in)
    oy, ox, _ = np.unravel_index(j, projection.shape_out)
    kernel, stride = projection.layer.kernel, projection.layer.stride
    return 2.0 ** ((y - oy * stride) * kernel + x - ox * stride)
