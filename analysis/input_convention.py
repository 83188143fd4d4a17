"""Which colour order does a network take, and what does it lose on gray images?

    python analysis/input_convention.py ROOT [--model compact] [--frames 100]

Tracks every sequence below ROOT with the CNN, its frames as they are (RGB), with red
and blue exchanged (BGR), and as luminance in three equal channels. Prints the AUC
of each and writes ``input_convention.csv``.
"""

import argparse
import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from brian_siamsnn.matching.matchers import ConvolutionalMatcher
from brian_siamsnn.model.files import load_model
from brian_siamsnn.sequences.sources import open_sequence
from brian_siamsnn.tracking.run import track
from brian_siamsnn.tracking.tracker import SiameseTracker

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("root", type=Path)
parser.add_argument("--model", default="compact")
parser.add_argument("--frames", type=int, default=100)
parser.add_argument("--output", type=Path, default=Path("input_convention.csv"))
arguments = parser.parse_args()

CONVENTIONS = {
    "RGB": lambda frame: frame,
    "BGR": lambda frame: np.ascontiguousarray(frame[:, :, ::-1]),
    "gray": lambda frame: cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY),
}

matcher = ConvolutionalMatcher(load_model(arguments.model))
rows = []
for source in tqdm(sorted(path for path in arguments.root.iterdir() if path.is_dir())):
    sequence = open_sequence(source)
    row = {"sequence": sequence.name}
    for name, change in CONVENTIONS.items():
        changed = replace(sequence, frames=lambda change=change, frames=sequence.frames: map(change, frames()))
        row[name] = track(changed, SiameseTracker(matcher), frames=arguments.frames).metrics["auc"]
    rows.append(row)
rows.append({"sequence": "mean", **{name: np.mean([row[name] for row in rows]) for name in CONVENTIONS}})
with open(arguments.output, "w", newline="", encoding="utf-8") as file:
    writer = csv.DictWriter(file, ["sequence", *CONVENTIONS])
    writer.writeheader()
    writer.writerows(rows)
print(f"{'AUC':<16}" + "".join(f"{name:>8}" for name in CONVENTIONS))
for row in rows:
    print(f"{row['sequence']:<16}" + "".join(f"{row[name]:8.3f}" for name in CONVENTIONS))
