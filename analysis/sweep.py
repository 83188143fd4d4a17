"""Grid search over the constants of the matching (Eq. 8, 9) and of two-status coding (Eq. 12).

    python analysis/sweep.py [ROOT] [--sequences biker,davis_libby] [--frames 60] [--lambda-t 0 5 20 80] [--tau 0 1 2 3]
                             [--beta 0.6 0.65 0.7] [--p 5 10] [--steps 20] [--model compact] [--workers 2]

ROOT is a folder of sequences that are not used to report scores, such as the training videos; the synthetic set by
default. If it contains held-out videos (`brian_siamsnn.training.recipe.HELD_OUT`), only those are used. lambda_v stays
1, because only the ratio of the two weights affects the peak. At lambda_t = 0, Eq. 8 has no effect, so tau is not
varied. Two-status coding is combined with the default matching.

Writes the boxes of every grid point, ``sweep.csv`` and ``sweep.png``. An interrupted sweep continues.
"""

import argparse
from pathlib import Path

from matplotlib.figure import Figure

import brian_siamsnn as bs
from brian_siamsnn.defaults import LAMBDA_T, MODEL, STEPS, TAU
from brian_siamsnn.evaluation.plots import save
from brian_siamsnn.evaluation.report import write_csv
from brian_siamsnn.evaluation.store import evaluation_identity
from brian_siamsnn.palette import BLACK, PALETTE
from brian_siamsnn.sequences.datasets import open_dataset
from brian_siamsnn.sequences.otb import canonical
from brian_siamsnn.tracking.config import identity_hash
from brian_siamsnn.training.recipe import HELD_OUT

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("root", nargs="?", type=Path, metavar="ROOT")
parser.add_argument("--sequences", metavar="A,B", help="sequences to use; the held-out videos by default")
parser.add_argument("--frames", type=int, default=15, help="first frames of each sequence")
parser.add_argument("--lambda-t", type=float, nargs="+", default=[0, 5, 20, 80])
parser.add_argument("--tau", type=int, nargs="+", default=[TAU])
parser.add_argument("--beta", type=float, nargs="*", default=[0.65])
parser.add_argument("--p", type=int, nargs="*", default=[10], help="neuron state period")
parser.add_argument("--steps", type=int, nargs="+", default=[STEPS], help="time steps T")
parser.add_argument("--model", default=MODEL)
parser.add_argument("--workers", type=int, default=1)
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/sweep"))
arguments = parser.parse_args()

dataset = open_dataset(arguments.root)
held_out = [item.name for item in dataset.items if item.name in map(canonical, HELD_OUT)]
names = arguments.sequences.split(",") if arguments.sequences else held_out
dataset = dataset.only(names) if names else dataset

# Every grid point is a configuration with its own folder.
points = []
for steps in arguments.steps:
    for lambda_t in arguments.lambda_t:
        for tau in arguments.tau if lambda_t else arguments.tau[:1]:
            point = {"steps": steps, "lambda_t": lambda_t, "tau": tau, "beta": None, "p": None}
            config = bs.TrackerConfig(model=arguments.model, steps=steps, lambda_t=lambda_t, tau=tau)
            points.append((point, config))
    for beta in arguments.beta:
        for p in arguments.p:
            point = {"steps": steps, "lambda_t": LAMBDA_T, "tau": TAU, "beta": beta, "p": p}
            coding = f"two_status:beta={beta:g},p={p}"
            points.append((point, bs.TrackerConfig(model=arguments.model, steps=steps, coding=coding)))

rows = []
for point, config in points:
    folder = arguments.output / identity_hash(evaluation_identity(config, arguments.frames))[:8]
    report = bs.evaluate(config, dataset, folder, arguments.frames, arguments.workers)
    aucs = {name: row["auc"] for name, row in report["sequences"].items()}
    rows.append({**point, **report["mean"], "synaptic_operations": report["total"]["synaptic_operations"], **aucs})
    write_csv(arguments.output / "sweep.csv", rows)
    print(f"{config.label}: AUC {report['mean']['auc']:.3f}", flush=True)

# Left: lambda_t with a line for each tau and T. Right: beta with a line for each p and T.
figure = Figure(figsize=(9.5, 4), layout="constrained")
left, right = figure.subplots(1, 2, sharey=True)


def lines(axes, chosen, x, line):
    """Plot AUC against x, with a line for each value of `line` and T."""
    values = sorted({row[x] for row in chosen})
    position = {value: k for k, value in enumerate(values)}
    keys = list(dict.fromkeys((row[line], row["steps"]) for row in chosen))
    for key, colour in zip(keys, PALETTE * len(keys), strict=False):
        points = [(position[row[x]], row["auc"]) for row in chosen if (row[line], row["steps"]) == key]
        style = "-" if key[1] == max(arguments.steps) else "--"
        label = f"{line} = {key[0]}, T = {key[1]}"
        axes.plot(*zip(*points, strict=True), style, marker="o", color=colour, label=label)
    axes.set_xticks(range(len(values)), [f"{value:g}" for value in values])
    axes.set_xlabel(x)
    axes.grid(alpha=0.3)


rate = [row for row in rows if row["beta"] is None]
lines(left, [row for row in rate if row["lambda_t"]], "lambda_t", "tau")
for row in (row for row in rate if row["lambda_t"] == 0):
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
