"""Convert a CNN to integrate-and-fire neurons by scaling its weights.

One spike per time step stands for the activation scale lambda^l of the layer. With the activation
a^l = ReLU(w^l a^(l-1) + b^l) of the CNN, the spiking layer uses

    w^l -> w^l lambda^(l-1) / lambda^l,      b^l -> b^l / lambda^l,

so that its firing rate approximates a^l / lambda^l (Diehl 2015; Rueckauer 2017). The input of the first layer is the
image itself (real coding), so lambda^0 = 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from .files import SiameseModel, load_model, write_model
from .graph import check_graph, graph_shapes, is_graph, projections_of, split_weights
from .graph_layers import Neurons
from .incoming_scales import incoming_scales
from .layers import Convolution, MaxPool, convolutions, sizes
from .projection import Projection

if TYPE_CHECKING:
    from ..aliases import FilePath, Shape, Weights
    from .layers import Layer

__all__ = ["SpikingModel", "scale_thresholds", "unit_scales"]


def scale_thresholds(model: FilePath | SiameseModel, factor: float) -> SiameseModel:
    """Multiply all thresholds, and with them the activation that a spike stands for.

    A neuron with threshold `factor` whose spikes have amplitude `factor` (Eq. 2-3) behaves like a neuron with
    threshold 1 in a network whose scales lambda^l are all multiplied by `factor`. This function multiplies the
    scales, which works with every neuron model. Initial potentials stay at the same fraction of the threshold.

    Parameters
    ----------
    model : str, path or SiameseModel
        A converted model, or its name or file.
    factor : float
        Factor of the thresholds. Above 1 there are fewer spikes, each of which stands for more.

    Returns
    -------
    SiameseModel
        The model with scaled thresholds.

    Raises
    ------
    InputError
        If the factor is not positive and finite.
    """
    if not 0 < factor < np.inf:
        raise InputError(f"threshold scale: expected a positive number, got {factor}")
    model = load_model(model)
    return replace(model, scales={name: np.asarray(scale) * np.float32(factor) for name, scale in model.scales.items()})


@dataclass(frozen=True, repr=False)
class SpikingModel:
    """Layers and weights of the spiking network, in plain NumPy.

    Attributes
    ----------
    layers : tuple of Convolution and MaxPool, or of Neurons and Gates
        Layers of the CNN: a chain, or a directed graph (`graph_layers`). Every convolution becomes a layer of neurons
        with threshold 1, so the last layer is rectified even if the CNN's is not.
    weights : dict of str to (ndarray, ndarray)
        Weights, shape (out, in/groups, kernel, kernel), and bias, shape (out,), of each convolution (of `Neurons`,
        shape (out, fan_in)) in units of the threshold: w lambda^(l-1) / lambda^l and b / lambda^l, single precision.
    initial_potential : float
        Membrane potential before the first step, in units of the threshold. It is the default of the neuron models'
        parameter ``v_init``.

    Raises
    ------
    InputError
        If the first layer is not a convolution of three channels in one group.
    """

    layers: tuple[Layer, ...]
    weights: Weights
    initial_potential: float = 0.0

    @classmethod
    def from_model(cls, model: FilePath | SiameseModel, v_init: float | None = None) -> SpikingModel:
        """Scale the weights of a converted model.

        Parameters
        ----------
        model : str, path or SiameseModel
            A converted model, or its name or file.
        v_init : float, optional
            Initial membrane potential, in units of the threshold; that of the model by default.

        Returns
        -------
        SpikingModel
            The spiking network.

        Raises
        ------
        InputError
            If the model has no scales, `v_init` is not finite, or a scaled weight does not fit in single precision.
        """
        model = load_model(model)
        v_init = model.initial_potential if v_init is None else v_init
        if not np.isfinite(v_init):
            raise InputError(f"v_init: expected a finite number, got {v_init}")
        if not model.scales:
            raise InputError(
                "the model is not converted: it has no activation scales; "
                "convert it with 'brian-siamsnn weights import'"
            )
        weights = {}
        incoming = incoming_scales(model)
        for layer in convolutions(model.layers):
            w, b = model.weights[layer.name]
            after = np.asarray(model.scales[layer.name], np.float64)
            factor = incoming[layer.name] / after.reshape(-1, *[1] * (w.ndim - 1))
            with np.errstate(over="ignore"):
                scaled = (w * factor).astype(np.float32), (b / after).astype(np.float32)
            if not all(np.isfinite(part).all() for part in scaled):
                raise InputError(
                    f"{layer.name}: its weights in units of the threshold exceed single precision; "
                    f"its smallest scale is {after.min():g}"
                )
            weights[layer.name] = scaled
        return cls(model.layers, weights, float(v_init))

    @classmethod
    def of(cls, model: FilePath | SiameseModel | SpikingModel) -> SpikingModel:
        """Accept a network in any form.

        Parameters
        ----------
        model : str, path, SiameseModel or SpikingModel
            Name of a shipped model, path of a model file, or a loaded model.

        Returns
        -------
        SpikingModel
            The same object if it is one already.

        Raises
        ------
        InputError
            If there is no such model, or it is not converted.
        """
        return model if isinstance(model, SpikingModel) else cls.from_model(load_model(model))

    def shapes(self, image_size: int) -> dict[str, Shape]:
        """Compute the output shape of every layer for a square image.

        Parameters
        ----------
        image_size : int
            Side of the image in pixels.

        Returns
        -------
        dict of str to (int, int, int)
            (height, width, channels) by layer name.
        """
        if is_graph(self.layers):
            return graph_shapes(self.layers, image_size)
        result: dict[str, Shape] = {}
        channels, sides = 3, sizes(self.layers, image_size)
        for layer in self.layers:
            side = sides[layer.name]
            channels = layer.out_channels if isinstance(layer, Convolution) else channels
            result[layer.name] = (side, side, channels)
        return result

    def __repr__(self) -> str:
        names = ", ".join(layer.name for layer in self.layers)
        weights = sum(w.size for w, _ in self.weights.values())
        return f"<SpikingModel {names}; {weights:,} weights, v_init={self.initial_potential:g}>"

    def neuron_count(self, image_size: int) -> int:
        """Number of neurons of all layers, for a square image.

        Parameters
        ----------
        image_size : int
            Side of the image, in pixels.

        Returns
        -------
        int
            Neurons for one image.
        """
        return sum(math.prod(shape) for shape in self.shapes(image_size).values())

    def projections(self, image_size: int) -> dict[str, Projection]:
        """Connection into every layer but the first, by the layer's name, for a square image.

        Parameters
        ----------
        image_size : int
            Side of the image, in pixels.

        Returns
        -------
        dict of str to Projection
            By the name of the postsynaptic layer; further inputs of a layer of a graph by the name with ``_2``, ``_3``.
        """
        if is_graph(self.layers):
            return projections_of(self.layers, image_size)
        shapes = self.shapes(image_size)
        pairs = zip(self.layers, self.layers[1:], strict=False)
        return {
            layer.name: Projection(layer, shapes[before.name], shapes[layer.name], before.name)
            for before, layer in pairs
        }

    @property
    def image_channels(self) -> int:
        """Channels of the images: 3, or those that the first layer of a graph sees."""
        return convolutions(self.layers)[0].in_channels

    def input_weights(self, projection: Projection) -> np.ndarray | None:
        """Weights of a connection; None for that of a pooling layer.

        Parameters
        ----------
        projection : Projection
            One of `projections`.

        Returns
        -------
        ndarray, shape (out, in/groups, kernel, kernel), or None
            In units of the threshold.
        """
        layer = projection.layer
        if isinstance(layer, MaxPool):
            return None
        weights = self.weights[layer.name][0]
        return split_weights(layer, weights)[projection.number] if isinstance(layer, Neurons) else weights

    def write(self, path: FilePath) -> None:
        """Write a model file, with all scales 1 because weights are in units of the threshold.

        Parameters
        ----------
        path : str or path
            The file, which is replaced if it exists.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        write_model(unit_scales(self), path)

    def __post_init__(self) -> None:
        first = self.layers[0]
        if is_graph(self.layers):
            check_graph(self.layers)
            return
        if isinstance(first, MaxPool) or first.groups != 1 or first.in_channels != 3:
            raise InputError(
                f"{first.name}: the first layer must be a convolution of 3 channels in one group, because its input is "
                "the image"
            )


def unit_scales(model: SpikingModel, provenance: dict[str, Any] | None = None) -> SiameseModel:
    """Turn a spiking network into a model with all scales 1, because its weights are in units of the threshold.

    Parameters
    ----------
    model : SpikingModel
        The spiking network.
    provenance : dict, optional
        Source, licence and training data, for the model file; empty by default.

    Returns
    -------
    SiameseModel
        A model from which `SpikingModel.from_model` returns the same weights, bit by bit.

    Raises
    ------
    InputError
        If the initial potential is negative, or not below the threshold; model files do not allow that.
    """
    scales = {layer.name: np.ones(layer.out_channels, np.float32) for layer in convolutions(model.layers)}
    return SiameseModel(
        model.layers,
        model.weights,
        scales=scales,
        normalisation="in units of spikes",
        initial_potential=model.initial_potential,
        provenance=provenance or {},
    )
