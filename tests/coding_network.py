"""Every coding and gate in one small Brian2 network, for any device; run as a script on cpp_standalone.

python coding_network.py FOLDER compiles it there and prints its spikes as JSON.
"""

import json
import sys

import brian2
import numpy as np
from brian2 import ms

from brian_siamsnn.neurons import load_equations

CODINGS = [
    "rate:v_init=0.5",
    "phase:K=4",
    "burst",
    "burst:recursion=single",
    "two_status:beta=0.625,p=3",
    "two_status:beta=0.625,p=3,reading=ceil",
]
GATES = ["max_pool", "max_pool_first", "max_pool_all"]
STEPS = 20


def simulate(codings=CODINGS, gates=GATES):
    """Spikes of every population: name to [[neuron, step, amplitude], ...]."""
    clock = brian2.Clock(dt=1 * ms)
    network, monitors, n = brian2.Network(), {}, 6

    def add(name, model, size, order):
        equations = load_equations(model)
        group = equations.group(size, name, clock)
        group.thresholder["spike"].when, group.thresholder["spike"].order = "thresholds", order
        monitors[model] = brian2.SpikeMonitor(group, variables=[equations.amplitude], name=f"{name}_spikes",
                                              when="thresholds", order=9)  # fmt: skip
        network.add(group, monitors[model])
        return equations, group

    def join(sender, source, receiver, target, order, i, j, w=None):
        text = receiver.synapse if w is None else "w : 1 (constant)"
        synapses = brian2.Synapses(source, target, text, on_pre=receiver.arriving(sender), delay=0 * ms, clock=clock)
        synapses.connect(i=i, j=j)
        if w is not None:
            synapses.w = w
        synapses.pre.when, synapses.pre.order = "thresholds", order
        network.add(synapses)

    # what the codings send arrives at one population of rate neurons, each at neurons of its own
    receiver, target = add("sink", "rate", n * len(codings), 8)
    for k, coding in enumerate(codings):
        sender, source = add(f"coding{k}", coding, n, 0)
        source.I = [0.125, 0.3125, 0.5, 0.6875, 0.875, 1.25]
        i, j = (side.ravel() for side in np.mgrid[:n, :n])
        join(sender, source, receiver, target, 1, i, n * k + j, (i * 3 + j * 5) % 7 / 16 - 0.125)
        if coding == "burst":
            # windows 0-2, 2-4 and 3-5, into all three gates: amplitudes differ by neuron
            windows = np.array([0, 1, 2, 2, 3, 4, 3, 4, 5]), np.repeat([0, 1, 2], 3)
            for g, gate in enumerate(gates):
                equations, group = add(f"gate{g}", gate, 3, 2)
                join(sender, source, equations, group, 1, *windows)
    network.run(STEPS * ms, namespace={})
    result = {}
    for name, monitor in monitors.items():
        amplitude = np.array(getattr(monitor, load_equations(name).amplitude)[:], float)
        steps = np.round(np.array(monitor.t / ms)).astype(int)
        result[name] = sorted(zip(np.array(monitor.i[:]).tolist(), steps.tolist(), amplitude.tolist(), strict=True))
    return result


if __name__ == "__main__":
    brian2.prefs.codegen.cpp.extra_compile_args = ["-w", "-O0"]  # it is compiled once, for twenty steps
    brian2.prefs.devices.cpp_standalone.extra_make_args_unix = ["-j2"]
    brian2.set_device("cpp_standalone", directory=sys.argv[1])
    spikes = simulate()
    print("\n" + json.dumps(spikes))
