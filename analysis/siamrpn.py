"""Train a narrow SiamRPN on videos and tracks, and compare the boxes that it proposes before, after and as spikes.

    python analysis/siamrpn.py [DATA] [--width 12] [--steps 400] [--levels 4,8]

DATA is a training folder as for ``brian-siamsnn train``; its held-out scenes are used for the comparison only. A pair
is an exemplar and a search crop of 255 pixels whose target is displaced by up to 48 pixels and stretched by up to a
fifth in either direction. Losses are those of pysot: cross-entropy of anchors that overlap the target by more than 0.6
or less than 0.3, and L1 of the regression. For each held-out pair the most likely proposal is compared with the true
box; beside it, a box of the true size in the middle of the crop. Writes ``siamrpn.csv``, and ``siamrpn.pt`` with the
weights, which ``--weights`` uses again.
"""

import argparse
import csv
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional
from tqdm import tqdm

from brian_siamsnn.crops import EXEMPLAR_SIZE, SEARCH_SIZE, box_centre, exemplar_side
from brian_siamsnn.matching.region_matchers import ConvolutionalRegionMatcher, SpikingRegionMatcher
from brian_siamsnn.metrics import overlap
from brian_siamsnn.model.siamrpn import SiamRPN
from brian_siamsnn.model.siamrpn_conversion import convert_siamrpn
from brian_siamsnn.sequences.images import read_image
from brian_siamsnn.tracking.anchors import anchor_boxes, decoded, encoded
from brian_siamsnn.tracking.region_tracker import target_probability
from brian_siamsnn.training.augmentation import crop
from brian_siamsnn.training.pairs import read_videos
from brian_siamsnn.training.recipe import HELD_OUT

POSITIONS, SHIFT, STRETCH = 17, 48, 0.2
BATCH, LEARNING_RATE, REGRESSION_WEIGHT = 8, 2e-3, 1.2

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("data", nargs="?", type=Path, default=Path("data/train"), metavar="DATA")
parser.add_argument("--width", type=int, default=12, help="channels of the first convolution")
parser.add_argument("--steps", type=int, default=400, help="batches of 8 pairs")
parser.add_argument("--levels", default="4,8", help="levels p of the waves that are compared")
parser.add_argument("--pairs", type=int, default=60, help="held-out pairs")
parser.add_argument("--weights", type=Path, help="siamrpn.pt of an earlier run, in place of training")
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/siamrpn"))
arguments = parser.parse_args()

torch.manual_seed(0)
videos = [
    video
    for kind in ("video", "tracks")
    if (arguments.data / kind).is_dir()
    for video in read_videos(arguments.data / kind)
]
seen = [video for video in videos if video.scene not in HELD_OUT]
held_out = [video for video in videos if video.scene in HELD_OUT]
anchors = anchor_boxes(POSITIONS)
read = lru_cache(maxsize=2048)(read_image)


def pair(video, rng, stretch=STRETCH):
    """Exemplar, search crop, and the target's box (x, y of the centre, w, h) in it."""
    usable = np.flatnonzero((video.boxes[:, 2:] >= 8).all(1))
    first = rng.choice(usable)
    second = rng.choice(usable[np.abs(usable - first) <= 100])
    crops, change = [], np.exp(rng.uniform(-stretch, stretch, 2))
    shift = rng.uniform(-SHIFT, SHIFT, 2)
    for frame, size, at, zoom in (
        (first, EXEMPLAR_SIZE, np.zeros(2), np.ones(2)),
        (second, SEARCH_SIZE, shift, change),
    ):
        box = video.boxes[frame]
        pixels = zoom * exemplar_side(*box[2:]) / EXEMPLAR_SIZE
        crops.append(crop(read(video.files[frame]), box_centre(box), np.diag(pixels), size, at))
    return (*crops, np.concatenate([shift, box[2:] / pixels]))


def corners(boxes):
    """x, y, w, h with x and y of the top left corner, one box a row."""
    boxes = np.asarray(boxes, float).reshape(4, -1).T
    return np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, 2:]], 1)


def tensor(images):
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()


def loss_of(network, batch, rng):
    """Cross-entropy of up to 16 anchors on the target and 48 beside it, and the distance of the former's regression."""
    exemplars, searches, boxes = zip(*batch, strict=True)
    cls, loc = network(tensor(exemplars), tensor(searches))
    logs = functional.log_softmax(cls.reshape(len(batch), 2, -1), 1)
    loc, total = loc.reshape(len(batch), 4, -1), 0.0
    for k, box in enumerate(boxes):
        overlaps = overlap(corners(anchors), np.repeat(corners(box), anchors[0].size, 0))
        inside, outside = (
            rng.permutation(np.flatnonzero(one))[:n] for one, n in ((overlaps > 0.6, 16), (overlaps < 0.3, 48))
        )
        total = total - logs[k, 0, outside].mean() / 2
        if len(inside):
            wanted = torch.from_numpy(encoded(anchors, box).reshape(4, -1)[:, inside]).float()
            distance = (loc[k][:, inside] - wanted).abs().sum(0).mean()
            total = total - logs[k, 1, inside].mean() / 2 + REGRESSION_WEIGHT * distance
    return total / len(batch)


def scored(matcher, pairs):
    """Overlap of the most likely proposal with the true box, for each pair."""
    found = []
    for exemplar, search, box in pairs:
        matcher.set_exemplar(exemplar)
        cls, loc = matcher.propose(search)
        best = np.unravel_index(np.argmax(target_probability(cls)), anchors.shape[1:])
        found.append(overlap(corners(decoded(anchors, loc)[(slice(None), *best)]), corners(box))[0])
    return np.array(found)


rng = np.random.default_rng(1)
pairs = [pair(held_out[k % len(held_out)], rng) for k in range(arguments.pairs)]
network = SiamRPN(arguments.width)
rows = []


def report(name, overlaps):
    rows.append((name, round(float(overlaps.mean()), 3), round(float((overlaps > 0.5).mean()), 3)))
    print(f"{name:28} mean overlap {rows[-1][1]:.3f}, above 0.5 in {rows[-1][2]:.1%}", flush=True)


still = np.array([np.concatenate([[0, 0], box[2:]]) for *_, box in pairs])
report(
    "middle, true size",
    np.array([overlap(corners(one), corners(box))[0] for one, (*_, box) in zip(still, pairs, strict=True)]),
)
report("untrained", scored(ConvolutionalRegionMatcher(network.eval(), size=SEARCH_SIZE), pairs))
arguments.output.mkdir(parents=True, exist_ok=True)
if arguments.weights:
    network.load_state_dict(torch.load(arguments.weights, weights_only=True))
else:
    cv2.setNumThreads(1)
    optimizer = torch.optim.AdamW(network.train().parameters(), LEARNING_RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, arguments.steps)
    with tqdm(range(arguments.steps), desc="training", mininterval=10) as progress:
        for _ in progress:
            loss = loss_of(network, [pair(seen[rng.integers(len(seen))], rng) for _ in range(BATCH)], rng)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            progress.set_postfix(loss=f"{loss.item():.3f}")
    torch.save(network.state_dict(), arguments.output / "siamrpn.pt")
network.eval()
report("trained", scored(ConvolutionalRegionMatcher(network, size=SEARCH_SIZE), pairs))
exemplars, searches, _ = zip(*[pair(seen[rng.integers(len(seen))], rng) for _ in range(16)], strict=True)
for p in map(int, arguments.levels.split(",")):
    spiking = convert_siamrpn(network, exemplars, searches, levels=p)
    report(f"spikes, p = {p}", scored(SpikingRegionMatcher(spiking, f"wave:p={p}", size=SEARCH_SIZE), pairs))
with open(arguments.output / "siamrpn.csv", "w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows([("boxes", "mean overlap", "above 0.5"), *rows])
