"""Fig. 7: AUC of the success plot against the number of time steps T, for each configuration of SiamSNN.

    python analysis/fig7_latency.py [ROOT] [--steps 2 5 10 15 20] [--subset otb100] [--frames 100] [--model compact]
                                    [--configurations SiamSNN+HSM] [--workers 2]

ROOT is a folder of sequences; without it, the synthetic set. Two-status coding keeps p = 10 at every T.
Writes the boxes of every run, ``fig7.png``, and ``fig7.csv`` with operations as well: fewer steps are fewer spikes.
"""

import argparse
import importlib.util
from pathlib import Path

from brian_siamsnn.evaluation.plots import latency_figure, save
from brian_siamsnn.evaluation.report import write_csv
from brian_siamsnn.evaluation.run import evaluate
from brian_siamsnn.sequences.datasets import SUBSETS, open_dataset
from brian_siamsnn.tracking.config import PAPER_CONFIGS, TrackerConfig

SPIKING = [name for name, settings in PAPER_CONFIGS.items() if settings.get("tracker") != "cnn"]

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("root", nargs="?", type=Path, metavar="ROOT")
parser.add_argument("--subset", choices=SUBSETS)
parser.add_argument("--steps", nargs="+", type=int, default=[2, 5, 10, 20])
parser.add_argument("--model", default="compact")
parser.add_argument("--frames", type=int, help="first frames of each sequence; 15 of the synthetic set, else all")
parser.add_argument("--workers", type=int, default=1)
parser.add_argument(
    "--configurations", nargs="+", choices=SPIKING, default=SPIKING, metavar="NAME", help=f"of {', '.join(SPIKING)}"
)
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/fig7"))
arguments = parser.parse_args()

dataset = open_dataset(arguments.root, subset=arguments.subset)
frames = arguments.frames or (15 if arguments.root is None else None)
common = {"model": arguments.model, "frames": frames}
curves, rows, references = {name: {} for name in arguments.configurations}, [], {}
if importlib.util.find_spec("torch"):
    report = evaluate(TrackerConfig(tracker="cnn", **common), dataset, arguments.output / "SiamFC", arguments.workers)
    references["SiamFC"] = report["mean"]["auc"]
for steps in sorted(arguments.steps):
    for name in arguments.configurations:
        configuration = TrackerConfig(**PAPER_CONFIGS[name], steps=steps, **common)
        folder = arguments.output / f"{name}-T{steps}"
        report = evaluate(configuration, dataset, folder, arguments.workers)
        curves[name][steps] = report["mean"]["auc"]
        operations = report["total"]["synaptic_operations"] / report["total"]["frames"]
        rows.append({"configuration": name, "steps": steps, **report["mean"], "operations_per_frame": operations})
    # after every T, so that there is something to look at
    write_csv(arguments.output / "fig7.csv", rows)
    save(latency_figure(curves, references), arguments.output / "fig7.png")
for name, curve in curves.items():
    print(f"{name}: " + ", ".join(f"T={steps} {value:.3f}" for steps, value in curve.items()))
print(f"fig7.png and fig7.csv are in {arguments.output}")
