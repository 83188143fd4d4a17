"""Constants of the matching (Eq. 8, 9) and of two-status coding (Eq. 12), tried on a grid.

    python analysis/sweep.py [ROOT] [--sequences biker,davis_libby] [--frames 60] [--lambda-t 0 5 20 80] [--tau 0 1 2 3]
                             [--beta 0.6 0.65 0.7] [--p 5 10] [--steps 20] [--model compact] [--workers 2]

ROOT is a folder of sequences that no score is reported on, such as the training videos; those that never
train (`brian_siamsnn.recipe.HELD_OUT`) are taken from it where they are there. Without it, the synthetic set.
lambda_v stays 1: only the ratio of the two weights moves a peak. Eq. 8 is without effect at lambda_t = 0, so tau
is not varied there. Two-status coding is tried with the paper's matching.

Writes the boxes of every point (a sweep that was stopped goes on), ``sweep.csv`` and ``sweep.png``.
"""

import argparse
from pathlib import Path

from matplotlib.figure import Figure

from brian_siamsnn.evaluation.plots import save
from brian_siamsnn.evaluation.report import write_csv
from brian_siamsnn.evaluation.run import evaluate
from brian_siamsnn.palette import BLACK, PALETTE
from brian_siamsnn.sequences.datasets import open_dataset
from brian_siamsnn.sequences.otb import canonical
from brian_siamsnn.tracking.config import TrackerConfig
from brian_siamsnn.training.recipe import HELD_OUT

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("root", nargs="?", type=Path, metavar="ROOT")
parser.add_argument("--sequences", metavar="A,B", help="only these; the held-out videos where there are any")
parser.add_argument("--frames", type=int, default=15, help="first frames of each sequence")
parser.add_argument("--lambda-t", type=float, nargs="+", default=[0, 5, 20, 80])
parser.add_argument("--tau", type=int, nargs="+", default=[1])
parser.add_argument("--beta", type=float, nargs="*", default=[0.65])
parser.add_argument("--p", type=int, nargs="*", default=[10], help="neuron state period")
parser.add_argument("--steps", type=int, nargs="+", default=[20], help="T")
parser.add_argument("--model", default="compact")
parser.add_argument("--workers", type=int, default=1)
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/sweep"))
arguments = parser.parse_args()

dataset = open_dataset(arguments.root)
held_out = [item.name for item in dataset.items if item.name in map(canonical, HELD_OUT)]
names = arguments.sequences.split(",") if arguments.sequences else held_out
dataset = dataset.only(names) if names else dataset

# The grid: every point is a configuration, and every configuration has its own folder.
common = {"model": arguments.model, "frames": arguments.frames}
points = []
for steps in arguments.steps:
    for lambda_t in arguments.lambda_t:
        for tau in arguments.tau if lambda_t else arguments.tau[:1]:
            point = {"steps": steps, "lambda_t": lambda_t, "tau": tau, "beta": None, "p": None}
            points.append((point, TrackerConfig(steps=steps, lambda_t=lambda_t, tau=tau, **common)))
    for beta in arguments.beta:
        for p in arguments.p:
            point = {"steps": steps, "lambda_t": 20.0, "tau": 1, "beta": beta, "p": p}
            points.append((point, TrackerConfig(steps=steps, coding=f"two_status:beta={beta:g},p={p}", **common)))

rows = []
for point, configuration in points:
    report = evaluate(configuration, dataset, arguments.output / configuration.hash[:8], arguments.workers)
    each = {name: row["auc"] for name, row in report["sequences"].items()}
    rows.append({**point, **report["mean"], "synaptic_operations": report["total"]["synaptic_operations"], **each})
    write_csv(arguments.output / "sweep.csv", rows)
    print(f"{configuration.label}: AUC {report['mean']['auc']:.3f}", flush=True)

# Left: lambda_t with a line for each tau and T. Right: beta with a line for each p and T.
figure = Figure(figsize=(9.5, 4), layout="constrained")
left, right = figure.subplots(1, 2, sharey=True)


def lines(axes, chosen, x, line):
    """AUC against x, a line for each value of `line` and T."""
    keys = list(dict.fromkeys((row[line], row["steps"]) for row in chosen))
    for key, colour in zip(keys, PALETTE * len(keys), strict=False):
        along = [row for row in chosen if (row[line], row["steps"]) == key]
        style = "-" if key[1] == max(arguments.steps) else "--"
        places = range(len(values := sorted({row[x] for row in chosen})))
        where = dict(zip(values, places, strict=True))
        axes.plot(
            [where[row[x]] for row in along],
            [row["auc"] for row in along],
            style,
            marker="o",
            color=colour,
            label=f"{line} = {key[0]}, T = {key[1]}",
        )
        axes.set_xticks(list(places), [f"{value:g}" for value in values])
    axes.set_xlabel(x)
    axes.grid(alpha=0.3)


rated = [row for row in rows if row["beta"] is None]
potential = [row for row in rated if row["lambda_t"] == 0]
lines(left, [row for row in rated if row["lambda_t"]], "lambda_t", "tau")
for row in potential:
    style = "-" if row["steps"] == max(arguments.steps) else "--"
    left.axhline(row["auc"], color=BLACK, linestyle=style, linewidth=1, label=f"lambda_t = 0, T = {row['steps']}")
left.set_ylabel(f"AUC, {len(dataset.items)} sequences")
left.legend(fontsize=7)
if two_status := [row for row in rows if row["beta"] is not None]:
    lines(right, two_status, "beta", "p")
    right.set_title("two-status coding, Eq. 12", fontsize=10)
    right.legend(fontsize=7)
left.set_title("response period and weight, Eq. 8 and 9", fontsize=10)
save(figure, arguments.output / "sweep.png")
print(f"sweep.csv and sweep.png are in {arguments.output}")
