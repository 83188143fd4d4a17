"""Fig. 7: AUC of the success plot against the number of time steps T, for each SiamSNN configuration.

    python analysis/fig7_latency.py [ROOT] [--steps 2 5 10 15 20] [--subset otb100] [--frames 100] [--model compact]
                                    [--configurations SiamSNN+HSM] [--levels 1 2 3 4 5 8] [--workers 2]

ROOT is a folder of sequences; the synthetic set by default. Two-status coding uses p = 10 at every T. A wave of p
levels takes p steps a convolution, so its latency follows from p. All have one template, as in the paper. Writes the
boxes of every run, ``fig7.png``, and ``fig7.csv``, which also lists operations, since fewer steps mean fewer spikes.
"""

import argparse
import importlib.util
from pathlib import Path

import brian_siamsnn as bs
from brian_siamsnn.defaults import MODEL
from brian_siamsnn.evaluation.plots import latency_figure, save
from brian_siamsnn.evaluation.report import write_csv
from brian_siamsnn.sequences.datasets import SUBSETS, open_dataset
from brian_siamsnn.tracking.presets import PAPER_CONFIGS

SPIKING = [name for name, settings in PAPER_CONFIGS.items() if settings.get("tracker") != "cnn"]

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("root", nargs="?", type=Path, metavar="ROOT")
parser.add_argument("--subset", choices=SUBSETS)
parser.add_argument("--steps", nargs="+", type=int, default=[2, 5, 10, 20])
parser.add_argument("--model", default=MODEL)
parser.add_argument("--frames", type=int, help="first frames of each sequence; all by default (synthetic set: 15)")
parser.add_argument("--workers", type=int, default=1)
named = {"metavar": "NAME", "choices": SPIKING, "help": f"from {', '.join(SPIKING)}; all by default"}
parser.add_argument("--configurations", nargs="+", default=SPIKING, **named)
parser.add_argument("--levels", nargs="*", type=int, default=[1, 2, 3, 4, 5, 8], metavar="P", help="of the wave")
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/fig7"))
arguments = parser.parse_args()

dataset = open_dataset(arguments.root, subset=arguments.subset)
frames = arguments.frames or (15 if arguments.root is None else None)
curves, rows, references = {name: {} for name in arguments.configurations}, [], {}
# every point: the configuration, its latency T, and its settings
points = [
    (name, steps, {**PAPER_CONFIGS[name], "steps": steps})
    for steps in sorted(arguments.steps)
    for name in arguments.configurations
]
for p in sorted(arguments.levels):
    for matching in ("psm", "hsm"):
        settings = {**PAPER_CONFIGS["SiamSNN+PSM"], "coding": f"wave:p={p}", "matching": matching}
        steps = bs.TrackerConfig(**settings, model=arguments.model).settings["steps"]
        points.append((f"SiamSNN+{matching.upper()}+wave", steps, settings))
if importlib.util.find_spec("torch"):
    config = bs.TrackerConfig(**PAPER_CONFIGS["SiamFC"], model=arguments.model)
    report = bs.evaluate(config, dataset, arguments.output / "SiamFC", frames, arguments.workers)
    references["SiamFC"] = report["mean"]["auc"]
for name, steps, settings in points:
    config = bs.TrackerConfig(**settings, model=arguments.model)
    report = bs.evaluate(config, dataset, arguments.output / f"{name}-T{steps}", frames, arguments.workers)
    curves.setdefault(name, {})[steps] = report["mean"]["auc"]
    operations = report["total"]["synaptic_operations"] / report["total"]["frames"]
    rows.append({"configuration": name, "steps": steps, **report["mean"], "operations_per_frame": operations})
    # update the files after every point, to show intermediate results
    write_csv(arguments.output / "fig7.csv", rows)
    save(latency_figure(curves, references), arguments.output / "fig7.png")
for name, curve in curves.items():
    print(f"{name}: " + ", ".join(f"T={steps} {value:.3f}" for steps, value in curve.items()))
print(f"fig7.png and fig7.csv are in {arguments.output}")
