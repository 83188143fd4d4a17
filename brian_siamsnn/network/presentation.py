"""Presenting several images one after another in a single simulation.

A compiled simulation shows image after image without returning to Python. Each
presentation takes F steps, of which layer l uses the steps l*lag to
l*lag + T - 1, so F = T + (L-1)*lag. The lag is 0 where a spike crosses all
layers in one step, and 1 where the device delivers it in the next step. With

    t  ->  (timestep(t, dt) % F - l*lag)*dt

in place of ``t``, the equations of a layer see the time since the image was
presented to them.
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

__all__ = ["Presentation", "image_current", "initial_statements"]

#: Strings of a neuron model that may contain the time.
_CODE = ("model", "update", "threshold", "reset", "on_pre")


@dataclass(frozen=True)
class Presentation:
    """The time steps that one image takes.

    Attributes
    ----------
    steps : int
        T, in which each layer works.
    layers : int
        L.
    lag : {0, 1}
        Steps that a spike takes to the next layer.
    """

    steps: int
    layers: int
    lag: int

    @property
    def length(self) -> int:
        """F = T + (L-1)*lag, in steps."""
        return self.steps + (self.layers - 1) * self.lag

    def onset(self, layer: int) -> int:
        """First step of layer number ``layer``, counted from 0, within the presentation."""
        return layer * self.lag

    def step(self, layer: int) -> str:
        """Expression for the step since the onset of a layer."""
        step = f"(timestep(t, dt) % {self.length})"
        return f"({step} - {self.onset(layer)})" if self.lag else step

    def equations(self, equations: NeuronEquations, layer: int) -> NeuronEquations:
        """The same neuron model, whose ``t`` is the time since the layer's onset.

        Parameters
        ----------
        equations : NeuronEquations
        layer : int

        Returns
        -------
        NeuronEquations
        """
        local = {"t": f"({self.step(layer)}*dt)"}
        return replace(equations, **{part: word_substitute(getattr(equations, part), local) for part in _CODE})


def initial_statements(equations: NeuronEquations) -> str:
    """Statements that put every variable back to its value before the first step.

    Parameters
    ----------
    equations : NeuronEquations

    Returns
    -------
    str
    """
    changing = [e for e in Equations(equations.model).values() if e.type != SUBEXPRESSION and "constant" not in e.flags]
    # statements on what all neurons share have to come first
    changing.sort(key=lambda equation: "shared" not in equation.flags)
    kinds = {"float": float, "integer": int, "boolean": bool}
    return "\n".join(f"{e.varname} = {kinds[e.var_type](equations.initial.get(e.varname, 0))!r}" for e in changing)


def image_current(currents: np.ndarray) -> Function:
    """Brian2 function of (neuron, image): the input current of the first layer.

    Its implementation in C++ reads a table that the simulation loads when it starts, so that a compiled
    simulation takes other images when the table's file is overwritten.

    Parameters
    ----------
    currents : ndarray, shape (images, N)
    """
    # a user's function takes what Brian2 computes with, so the index arrives as a float
    function = Function(
        lambda neuron, image: currents[np.asarray(image, int), neuron], arg_units=[1, 1], return_unit=1, stateless=False
    )
    code = f"""
    static inline double image_current(const int neuron, const double image)
    {{
        return _namespace_image_currents[{currents.shape[1]}*(int)image + neuron];
    }}"""
    function.implementations.add_implementation(
        "cpp", code, name="image_current", namespace={"_image_currents": currents}
    )
    return function
