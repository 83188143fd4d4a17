"""Fig. 5: success and precision plots of SiamFC, SiamSNN+HSM+TS and published trackers.

    python analysis/fig5_success_precision.py [ROOT] [--subset otb2013] [--frames 100] [--model compact] [--workers 2]
                                              [--configurations SiamFC SiamSNN+HSM+TS] [--boxes NAME=FILE ...]

ROOT is a folder of sequences; the synthetic set by default. --boxes adds curves of other trackers from their result
files. Writes the boxes of every run, ``fig5.png`` with both plots, and ``fig5.csv`` with the curves.
"""

import argparse
from pathlib import Path

from matplotlib.figure import Figure

import brian_siamsnn as bs
from brian_siamsnn.defaults import MODEL
from brian_siamsnn.evaluation.comparison import compare, dataset_truth, named_results
from brian_siamsnn.evaluation.plots import draw_curves, save
from brian_siamsnn.evaluation.report import write_csv
from brian_siamsnn.sequences.datasets import SUBSETS, open_dataset
from brian_siamsnn.tracking.presets import PAPER_CONFIGS

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("root", nargs="?", type=Path, metavar="ROOT")
parser.add_argument("--subset", choices=SUBSETS)
parser.add_argument("--model", default=MODEL)
parser.add_argument("--frames", type=int, help="first frames of each sequence; all by default")
parser.add_argument("--workers", type=int, default=1)
parser.add_argument("--boxes", nargs="+", default=[], metavar="[NAME=]FILE", help="result files of other trackers")
named = {"metavar": "NAME", "choices": PAPER_CONFIGS, "help": f"from {', '.join(PAPER_CONFIGS)}"}
parser.add_argument("--configurations", nargs="*", default=["SiamFC", "SiamSNN+HSM+TS"], **named)
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/fig5"))
arguments = parser.parse_args()

dataset = open_dataset(arguments.root, subset=arguments.subset)
for name in arguments.configurations:
    config = bs.TrackerConfig(**PAPER_CONFIGS[name], model=arguments.model)
    bs.evaluate(config, dataset, arguments.output / name, arguments.frames, arguments.workers)

# Score all trackers from their boxes, on the sequences that they have in common.
sources = [f"{name}={arguments.output / name}" for name in arguments.configurations] + arguments.boxes
reports = compare(named_results(sources), dataset_truth(dataset), arguments.frames, dataset)

figure = Figure(figsize=(11, 4.6), layout="constrained")
for axes, kind in zip(figure.subplots(1, 2), ("success", "precision"), strict=True):
    draw_curves(axes, reports, kind)
arguments.output.mkdir(parents=True, exist_ok=True)
save(figure, arguments.output / "fig5.png")
rows = [
    {"tracker": report["label"], "plot": kind, "threshold": threshold, "value": value}
    for report in reports
    for kind in ("success", "precision")
    for threshold, value in zip(report[kind]["thresholds"], report[kind]["values"], strict=True)
]
write_csv(arguments.output / "fig5.csv", rows)
for report in reports:
    print("{label}: AUC {auc:.3f}, precision {precision20:.3f}".format(label=report["label"], **report["mean"]))
print(f"fig5.png and fig5.csv are in {arguments.output}")
