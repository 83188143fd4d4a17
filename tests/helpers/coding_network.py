"""Every coding and gate in one small Brian2 network, with as few objects as possible, since each is compiled."""

import brian2
import numpy as np
from brian2 import ms

from brian_siamsnn.neurons.equations import load_equations

CODINGS = [
    "rate:v_init=0.5",
    "phase:K=4",
    "burst",
    "two_status:beta=0.625,p=3",
]
GATES = ["max_pool", "max_pool_first", "max_pool_all"]
STEPS = 20


def simulate(codings=CODINGS, gates=GATES):
    """Spikes of every population: name to [(neuron, step, amplitude), ...]."""
    clock = brian2.Clock(dt=1 * ms)
    network, result, n = brian2.Network(), {}, 6

    def add(name, model, size, order):
        equations = load_equations(model)
        group = equations.group(size, name, clock)
        group.thresholder["spike"].when, group.thresholder["spike"].order = "thresholds", order
        spikes, fired = result.setdefault(model, []), group.variables["_spikespace"]
        amplitude, now = group.variables[equations.amplitude], clock.variables["timestep"]

        def record():  # a SpikeMonitor would be code to compile, and is compared in test_runtime.py
            neurons = fired.get_value()[: fired.get_value()[-1]]
            amplitudes = np.broadcast_to(amplitude.get_value(), size)[neurons]
            spikes.extend(
                zip(neurons.tolist(), [int(now.get_value()[0])] * len(neurons), amplitudes.tolist(), strict=True)
            )

        network.add(
            group, brian2.NetworkOperation(record, clock=clock, when="thresholds", order=9, name=f"{name}_spikes")
        )
        return equations, group

    def join(sender, source, receiver, target, order, i, j, w=None):
        text = receiver.synapse if w is None else "w : 1 (constant)"
        synapses = brian2.Synapses(source, target, text, on_pre=receiver.arriving(sender), delay=0 * ms, clock=clock)
        synapses.connect(i=i, j=j)
        if w is not None:
            synapses.w = w
        synapses.pre.when, synapses.pre.order = "thresholds", order
        network.add(synapses)

    receiver, target = add("sink", "rate", n, 8)
    for k, coding in enumerate(codings):
        sender, source = add(f"coding{k}", coding, n, 0)
        source.I = [0.125, 0.3125, 0.5, 0.6875, 0.875, 1.25]
        if coding.startswith("phase"):
            # an amplitude shared by all presynaptic neurons, through weights
            i, j = (side.ravel() for side in np.mgrid[:n, :n])
            join(sender, source, receiver, target, 1, i, j, (i * 3 + j * 5) % 7 / 16 - 0.125)
        if coding == "burst":
            # windows 0-2, 2-4 and 3-5, into all three gates: amplitudes differ between neurons
            windows = np.array([0, 1, 2, 2, 3, 4, 3, 4, 5]), np.repeat([0, 1, 2], 3)
            for g, gate in enumerate(gates):
                equations, group = add(f"gate{g}", gate, 3, 2)
                join(sender, source, equations, group, 1, *windows)
    network.run(STEPS * ms, namespace={})
    return {name: sorted(spikes) for name, spikes in result.items()}
