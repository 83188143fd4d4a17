"""Do spike trains that HSM scores as similar also agree by the measures of spike train analysis?

    python analysis/synchrony.py [SOURCE] [--frame 20] [--model compact] [--places 100] [--pairs 150]

The exemplar's output spike trains are shifted over those of the search region, to positions near the target and in the
background. For each position, the script compares the HSM score (Eq. 9) with three measures from PySpike (Kreuz et al.
2007, 2013, 2015): ISI distance and SPIKE distance, which are 0 for identical trains, and SPIKE synchronisation, which
is 1. They are averaged over pairs of aligned neurons, drawn at random from pairs in which at least one neuron fires.

All positions within 2 cells of the target are used; the others are drawn from the background. Since the target stands
out by any measure, rank correlations are also given for the background alone. Those for PSM and TSM (Eq. 6 and 8) tell
whether the timing or the number of spikes matters. SOURCE is any source of ``brian-siamsnn track`` with ground truth.
Requires ``pip install 'brian_siamsnn[spikes]'``. Writes ``response.png``, ``synchrony.png``, ``synchrony.csv`` and
``correlations.csv``.
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

import brian_siamsnn as bs
from brian_siamsnn.crops import target_crop
from brian_siamsnn.defaults import MODEL, STEPS
from brian_siamsnn.matching.similarity import MATCHINGS, Template, matching_kernel
from brian_siamsnn.palette import BLUE, VERMILION
from brian_siamsnn.spikes.objects import to_pyspike
from brian_siamsnn.spikes.plots import response_over_image

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("source", nargs="?", default="synthetic", metavar="SOURCE")
parser.add_argument("--frame", type=int, default=20, help="frame of the search region; the exemplar is from frame 0")
parser.add_argument("--model", default=MODEL)
parser.add_argument("--steps", type=int, default=STEPS)
parser.add_argument("--places", type=int, default=100, help="positions in the response map")
parser.add_argument("--pairs", type=int, default=150, help="pairs of neurons per position")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/synchrony"))
arguments = parser.parse_args()
rng = np.random.default_rng(arguments.seed)

# Spike trains of both branches, and the response maps.
sequence = bs.open_sequence(arguments.source)
first, frame = (next(islice(sequence, k, None)) for k in (0, arguments.frame))
crops = {
    "exemplar": target_crop(first, sequence.boxes[0], "exemplar"),
    "search": target_crop(frame, sequence.boxes[arguments.frame]),
}
recorded = {branch: bs.record_spikes(arguments.model, crop, steps=arguments.steps) for branch, crop in crops.items()}
z, x = (trains for layers in recorded.values() for trains in layers.values())
kernels = {name: matching_kernel(name, arguments.steps) for name in MATCHINGS}
responses = {name: Template.from_trains(z.dense(), kernel).match(x.dense()) for name, kernel in kernels.items()}

# The positions near the centre, where the target is, and a random sample of the others.
size = len(responses["hsm"])
positions = np.argwhere(np.ones((size, size)))
distance = np.hypot(*(positions - (size - 1) / 2).T)
near, far = np.flatnonzero(distance <= 2), np.flatnonzero(distance > 2)
if not 3 <= arguments.places - len(near) <= len(far):
    parser.error(f"--places: expected {len(near) + 3} to {len(positions)}, got {arguments.places}")
chosen = np.concatenate([near, rng.choice(far, arguments.places - len(near), replace=False)])

# A train for every neuron, including silent ones.
exemplar, search = (np.array(to_pyspike(trains, range(trains.size)), object).reshape(trains.shape) for trains in (z, x))
fires_z, fires_x = z.counts() > 0, x.counts() > 0
measures = {
    "ISI distance": pyspike.isi_distance,
    "SPIKE distance": pyspike.spike_distance,
    "SPIKE synchronisation": pyspike.spike_sync,
}
rows = []
for k in tqdm(chosen, desc="positions", disable=None):
    y, left = positions[k]
    window = slice(y, y + z.shape[0]), slice(left, left + z.shape[1])
    both = np.argwhere(fires_z | fires_x[window])
    picked = both[rng.choice(len(both), min(arguments.pairs, len(both)), replace=False)]
    pairs = [(exemplar[tuple(i)], search[window][tuple(i)]) for i in picked]
    values = [np.mean([measure(a, b) for a, b in pairs]) for measure in measures.values()]
    rows.append([y, left, distance[k], *(response[y, left] for response in responses.values()), *values])
table = np.array(rows)
target = table[:, 2] <= 2
scores = dict(zip(responses, table.T[3:6], strict=True))
correlations = []

figure = Figure(figsize=(10, 3.6), layout="constrained")
for axes, name, values in zip(figure.subplots(1, 3), measures, table.T[6:], strict=True):
    axes.plot(scores["hsm"][~target], values[~target], "o", color=BLUE, ms=4, label="background")
    axes.plot(scores["hsm"][target], values[target], "D", color=VERMILION, ms=5, label="within 2 cells of the target")
    print(f"{name}: target {values[target].mean():.3f}, background {values[~target].mean():.3f}")
    for matching, score in scores.items():
        both = spearmanr(score, values).statistic, spearmanr(score[~target], values[~target]).statistic
        correlations.append([name, matching, *both])
        print(f"  Spearman with {matching.upper()} {both[0]:+.2f}, in the background alone {both[1]:+.2f}")
        if matching == "hsm":
            axes.set_title(f"Spearman {both[0]:+.2f}\nin the background alone {both[1]:+.2f}", fontsize=9)
    axes.set(xlabel="HSM score (Eq. 9)", ylabel=name)
figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)

arguments.output.mkdir(parents=True, exist_ok=True)
figure.savefig(arguments.output / "synchrony.png", dpi=110)
title = f"HSM, {sequence.name}, frame {arguments.frame}"
response_over_image(crops["search"], responses["hsm"], title).savefig(arguments.output / "response.png", dpi=110)
with open(arguments.output / "synchrony.csv", "w", newline="", encoding="utf-8") as file:
    head = ["y", "x", "cells_from_centre", *responses, *(name.lower().replace(" ", "_") for name in measures)]
    csv.writer(file).writerows([head, *rows])
with open(arguments.output / "correlations.csv", "w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows([["measure", "matching", "spearman", "spearman_background"], *correlations])
print(f"response.png, synchrony.png, synchrony.csv and correlations.csv are in {arguments.output}")
