"""Exact max pooling for devices whose synapses can only add to one variable of the receiver.

The input at place k of a window has the weight 2**k. What a gate receives in one
step is then a sum of different powers of two, and its binary digits say which of
its inputs fired:

    c_k  +=  floor(code / 2**k) mod 2        spikes that input k has sent so far
    fires while max_k c_k > emitted,         emitted += 1

In one step the maximum rises by one at most, so a gate fires exactly as
``max_pool.toml`` does, for inputs whose spikes all carry the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..neurons.equations import NeuronEquations

if TYPE_CHECKING:
    from ..aliases import Shape
    from ..model.layers import MaxPool

__all__ = ["LARGEST_WINDOW", "additive_pool", "place_weights"]

#: Inputs of a window whose powers of two single precision adds exactly.
LARGEST_WINDOW = 24


def additive_pool(layer: MaxPool, amplitude: float) -> NeuronEquations:
    """Neuron model of the gates of one pooling layer.

    Parameters
    ----------
    layer : MaxPool
    amplitude : float
        What each spike of its inputs carries, and so each of its own.

    Returns
    -------
    NeuronEquations

    Raises
    ------
    InputError
        If the window has more inputs than a number has digits.
    """
    inputs = layer.kernel**2
    if inputs > LARGEST_WINDOW:
        raise InputError(f"{layer.name}: a window of {inputs} inputs; {LARGEST_WINDOW} can be told apart in one sum")
    places = range(inputs)
    return NeuronEquations(
        name="additive_pool",
        description=__doc__,
        equation="III.A",
        model="\n".join(["code : 1", "emitted : 1", "carried : 1 (shared, constant)", *(f"c{k} : 1" for k in places)]),
        # the code last, so that one after the other and all at once are the same
        update="\n".join([*(f"c{k} += floor(code/{2**k}) % 2" for k in places), "code += -code"]),
        threshold=" or ".join(f"(c{k} > emitted)" for k in places),
        reset="emitted += 1",
        synapse="w : 1 (constant)",
        on_pre="code_post += w",
        amplitude="carried",
        parameters={"carried": float(amplitude)},
    )


def place_weights(i: np.ndarray, j: np.ndarray, shape_in: Shape, shape_out: Shape, layer: MaxPool) -> np.ndarray:
    """Weight 2**k of each synapse of a pooling, k = ky*kernel + kx its place in the window.

    Parameters
    ----------
    i, j : ndarray of int
        As `pooling_synapses` gives them.
    shape_in, shape_out : tuple
        (height, width, channels) of the two layers.
    layer : MaxPool
    """
    y, x, _ = np.unravel_index(i, shape_in)
    oy, ox, _ = np.unravel_index(j, shape_out)
    return 2.0 ** ((y - oy * layer.stride) * layer.kernel + x - ox * layer.stride)
