"""Recognise people across their track by matching spikes: rank-1 and mean average precision.

    python analysis/reidentification.py [TRACKS] [--model compact] [--steps 20] [--tau 1]

TRACKS is a folder with one folder for each person: ``img`` with frames, and ``groundtruth_rect.txt`` with a box for
each. The first frame of each track is a query; the frames of the second half of all tracks are the gallery. A query and
a gallery image are compared by their spike trains in the last layer (PSM, TSM with tau = 0 and HSM, Eq. 6-9, divided by
the square root of both self-similarities), and by the cosine of the CNN's features. Gallery images are ranked for each
query; rank-1 is the share of queries whose best match is the same person. The network was trained for tracking, not for
this. Writes ``reidentification.csv``.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

import brian_siamsnn as bs
from brian_siamsnn.crops import EXEMPLAR_SIZE, target_crop
from brian_siamsnn.defaults import LAMBDA_T, LAMBDA_V, MODEL, TAU
from brian_siamsnn.matching.similarity import matching_kernel
from brian_siamsnn.model.numpy_cnn import cnn_activations

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("tracks", nargs="?", type=Path, default=Path("data/train/tracks"), metavar="TRACKS")
parser.add_argument("--model", default=MODEL)
parser.add_argument("--coding", help="wave, or rate if steps are given, by default")
parser.add_argument("--steps", type=int, help="T of rate coding; by default a wave")
parser.add_argument("--tau", type=int, default=TAU, help="response period of HSM")
parser.add_argument("--people", type=int, help="only the first so many tracks")
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/reidentification"))
arguments = parser.parse_args()

folders = sorted(path for path in arguments.tracks.glob("*") if (path / "img").is_dir())[: arguments.people]
if not folders:
    sys.exit(f"{arguments.tracks}: no tracks there; give a folder of tracks with img/ and groundtruth_rect.txt")

model = bs.load_model(arguments.model)
branch = bs.SpikingBranch(model, EXEMPLAR_SIZE, arguments.steps, arguments.coding)
person, query, trains, features = [], [], [], []
for number, folder in enumerate(tqdm(folders, desc="people", disable=None)):
    sequence = bs.open_sequence(folder)
    frames = [k for k, box in enumerate(sequence.boxes) if np.isfinite(box).all()]
    chosen = {frames[0], *frames[len(frames) // 2 :]}
    for k, frame in enumerate(sequence):
        if k in chosen:
            crop = target_crop(frame, sequence.boxes[k], "exemplar")
            person.append(number)
            query.append(k == frames[0])
            dense = branch.run(crop).dense()
            trains.append(dense.reshape(len(dense), -1).astype(np.float32))
            last = cnn_activations(model, crop)[branch.last_layer]
            features.append(np.maximum(last, 0).ravel())
person, query, trains, features = map(np.array, (person, query, trains, features))


def compared(kernel):
    """Normalised similarity of each query (rows) with each gallery image: z K x / sqrt(z K z, x K x)."""
    smoothed = np.einsum("tm,nmi->nti", kernel, trains, optimize=True)
    own = np.sqrt(np.einsum("nti,nti->n", smoothed, trains))
    scores = np.tensordot(smoothed[query], trains[~query], ([1, 2], [1, 2]))
    return scores / np.outer(own[query], own[~query])


def scored(similarity):
    """Rank-1 and mean average precision in per cent."""
    first, precisions = [], []
    for row, who in zip(similarity, person[query], strict=True):
        right = person[~query][np.argsort(-row, kind="stable")] == who
        hits = np.flatnonzero(right)
        first.append(right[0])
        precisions.append(np.mean(np.arange(1, len(hits) + 1) / (hits + 1)))
    return 100 * np.mean(first), 100 * np.mean(precisions)


steps = branch.steps
kernels = {
    "PSM": matching_kernel("psm", steps, 0, LAMBDA_V, LAMBDA_T),
    "TSM": matching_kernel("tsm", steps, 0, LAMBDA_V, LAMBDA_T),
    "HSM": matching_kernel("hsm", steps, arguments.tau, LAMBDA_V, LAMBDA_T),
}
results = [(name, *scored(compared(kernel))) for name, kernel in kernels.items()]
unit = features / np.linalg.norm(features, axis=1, keepdims=True)
results.append(("cosine of the CNN", *scored(unit[query] @ unit[~query].T)))
chance = 100 * np.mean([(person[~query] == who).mean() for who in person[query]])

print(f"{query.sum()} people, {(~query).sum()} gallery images; {branch}; chance {chance:.1f} %")
for name, first, precision in results:
    print(f"{name:18} rank-1 {first:5.1f} %   mAP {precision:5.1f} %")
arguments.output.mkdir(parents=True, exist_ok=True)
with open(arguments.output / "reidentification.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["matching", "rank1_percent", "map_percent"])
    writer.writerows(results)
