"""Which steps the code of a layer can be left out in, because the layer of a wave rests.

A neuron of ``wave.toml`` changes only while it gathers or fires. Its update is needed in the steps of gathering; its
threshold is out of reach outside those of firing. The gates between two convolutions fire with the first of them. In
the step after a window, threshold and reset run once more, which clears the list of spikes and leaves v_th as the
equations say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..connectivity.kernel_equations import plain
from ..model.graph import is_graph, sources_of
from ..model.layers import Convolution
from ..neurons.equations import load_equations
from ..neurons.waves import Wave

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brian2.core.base import BrianObject

    from ..model.conversion import SpikingModel
    from ..neurons.equations import NeuronEquations

__all__ = ["RestingLayers", "is_shipped"]

_TEXTS = ("model", "update", "threshold", "reset", "refractory", "amplitude")

#: Largest value of a pixel.
_WHITE = 255


class RestingLayers:
    """The layers of a wave and the steps in which they work.

    Parameters
    ----------
    model : SpikingModel
        The network.
    equations : mapping of str to NeuronEquations
        By layer.
    groups : mapping of str to brian2.NeuronGroup
        By layer.
    steps : int
        T.
    """

    def __init__(
        self, model: SpikingModel, equations: Mapping[str, NeuronEquations], groups: Mapping[str, Any], steps: int
    ) -> None:
        self._groups, self._steps = groups, steps
        #: Layers that can rest, each with the convolution in whose windows it works: itself, or the one before a gate.
        self._works_with: dict[str, str] = {}
        sources = sources_of(model.layers)
        for layer in model.layers:
            own = equations[layer.name]
            if isinstance(layer, Convolution):
                if is_shipped(own, "wave") and own.parameters["alpha"] > _reach(model, layer, own, steps):
                    self._works_with[layer.name] = layer.name
            elif (before := sources[layer.name][0]) in self._works_with and is_shipped(own, "or_pool", "max_pool"):
                self._works_with[layer.name] = self._works_with[before]

    @property
    def all_layers(self) -> bool:
        """Whether every layer can rest, and none can fire outside its windows."""
        return set(self._works_with) == set(self._groups)

    def working_steps(self) -> dict[str, dict[BrianObject, np.ndarray]]:
        """Steps in which each object of a layer has something to do, as the variables of the layers are now.

        Returns
        -------
        dict of str to dict of brian2.BrianObject to ndarray of bool, shape (T,)
            By layer and object. A layer with other equations than those that ship is not in it, and neither is one
            whose potentials could reach the threshold of depression.
        """
        result = {}
        for layer, convolution in self._works_with.items():
            group = self._groups[convolution]
            p, waves, onset = (int(np.asarray(getattr(group, name))) for name in ("p", "waves", "onset"))
            wave = Wave(p, waves)
            fires, gathers = wave.fires(onset, self._steps), wave.gathers(onset, self._steps)
            result[layer] = _of_group(self._groups[layer], fires, gathers)
        return result


def _reach(model, layer, equations, steps):
    """A bound of the potentials of a convolution: everything positive arrives, and nothing is ever fired."""
    weights, bias = model.weights[layer.name]
    before = _WHITE if layer is model.layers[0] else equations.parameters["beta"]
    rows = weights.reshape(len(weights), -1)
    # a graph may see negative pixels
    positive = np.abs(rows) if is_graph(model.layers) and layer is model.layers[0] else np.maximum(rows, 0)
    step = (positive.sum(1) * before + np.maximum(bias, 0)).max()
    return equations.initial.get("v", 0.0) + float(step) * steps


def is_shipped(equations: NeuronEquations, *names: str) -> bool:
    """Whether equations have the text of a file that ships.

    Parameters
    ----------
    equations : NeuronEquations
        The equations.
    *names : str
        Names of shipped files.

    Returns
    -------
    bool
        True if all strings of the model are those of one of the files, but for white space.
    """
    texts = [[plain(getattr(each, text)) for text in _TEXTS] for each in (equations, *map(load_equations, names))]
    return texts[0] in texts[1:]


def _of_group(group, fires, gathers):
    # the first step sets v_th, and the one after a window clears what it left
    tested = fires | np.append(True, fires[:-1])
    objects = {group.thresholder["spike"]: tested, group.resetter["spike"]: tested}
    for item in group.contained_objects:
        if item.name == f"{group.name}_update":
            objects[item] = gathers
        elif item is getattr(group, "subexpression_updater", None):
            objects[item] = tested
    return objects
