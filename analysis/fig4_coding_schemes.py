"""Fig. 4: thresholds and spikes of a single neuron with each coding scheme.

    python analysis/fig4_coding_schemes.py [--codings rate phase:K=4 wave] [--current 0.55] [--steps 20]

The input current is constant, or random in each step with --seed. A neuron of a wave gathers for p steps, fires for p
steps, and then rests. Steps are numbered from 1, as in the paper. Writes
``fig4.png`` and ``fig4.csv``, with the potential, threshold and amplitude in each step.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import brian_siamsnn as bs
from brian_siamsnn.defaults import STEPS
from brian_siamsnn.palette import BLACK, BLUE, ORANGE, VERMILION

CODINGS = ["rate", "phase:K=5", "burst", "burst:gamma=2,v_0=0.125", "two_status", "wave"]

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--codings", nargs="+", metavar="NAME|FILE", default=CODINGS)
parser.add_argument("--current", type=float, default=0.55, help="mean input current")
parser.add_argument("--seed", type=int, help="of a random input; constant by default")
parser.add_argument("--steps", type=int, default=STEPS)
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/fig4"))
arguments = parser.parse_args()

current = np.full(arguments.steps, arguments.current)
if arguments.seed is not None:
    current = np.random.default_rng(arguments.seed).exponential(arguments.current, arguments.steps)

figure = Figure(figsize=(9, 1.9 * len(arguments.codings) + 0.4), layout="constrained")
panels = figure.subplots(len(arguments.codings), 1, sharex=True, squeeze=False).ravel()
steps, rows = np.arange(arguments.steps), []
for panel, coding in zip(panels, arguments.codings, strict=True):
    run = bs.probe(coding, current)
    amplitude = np.zeros(arguments.steps)
    amplitude[np.array(run.spike_steps, int)] = run.amplitudes
    v = run.at_threshold["v"]
    values = zip(current, v, run.threshold, amplitude, strict=True)
    rows += [[coding, t, *value] for t, value in enumerate(values)]
    # a threshold out of reach (alpha of Eq. 12) is drawn above the panel
    top = 1.15 * max(v.max(), np.where(run.threshold < 100, run.threshold, 0).max())
    threshold = np.where(run.threshold < 100, run.threshold, 1.02 * top)
    panel.bar(steps, amplitude, width=0.5, color=BLUE, label="spike amplitude")
    edges = np.append(steps - 0.5, steps[-1] + 0.5)
    panel.stairs(threshold, edges, baseline=None, color=VERMILION, lw=1.5, label="threshold V_th(t)")
    panel.plot(steps, v, color=BLACK, lw=0.8, marker=".", ms=4, label="potential before reset")
    sent = amplitude.sum() / arguments.steps
    panel.set_title(f"{coding}: {len(run.spike_steps)} spikes, {sent:.2f} sent per step", fontsize=10, loc="left")
    panel.set_ylim(min(0, v.min()), top)
    panel.axhline(arguments.current, color=ORANGE, lw=0.8, ls=":", label="mean input per step")
panels[-1].set(xlabel="time step", xlim=(-0.6, arguments.steps - 0.4), xticks=steps if len(steps) <= 30 else None)
figure.legend(*panels[0].get_legend_handles_labels(), fontsize=9, ncols=4, loc="outside upper center", frameon=False)

arguments.output.mkdir(parents=True, exist_ok=True)
figure.savefig(arguments.output / "fig4.png", dpi=110)
with open(arguments.output / "fig4.csv", "w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows([["coding", "step", "input", "potential", "threshold", "amplitude"], *rows])
print(f"fig4.png and fig4.csv are in {arguments.output}")
