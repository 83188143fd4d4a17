"""Fig. 6: frames of several sequences with the boxes of SiamFC, SiamSNN+PSM, SiamSNN+HSM+TS and the ground truth.

    python analysis/fig6_qualitative.py [ROOT] [--sequences Basketball,Bolt2,Car1] [--columns 4] [--frames 100]
                                        [--model compact] [--workers 2]

ROOT is a folder of sequences; the synthetic set by default. Shows the first five sequences, or those in --sequences.
Writes the boxes of every run, ``fig6.png``, and ``fig6.csv`` with the overlap in each frame shown.
"""

import argparse
from pathlib import Path

import numpy as np

import brian_siamsnn as bs
from brian_siamsnn.defaults import MODEL
from brian_siamsnn.evaluation.plots import frames_figure, save
from brian_siamsnn.evaluation.report import write_csv
from brian_siamsnn.evaluation.store import Store
from brian_siamsnn.metrics import overlap
from brian_siamsnn.sequences.datasets import Dataset, open_dataset
from brian_siamsnn.tracking.presets import PAPER_CONFIGS

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("root", nargs="?", type=Path, metavar="ROOT")
parser.add_argument("--sequences", metavar="A,B", help="sequences to show; the first five by default")
parser.add_argument("--columns", type=int, default=4, help="frames to show of each sequence")
parser.add_argument("--model", default=MODEL)
parser.add_argument("--frames", type=int, help="first frames of each sequence; all by default")
parser.add_argument("--workers", type=int, default=1)
named = {"metavar": "NAME", "choices": PAPER_CONFIGS, "help": f"from {', '.join(PAPER_CONFIGS)}"}
parser.add_argument("--configurations", nargs="+", default=["SiamFC", "SiamSNN+PSM", "SiamSNN+HSM+TS"], **named)
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/fig6"))
arguments = parser.parse_args()

names = arguments.sequences.split(",") if arguments.sequences else ()
dataset = open_dataset(arguments.root, names=names)
if not names:
    dataset = Dataset(dataset.name, dataset.items[:5])
for name in arguments.configurations:
    config = bs.TrackerConfig(**PAPER_CONFIGS[name], model=arguments.model)
    bs.evaluate(config, dataset, arguments.output / name, arguments.frames, arguments.workers)

# Show frames spread evenly over each sequence, except the first, in which all boxes are equal.
rows, table = {}, []
for item in dataset.items:
    sequence = item.open()
    results = {
        name: Store(arguments.output / name).load(item, sequence, arguments.frames) for name in arguments.configurations
    }
    tracked = {name: result["boxes"] for name, result in results.items() if result is not None}
    if not tracked:
        continue
    boxes = {"truth": sequence.boxes, **tracked}
    count = min(len(each) for each in boxes.values())
    shown = set(np.linspace(0, count - 1, arguments.columns + 1).round().astype(int)[1:])
    rows[item.name] = []
    for k, frame in enumerate(sequence):
        if k not in shown:
            continue
        rows[item.name].append((k, frame, {name: each[k] for name, each in boxes.items()}))
        overlaps = {name: overlap(each[[k]], sequence.boxes[[k]])[0] for name, each in tracked.items()}
        table.append({"sequence": item.name, "frame": k, **overlaps})
        if k == max(shown):
            break
save(frames_figure(rows), arguments.output / "fig6.png")
write_csv(arguments.output / "fig6.csv", table)
print(f"fig6.png and fig6.csv are in {arguments.output}")
