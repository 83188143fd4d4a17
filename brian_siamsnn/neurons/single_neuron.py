"""One neuron alone, step by step: what it does with a given input.

For looking at a neuron model, and for testing one (`pytest_plugin`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from brian2 import Clock, Network, SpikeMonitor, StateMonitor, Synapses, get_device, ms, network_operation, prefs

from ..errors import InputError
from .equations import NeuronEquations, load_equations

if TYPE_CHECKING:
    import numpy.typing as npt

    from .equations import Coding

__all__ = ["NeuronRun", "probe"]


@dataclass(frozen=True)
class NeuronRun:
    """What one neuron did.

    Attributes
    ----------
    spike_steps : list of int
        Steps in which it fired; the first step is 1, as in the paper.
    amplitudes : list of float
        What each of these spikes carried.
    at_threshold : dict of str to ndarray, shape (T,)
        Every variable in each step when the threshold is tested: input added,
        not yet reset.
    at_end : dict of str to ndarray, shape (T,)
        Every variable at the end of each step.
    """

    spike_steps: list[int]
    amplitudes: list[float]
    at_threshold: dict[str, np.ndarray]
    at_end: dict[str, np.ndarray]

    @property
    def v(self) -> np.ndarray:
        """Membrane potential at the end of each step, V_mem(t) of Eq. 2; shape (T,)."""
        return self._of(self.at_end, "v")

    @property
    def threshold(self) -> np.ndarray:
        """Threshold that the potential was compared with in each step, V_th(t) of Eq. 4; shape (T,)."""
        return self._of(self.at_threshold, "v_th")

    def _of(self, states, name):
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
    """Simulate one neuron.

    Parameters
    ----------
    equations : str, path or NeuronEquations
        As for `load_equations`.
    input : sequence of T numbers, optional
        Input current I in each step; zero by default.
    arriving : array_like, shape (T, n), optional
        Spikes that arrive from n senders: what each carries, 0 where there is none.
    weights : sequence of n numbers, optional
        Synaptic weights w of the senders; 1 by default.
    **values
        Parameters and choices of the model.

    Returns
    -------
    NeuronRun

    Raises
    ------
    InputError
        If the model, its values or the shapes of the inputs are off.

    Examples
    --------
    >>> probe("rate", [0.375] * 9).spike_steps  # .375 .75 1.125->.125 .5 .875 1.25->.25 .625 1->0 .375
    [3, 6, 8]
    """
    if not isinstance(equations, NeuronEquations):
        equations = load_equations(equations, **values)
    if get_device().__class__.__name__ != "RuntimeDevice":
        raise InputError(
            f"a probe needs Brian2's runtime device; set_device({get_device().__class__.__name__}) is in force"
        )
    current, spikes, weights = _inputs(input, arriving, weights)
    target = prefs["codegen.target"]
    prefs["codegen.target"] = "numpy"  # nothing to compile for one neuron
    try:
        return _simulate(equations, current, spikes, weights)
    finally:
        prefs["codegen.target"] = target


def _inputs(current, arriving, weights):
    if current is None and arriving is None:
        raise InputError("probe: expected input, a current for each step, or arriving spikes; got neither")
    spikes = np.zeros((len(current), 0)) if arriving is None else np.array(arriving, float)
    current = np.zeros(len(spikes)) if current is None else np.array(current, float)
    if current.ndim != 1 or spikes.ndim != 2 or len(current) != len(spikes) or len(current) == 0:
        raise InputError(
            "probe: expected an input of T numbers and arriving spikes (T, senders), "
            f"got shapes {current.shape} and {spikes.shape}"
        )
    weights = np.ones(spikes.shape[1]) if weights is None else np.array(weights, float)
    if weights.shape != spikes.shape[1:]:
        raise InputError(f"probe: expected a weight for each of {spikes.shape[1]} senders, got shape {weights.shape}")
    return current, spikes, weights


def _simulate(equations, current, spikes, weights):
    clock = Clock(dt=1 * ms)
    neuron = equations.group(1, "probed_neuron", clock)
    if current.any() and "I" not in neuron.variables:
        raise InputError(f"{equations.name}: takes no input current, it has no variable I; give it arriving spikes")
    neuron.thresholder["spike"].when, neuron.thresholder["spike"].order = "thresholds", 2
    names = sorted(equation.varname for equation in neuron.equations.values() if "constant" not in equation.flags)
    names += sorted({"v_th"} & neuron.equations.names - set(names))
    fired = SpikeMonitor(neuron, variables=[equations.amplitude], when="thresholds", order=3)
    states = [
        StateMonitor(neuron, names, record=[0], when=when, order=4, clock=clock) for when in ("thresholds", "end")
    ]
    parts = [neuron, fired, *states]
    senders = None
    if spikes.shape[1]:
        real = load_equations("real")
        senders = real.group(spikes.shape[1], "probing_senders", clock)
        senders.thresholder["spike"].when, senders.thresholder["spike"].order = "thresholds", 0
        on_pre = equations.arriving(real)
        weighted = bool(re.search(r"\bw\b", on_pre))
        synapses = Synapses(
            senders,
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
        parts += [senders, synapses]

    @network_operation(clock=clock, when="start")
    def show(t):
        step = round(float(t / clock.dt))
        if "I" in neuron.variables:
            neuron.I = current[step]
        if senders is not None:
            senders.value = spikes[step]

    Network(*parts, show).run(len(current) * ms, namespace={})
    steps = np.round(np.asarray(fired.t_) / clock.dt_).astype(int) + 1
    recorded = [{name: np.array(getattr(monitor, f"{name}_")[:]).reshape(-1) for name in names} for monitor in states]
    return NeuronRun(steps.tolist(), np.array(getattr(fired, f"{equations.amplitude}_")[:]).tolist(), *recorded)
