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

from ..connectivity.explicit import pooling_synapses
from ..errors import InputError
from ..neurons.equations import NeuronEquations

if TYPE_CHECKING:
    from ..model.layers import MaxPool
    from ..model.projection import Projection

__all__ = ["LARGEST_WINDOW", "additive_pool", "window_weights"]

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


def window_weights(projection: Projection) -> np.ndarray:
    """Weight 2**k of each synapse of a pooling layer, k = ky*kernel + kx being its position in the window.

    Parameters
    ----------
    projection : Projection
        Of a `MaxPool`.

    Returns
    -------
    ndarray, shape (synapses,)
        In the order of `pooling_synapses`.
    """
    i, j = pooling_synapses(projection)
    y, x, _ = np.unravel_index(i, projection.shape_in)
    oy, ox, _ = np.unravel_index(j, projection.shape_out)
    kernel, stride = projection.layer.kernel, projection.layer.stride
    return 2.0 ** ((y - oy * stride) * kernel + x - ox * stride)
