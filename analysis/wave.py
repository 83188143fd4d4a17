"""A wave: one image crosses the network, layer after layer, and every spike count is that of the quantised CNN.

    python analysis/wave.py [SOURCE] [--frame 20] [--model compact] [--p 4]

SOURCE is any source of ``brian-siamsnn track`` with ground truth; the synthetic sequence by default. Left: spikes of
120 neurons of each convolution, those that fire most and others at random; the shaded window is the one in which the
layer fires, and the one before it that in which it gathers. Right: spike counts against the activations of the CNN, in
units of a spike. Writes ``wave.png`` and ``wave.csv``, with the neurons of each count by layer.
"""

import argparse
import csv
from itertools import islice
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import brian_siamsnn as bs
from brian_siamsnn.crops import target_crop
from brian_siamsnn.defaults import MODEL
from brian_siamsnn.model.layers import convolutions
from brian_siamsnn.model.numpy_cnn import cnn_activations
from brian_siamsnn.palette import BLACK, PALETTE

SHOWN = 120

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("source", nargs="?", default="synthetic", metavar="SOURCE")
parser.add_argument("--frame", type=int, default=20, help="frame of the search crop, from 0")
parser.add_argument("--model", default=MODEL)
parser.add_argument("--p", type=int, default=4, help="levels: steps of a window")
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/wave"))
arguments = parser.parse_args()

sequence = bs.open_sequence(arguments.source)
frame = next(islice(sequence, arguments.frame, None))
crop = target_crop(frame, sequence.boxes[arguments.frame])
model, p = bs.load_model(arguments.model), arguments.p
layers = [layer.name for layer in convolutions(model.layers)]
trains = bs.record_spikes(model, crop, layers, coding=f"wave:p={p}")
activations = cnn_activations(model, crop)

figure = Figure(figsize=(10, 1.15 * len(layers) + 1), layout="constrained")
panels = figure.subplots(len(layers), 2, squeeze=False, width_ratios=[3, 1])
rng, rows = np.random.default_rng(0), []
for k, (name, (left, right)) in enumerate(zip(layers, panels, strict=True)):
    train, colour = trains[name], PALETTE[k % len(PALETTE)]
    counts = train.counts().ravel()
    most = np.argsort(-counts, kind="stable")[: SHOWN // 3]
    others = rng.choice(np.setdiff1d(np.arange(train.size), most), SHOWN - len(most), replace=False)
    place = np.full(train.size, -1)
    place[rng.permutation(np.concatenate([most, others]))] = np.arange(SHOWN)
    shown = place[train.neuron] >= 0
    left.axvspan(k * p - 0.5, (k + 1) * p - 0.5, color=colour, alpha=0.15, lw=0)
    left.scatter(train.step[shown], place[train.neuron[shown]], s=3, marker="s", color=colour, lw=0)
    left.set(xlim=(-0.5, train.steps - 0.5), ylim=(-2, SHOWN + 1), yticks=[], ylabel=name)
    left.set_title(f"{len(train):,} spikes of {train.size:,} neurons", fontsize=8, loc="right", pad=2)
    # scaled activations above p levels are clipped; the shares are those of the neurons with each count
    scaled = np.maximum(activations[name], 0).reshape(-1, activations[name].shape[-1]) / model.scales[name] * p
    means = [scaled.ravel()[counts == n].mean() if (counts == n).any() else np.nan for n in range(p + 1)]
    right.plot([0, p], [0, p], color=BLACK, lw=0.8, ls=":")
    right.plot(means, range(p + 1), "o-", color=colour, ms=4, lw=1)
    right.set(xlim=(-0.3, p + 1.5), ylim=(-0.3, p + 0.3), yticks=range(p + 1))
    rows.append([name, train.size, *np.bincount(counts, minlength=p + 1)])
for left, right in panels[:-1]:
    left.set_xticklabels([])
    right.set_xticklabels([])
panels[-1, 0].set(xlabel="time step", xticks=range(0, p * len(layers), p))
panels[-1, 1].set(xlabel="CNN activation, in spikes")
panels[len(layers) // 2, 1].set_ylabel("spike count")

arguments.output.mkdir(parents=True, exist_ok=True)
figure.savefig(arguments.output / "wave.png", dpi=110)
with open(arguments.output / "wave.csv", "w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows([["layer", "neurons", *(f"count {n}" for n in range(p + 1))], *rows])
print((arguments.output / "wave.csv").read_text(encoding="utf-8"))
