"""Are trains that HSM calls alike also alike by the measures of spike train analysis?

    python analysis/synchrony.py [SOURCE] [--frame 20] [--model compact] [--places 60] [--pairs 150]

The exemplar's trains of the output layer are laid over the search region's at places around the target and in the
background. For each place, the HSM score (Eq. 9) stands against the mean ISI distance, SPIKE distance (both 0 for
the same trains) and SPIKE synchronisation (1 for the same) of pairs of neurons that lie on each other, drawn at
random among those that fire at all; these three are PySpike's (Kreuz et al. 2007, 2013, 2015). SOURCE is what
``brian-siamsnn track`` takes, with true boxes. Writes ``synchrony.png`` and ``synchrony.csv``.
"""

import argparse
import csv
from itertools import islice
from pathlib import Path

import numpy as np
import pyspike
from matplotlib.figure import Figure
from scipy.stats import spearmanr
from tqdm import tqdm

from brian_siamsnn.matching import Template, matching_kernel
from brian_siamsnn.palette import BLUE, VERMILION
from brian_siamsnn.recording import record_spikes, target_crop
from brian_siamsnn.sequences import open_source
from brian_siamsnn.spike_objects import to_pyspike

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("source", nargs="?", default="synthetic", metavar="SOURCE")
parser.add_argument("--frame", type=int, default=20, help="of the search region; the exemplar is from frame 0")
parser.add_argument("--model", default="compact")
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--places", type=int, default=60)
parser.add_argument("--pairs", type=int, default=150, help="pairs of neurons a place")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/synchrony"))
arguments = parser.parse_args()
rng = np.random.default_rng(arguments.seed)

# Trains of both branches, and the response map.
sequence = open_source(arguments.source)
first, frame = (next(islice(sequence, k, None)) for k in (0, arguments.frame))
crops = {"exemplar": target_crop(first, sequence.boxes[0], "exemplar"),
         "search": target_crop(frame, sequence.boxes[arguments.frame])}  # fmt: skip
z, x = (next(iter(record_spikes(arguments.model, crop, steps=arguments.steps).values())) for crop in crops.values())
template = Template.from_trains(z.dense(), matching_kernel("hsm", arguments.steps))
response = template.match(x.dense())

# The places nearest to the centre, where the target is, and others at random.
size = len(response)
places = np.array([(y, x) for y in range(size) for x in range(size)])
distance = np.hypot(*(places - (size - 1) / 2).T)
order = np.argsort(distance)
near = order[: arguments.places // 3]
chosen = np.concatenate([near, rng.choice(order[len(near) :], arguments.places - len(near), replace=False)])

# A train for every neuron, silent ones too.
exemplar, search = (np.array(to_pyspike(trains, range(trains.size)), object).reshape(trains.shape) for trains in (z, x))
fires_z, fires_x = z.counts() > 0, x.counts() > 0
measures = {"ISI distance": pyspike.isi_distance, "SPIKE distance": pyspike.spike_distance,
            "SPIKE synchronisation": pyspike.spike_sync}  # fmt: skip
rows = []
for place in tqdm(chosen, desc="places", disable=None):
    y, left = places[place]
    window = slice(y, y + z.shape[0]), slice(left, left + z.shape[1])
    both = np.argwhere(fires_z | fires_x[window])
    picked = both[rng.choice(len(both), min(arguments.pairs, len(both)), replace=False)]
    pairs = [(exemplar[tuple(i)], search[window][tuple(i)]) for i in picked]
    values = [np.mean([measure(a, b) for a, b in pairs]) for measure in measures.values()]
    rows.append([y, left, distance[place], response[y, left], *values])
table = np.array(rows)

figure = Figure(figsize=(10, 3.6), layout="constrained")
target = table[:, 2] <= 2
for axes, (name, column) in zip(figure.subplots(1, 3), zip(measures, range(4, 7), strict=True), strict=True):
    axes.plot(table[~target, 3], table[~target, column], "o", color=BLUE, ms=4, label="background")
    axes.plot(table[target, 3], table[target, column], "D", color=VERMILION, ms=5, label="within 2 cells of the target")
    correlation = spearmanr(table[:, 3], table[:, column]).statistic
    axes.set(xlabel="HSM score (Eq. 9)", ylabel=name)
    axes.set_title(f"Spearman {correlation:+.2f}", fontsize=10)
    print(f"{name:<22} target {table[target, column].mean():.3f}, background {table[~target, column].mean():.3f}, "
          f"Spearman with HSM {correlation:+.2f}")  # fmt: skip
figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)

arguments.output.mkdir(parents=True, exist_ok=True)
figure.savefig(arguments.output / "synchrony.png", dpi=110)
with open(arguments.output / "synchrony.csv", "w", newline="", encoding="utf-8") as file:
    head = ["y", "x", "cells_from_centre", "hsm", *(name.lower().replace(" ", "_") for name in measures)]
    csv.writer(file).writerows([head, *rows])
print(f"synchrony.png and synchrony.csv are in {arguments.output}")
