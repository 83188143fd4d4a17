"""Simulate a single neuron step by step.

For exploring a neuron model, and for testing one (see `pytest_plugin`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from brian2 import Clock, Network, SpikeMonitor, StateMonitor, Synapses, get_device, ms, network_operation, prefs

from ..errors import InputError, reason_of
from .equations import SCHEDULE, NeuronEquations, load_equations

if TYPE_CHECKING:
    import numpy.typing as npt

    from .equations import Coding

__all__ = ["NeuronRun", "probe"]


@dataclass(frozen=True)
class NeuronRun:
    """Spikes and state variables of one simulated neuron.

    Steps count from 0, so ``v[k]`` is the membrane potential of step k. The paper counts from 1: its t is k + 1.

    Attributes
    ----------
    spike_steps : list of int
        Time steps in which the neuron fired.
    amplitudes : list of float
        Amplitude of each of these spikes.
    at_threshold : dict of str to ndarray, shape (T,)
        Every variable of the model when the threshold is tested in each step: input added, not yet reset.
    at_end : dict of str to ndarray, shape (T,)
        Every variable of the model at the end of each step.
    """

    spike_steps: list[int]
    amplitudes: list[float]
    at_threshold: dict[str, np.ndarray]
    at_end: dict[str, np.ndarray]

    @property
    def v(self) -> np.ndarray:
        """Membrane potential at the end of each step, V_mem(t) of Eq. 2; shape (T,)."""
        return self._variable(self.at_end, "v")

    @property
    def threshold(self) -> np.ndarray:
        """Threshold that the potential is compared with in each step, V_th(t) of Eq. 4; shape (T,)."""
        return self._variable(self.at_threshold, "v_th")

    def _variable(self, states, name):
        if name not in states:
            raise InputError(f"this neuron model has no variable {name!r}; it has {sorted(states)}")
        return states[name]


def probe(
    equations: Coding,
    input: npt.ArrayLike | None = None,
    *,
    arriving: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    **values: Any,
) -> NeuronRun:
    """Simulate a single neuron.

    Parameters
    ----------
    equations : str, path or NeuronEquations
        Neuron model, as for `load_equations`.
    input : array_like, shape (T,), optional
        Input current I in each time step; zero by default. At least one of `input` and `arriving` is needed; they set
        the number of steps.
    arriving : array_like, shape (T, n), optional
        Amplitudes of the spikes that arrive from n presynaptic neurons, 0 for no spike; none arrive by default.
    weights : array_like, shape (n,), optional
        Synaptic weight w of each presynaptic neuron; 1 by default.
    **values : number or str
        Parameters and choices of the model; ignored if `equations` is a `NeuronEquations`.

    Returns
    -------
    NeuronRun
        Spike steps, amplitudes and state variables. Steps count from 0.

    Raises
    ------
    InputError
        If the model or a value is not valid, the shapes of the inputs do not match, the equations divide by zero, or
        another Brian2 device than the runtime device is set.

    Examples
    --------
    >>> probe("rate", [0.375] * 9).spike_steps  # .375 .75 1.125->.125 .5 .875 1.25->.25 .625 1->0 .375
    [2, 5, 7]
    """
    if not isinstance(equations, NeuronEquations):
        equations = load_equations(equations, **values)
    if get_device().__class__.__name__ != "RuntimeDevice":
        raise InputError(
            f"probe: expected Brian2's runtime device, got {get_device().__class__.__name__}; "
            "call brian2.set_device('runtime') first"
        )
    current, spikes, weights = _inputs(input, arriving, weights)
    target = prefs["codegen.target"]
    prefs["codegen.target"] = "numpy"  # compiling is not worth it for one neuron
    try:
        return _simulate(equations, current, spikes, weights)
    finally:
        prefs["codegen.target"] = target


def _inputs(current, arriving, weights):
    if current is None and arriving is None:
        raise InputError("probe: expected input (a current for each step) or arriving (spikes), got neither")
    spikes = np.zeros((len(current), 0)) if arriving is None else np.array(arriving, float)
    current = np.zeros(len(spikes)) if current is None else np.array(current, float)
    if current.ndim != 1 or spikes.ndim != 2 or len(current) != len(spikes) or len(current) == 0:
        raise InputError(
            "probe: expected input of shape (T,) and arriving of shape (T, n), "
            f"got shapes {current.shape} and {spikes.shape}"
        )
    weights = np.ones(spikes.shape[1]) if weights is None else np.array(weights, float)
    if weights.shape != spikes.shape[1:]:
        raise InputError(
            f"probe: expected one weight for each of {spikes.shape[1]} presynaptic neurons, got shape {weights.shape}"
        )
    return current, spikes, weights


def _simulate(equations, current, spikes, weights):
    clock = Clock(dt=1 * ms)
    neuron = equations.group(1, "probed_neuron", clock)
    if current.any() and "I" not in neuron.variables:
        raise InputError(f"{equations.name}: takes no input current (it has no variable I); give it arriving spikes")
    neuron.thresholder["spike"].when, neuron.thresholder["spike"].order = "thresholds", 2
    names = sorted(equation.varname for equation in neuron.equations.values() if "constant" not in equation.flags)
    names += sorted({"v_th"} & neuron.equations.names - set(names))  # the threshold, even if it is constant
    fired = SpikeMonitor(neuron, variables=[equations.amplitude], when="thresholds", order=3)
    states = [
        StateMonitor(neuron, names, record=[0], when=when, order=4, clock=clock) for when in ("thresholds", "end")
    ]
    objects = [neuron, fired, *states]
    inputs = None
    if spikes.shape[1]:
        real = load_equations("real")
        inputs = real.group(spikes.shape[1], "probe_inputs", clock)
        inputs.thresholder["spike"].when, inputs.thresholder["spike"].order = "thresholds", 0
        on_pre = equations.arriving(real)
        weighted = bool(re.search(r"\bw\b", on_pre))
        synapses = Synapses(
            inputs,
            neuron,
            ("w : 1 (constant)\n" if weighted else "") + equations.synapse,
            on_pre=on_pre,
            delay=0 * ms,
            clock=clock,
        )
        synapses.connect()
        synapses.pre.when, synapses.pre.order = "thresholds", 1
        if weighted:
            synapses.w = weights
        objects += [inputs, synapses]

    @network_operation(clock=clock, when="start")
    def set_input(t):
        step = round(float(t / clock.dt))
        if "I" in neuron.variables:
            neuron.I = current[step]
        if inputs is not None:
            inputs.value = spikes[step]

    network = Network(*objects, set_input)
    network.schedule = list(SCHEDULE)
    try:
        with np.errstate(divide="raise", invalid="raise"):  # as in a network, whose compiled code raises an exception
            network.run(len(current) * ms, namespace={})
    except Exception as error:  # Brian2 raises exceptions of many types
        raise InputError(f"{equations.name}: these equations cannot be run: {reason_of(error)}") from error
    steps = np.round(np.asarray(fired.t_) / clock.dt_).astype(int)
    recorded = [{name: np.array(getattr(monitor, f"{name}_")[:]).reshape(-1) for name in names} for monitor in states]
    return NeuronRun(steps.tolist(), np.array(getattr(fired, f"{equations.amplitude}_")[:]).tolist(), *recorded)
