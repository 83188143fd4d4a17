"""Brian2 objects attached to the network: monitors in three slots, noise, and a population that reads the last layer.

    python analysis/brian2_objects.py [SOURCE] [--frame 20] [--model compact] [--noise 0 0.01 0.03 0.1 0.3] [--seed 1]

SOURCE is any source of ``brian-siamsnn track`` with ground truth; the synthetic sequence by default. Top: the membrane
potential of a neuron of the second layer within each step of Eq. 2-4: its bias is added (slot ``groups``), the spikes
of the first layer arrive and it fires (``thresholds``), the threshold is subtracted (``resets``). Middle: one leaky,
refractory neuron, in volts, for each channel of the last layer, behind synapses with a delay. Bottom: spikes of the
last layer if every neuron of the first layer gets Gaussian noise in every step. Writes ``objects.png`` and
``noise.csv``.
"""

import argparse
from itertools import islice
from pathlib import Path

import brian2
import matplotlib.pyplot as plt
import numpy as np
from brian2 import ms, mV

import brian_siamsnn as bs
from brian_siamsnn.crops import target_crop
from brian_siamsnn.defaults import MODEL
from brian_siamsnn.evaluation.report import write_csv
from brian_siamsnn.palette import PALETTE

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("source", nargs="?", default="synthetic", metavar="SOURCE")
parser.add_argument("--frame", type=int, default=20, help="frame of the search crop, from 0")
parser.add_argument("--model", default=MODEL)
parser.add_argument(
    "--noise", type=float, nargs="+", default=[0, 0.01, 0.03, 0.1, 0.3], help="standard deviations, in thresholds"
)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/brian2_objects"))
arguments = parser.parse_args()
brian2.prefs.codegen.target = "numpy"  # nothing to compile for a few images
brian2.seed(arguments.seed)

sequence = bs.open_sequence(arguments.source)
frame = next(islice(sequence, arguments.frame, None))
image = target_crop(frame, sequence.boxes[arguments.frame])
figure, (within, population, noisy) = plt.subplots(3, figsize=(8, 9), layout="constrained")

# monitors: the potential of a neuron of the second layer that fires in every third step
branch = bs.SpikingBranch(arguments.model, len(image), coding="rate")
first, second, *_, last = branch.groups.values()
counts = brian2.SpikeMonitor(second, record=False)
branch.add(counts)
branch.run(image)
neuron = int(np.argmin(abs(counts.count - branch.steps / 3)))
slots = {"after_groups": "bias added", "after_thresholds": "spikes arrived", "end": "reset"}
monitors = [brian2.StateMonitor(second, "v", record=neuron, when=slot, clock=branch.clock) for slot in slots]
branch.add(monitors)

# a population: one cell for each channel of the last layer
channels = branch.shapes[branch.last_layer][2]
tau = 5 * ms
cells = brian2.NeuronGroup(
    channels,
    "dv/dt = (-65*mV - v)/tau : volt (unless refractory)",
    threshold="v > -55*mV",
    reset="v = -65*mV",
    refractory=2 * ms,
    method="exact",
    clock=branch.clock,
)
cells.v = -65 * mV
synapses = brian2.Synapses(last, cells, on_pre="v_post += 0.25*mV", delay=2 * ms, clock=branch.clock)
synapses.connect(i=np.arange(last.N), j=np.arange(last.N) % channels)  # neurons are numbered channels-last
spikes = brian2.SpikeMonitor(cells)
branch.add(cells, synapses, spikes)
branch.run(image)

for monitor, (slot, text), colour in zip(monitors, slots.items(), PALETTE, strict=False):
    within.plot(monitor.t / ms, monitor.v[0], "o", color=colour, label=f"{text} ({slot})")
within.axhline(1, color="black", linewidth=0.8, linestyle=":")
within.set(title=f"{second.name}, neuron {neuron}", xlabel="t (ms)", ylabel="v (thresholds)", xlim=(-0.5, 20))
within.legend(fontsize=8, loc="lower right")
population.plot(spikes.t / ms, spikes.i, "|", color=PALETTE[0])
population.set(title=f"One cell for each channel of {last.name}", xlabel="t (ms)", ylabel="channel", xlim=(-0.5, 20))

# noise: an operation of the first layer
rows = []
for sigma in arguments.noise:
    branch = bs.SpikingBranch(arguments.model, len(image), coding="rate")
    group = next(iter(branch.groups.values()))
    group.run_regularly("v += sigma*randn()", when="groups", order=1, clock=branch.clock)
    trains = branch.run(image)
    if not rows:
        quiet = trains.dense() > 0
    kept = (quiet & (trains.dense() > 0)).sum() / quiet.sum()
    rows.append({"sigma": sigma, "spikes": len(trains), "same": f"{kept:.4f}"})
noisy.bar([str(row["sigma"]) for row in rows], [row["spikes"] for row in rows], color=PALETTE[0], label="all")
noisy.bar(
    [str(row["sigma"]) for row in rows],
    [float(row["same"]) * rows[0]["spikes"] for row in rows],
    color=PALETTE[1],
    width=0.4,
    label=f"also fired with {rows[0]['sigma']:g}",
)
noisy.set(title=f"Noise in {first.name}", xlabel="sigma per step (thresholds)", ylabel=f"spikes of {last.name}")
noisy.legend(fontsize=8, loc="lower left")

arguments.output.mkdir(parents=True, exist_ok=True)
figure.savefig(arguments.output / "objects.png", dpi=110)
write_csv(arguments.output / "noise.csv", rows)
print((arguments.output / "noise.csv").read_text())
