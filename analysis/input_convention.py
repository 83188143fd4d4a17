"""Which colour order does a network expect, and how much does it lose on gray images?

    python analysis/input_convention.py ROOT [--model compact] [--frames 100]

Tracks every sequence in ROOT with the CNN, on RGB frames, on BGR frames, and on gray frames (luminance in all three
channels). Prints the AUC of each and writes ``input_convention.csv``.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

import brian_siamsnn as bs
from brian_siamsnn.defaults import MODEL
from brian_siamsnn.evaluation.report import write_csv

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("root", type=Path)
parser.add_argument("--model", default=MODEL)
parser.add_argument("--frames", type=int, default=100, help="first frames of each sequence")
parser.add_argument("--output", type=Path, default=Path("input_convention.csv"))
arguments = parser.parse_args()

CONVENTIONS = {
    "RGB": lambda frame: frame,
    "BGR": lambda frame: np.ascontiguousarray(frame[:, :, ::-1]),
    "gray": lambda frame: cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY),
}

tracker = bs.TrackerConfig(model=arguments.model, tracker="cnn").build_tracker()
rows = []
for source in tqdm(sorted(path for path in arguments.root.iterdir() if path.is_dir())):
    sequence = bs.open_sequence(source)
    row = {"sequence": sequence.name}
    for name, change in CONVENTIONS.items():
        changed = replace(sequence, frames=lambda change=change, frames=sequence.frames: map(change, frames()))
        row[name] = bs.track(changed, tracker, frames=arguments.frames).metrics["auc"]
    rows.append(row)
rows.append({"sequence": "mean", **{name: np.mean([row[name] for row in rows]) for name in CONVENTIONS}})
write_csv(arguments.output, rows)
print(f"{'AUC':<16}" + "".join(f"{name:>8}" for name in CONVENTIONS))
for row in rows:
    print(f"{row['sequence']:<16}" + "".join(f"{row[name]:8.3f}" for name in CONVENTIONS))
