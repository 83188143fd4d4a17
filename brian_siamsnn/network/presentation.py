"""Presenting several images one after another in a single simulation.

A compiled simulation shows image after image without returning to Python. Each presentation takes

    F = T + (L-1)*lag

time steps. Layer l of L, counted from 0, works in steps l*lag to l*lag + T - 1. The lag is 0 if a spike crosses all
layers in one step, and 1 if the device delivers it in the next step. The replacement

    t  ->  (timestep(t, dt) % F - l*lag)*dt

gives the equations of a layer the time since the image reached that layer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from brian2 import Equations, Function
from brian2.equations.equations import SUBEXPRESSION
from brian2.utils.stringtools import word_substitute

if TYPE_CHECKING:
    from ..neurons.equations import NeuronEquations

__all__ = ["CURRENTS", "Presentation", "image_current", "initial_statements"]

#: Name of the static array with the input currents, in the C++ of a compiled network.
CURRENTS = "_image_currents"

#: Strings of a neuron model that may contain the time ``t``.
_CODE = ("model", "update", "threshold", "reset", "refractory", "on_pre")


@dataclass(frozen=True)
class Presentation:
    """The time steps that one image takes.

    Attributes
    ----------
    steps : int
        T, the number of steps in which each layer works.
    layers : int
        L, the number of layers.
    lag : {0, 1}
        Number of steps until a spike reaches the next layer.
    """

    steps: int
    layers: int
    lag: int

    @property
    def length(self) -> int:
        """F = T + (L-1)*lag, the number of steps of a presentation."""
        return self.steps + (self.layers - 1) * self.lag

    def onset(self, layer: int) -> int:
        """Compute the first step of a layer within the presentation.

        Parameters
        ----------
        layer : int
            Number of the layer, counted from 0.

        Returns
        -------
        int
            The step l*lag, counted from 0.
        """
        return layer * self.lag

    def step(self, layer: int) -> str:
        """Write the expression for the number of steps since the onset of a layer.

        Parameters
        ----------
        layer : int
            Number of the layer, counted from 0.

        Returns
        -------
        str
            Brian2 expression of ``t`` and ``dt``; negative before the onset.
        """
        step = f"(timestep(t, dt) % {self.length})"
        return f"({step} - {self.onset(layer)})" if self.lag else step

    def equations(self, equations: NeuronEquations, layer: int) -> NeuronEquations:
        """Replace ``t`` in a neuron model by the time since the layer's onset.

        Parameters
        ----------
        equations : NeuronEquations
            Equations of the layer's neurons.
        layer : int
            Number of the layer, counted from 0.

        Returns
        -------
        NeuronEquations
            A copy of the model with every ``t`` replaced.
        """
        local = {"t": f"({self.step(layer)}*dt)"}
        return replace(equations, **{part: word_substitute(getattr(equations, part), local) for part in _CODE})


def initial_statements(equations: NeuronEquations) -> str:
    """Write the statements that reset every variable to its value before the first step.

    Parameters
    ----------
    equations : NeuronEquations
        Equations of a layer's neurons.

    Returns
    -------
    str
        Brian2 statements, one per line.
    """
    changing = [e for e in Equations(equations.model).values() if e.type != SUBEXPRESSION and "constant" not in e.flags]
    # Brian2 requires statements on shared variables first
    changing.sort(key=lambda equation: "shared" not in equation.flags)
    kinds = {"float": float, "integer": int, "boolean": bool}
    lines = [f"{e.varname} = {kinds[e.var_type](equations.initial.get(e.varname, 0))!r}" for e in changing]
    if equations.refractory:  # no neuron is refractory
        lines += ["lastspike = -1e4*second", "not_refractory = True"]
    return "\n".join(lines)


def image_current(currents: np.ndarray) -> Function:
    """Make a Brian2 function of (neuron, image) that returns the input current of the first layer.

    The C++ implementation reads the static array `CURRENTS` of the program. Filling it again shows other images.

    Parameters
    ----------
    currents : ndarray, shape (images, N)
        Input current of each of the N neurons, for each image.

    Returns
    -------
    brian2.Function
        The function, with implementations for NumPy and C++.
    """
    # Brian2 passes a user's function floats, so the image index arrives as one
    function = Function(
        lambda neuron, image: currents[np.asarray(image, int), neuron], arg_units=[1, 1], return_unit=1, stateless=False
    )
    code = f"""
    static inline double image_current(const int neuron, const double image)
    {{
        return _namespace{CURRENTS}[{currents.shape[1]}*(int)image + neuron];
    }}"""
    function.implementations.add_implementation("cpp", code, name="image_current", namespace={CURRENTS: currents})
    return function
