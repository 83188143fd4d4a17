"""Explicit Brian2 synapses between two layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from brian2 import Synapses, ms

from ..connectivity.views import flattened

if TYPE_CHECKING:
    import numpy.typing as npt
    from brian2 import NeuronGroup

    from ..model.projection import Projection

__all__ = ["build_synapses", "input_name"]


def input_name(target: NeuronGroup, projection: Projection) -> str:
    """Name of the object that delivers the spikes of one connection.

    Parameters
    ----------
    target : brian2.NeuronGroup
        Postsynaptic neurons.
    projection : Projection
        The connection.

    Returns
    -------
    str
        ``<target>_input``, and for further inputs of a layer of a graph ``<target>_input2``, ``<target>_input3``, ...
    """
    return f"{target.name}_input" + (str(projection.number + 1) if projection.number else "")


def build_synapses(
    projection: Projection,
    source: NeuronGroup,
    target: NeuronGroup,
    model: str,
    on_pre: str,
    weights: np.ndarray | None,
    dtype: npt.DTypeLike,
) -> Synapses:
    """Make every weight of a layer a Brian2 synapse.

    Parameters
    ----------
    projection : Projection
        Layer, and shapes of one image.
    source : brian2.NeuronGroup
        Presynaptic neurons, of one image or of several side by side.
    target : brian2.NeuronGroup
        Postsynaptic neurons, of as many images.
    model : str
        Variables of the synapses besides the weight ``w`` of a convolution.
    on_pre : str
        What a presynaptic spike does.
    weights : ndarray, shape (out, in/groups, kernel, kernel), or None
        Of a convolution; None for a pooling layer.
    dtype : dtype
        Precision of the weights.

    Returns
    -------
    brian2.Synapses
        Named ``<target>_input``, without delays; for further inputs of a layer of a graph ``<target>_input2``, ...
    """
    synapses = Synapses(
        source,
        target,
        model if weights is None else f"w : 1 (constant)\n{model}",
        on_pre=on_pre,
        delay=0 * ms,
        name=input_name(target, projection),
        clock=source.clock,
        dtype=dtype,
    )
    i, j, *w = flattened(projection, weights)
    if not len(i):  # a kernel that sees nothing but padding; Brian2 takes no empty arrays
        synapses.connect(condition=False)
        return synapses
    # the same pairs of neurons in every image
    image = np.arange(source.N // projection.neurons_in, dtype=np.int32)[:, None]
    synapses.connect(i=(i + image * projection.neurons_in).ravel(), j=(j + image * projection.neurons_out).ravel())
    if w:
        synapses.w = np.tile(w[0], len(image))
    return synapses
