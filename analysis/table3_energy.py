"""Table III for any model and sequences: operations, power, time and energy, as printed and corrected.

    python analysis/table3_energy.py [SOURCE ...] [--model compact] [--frames 20] [--steps 20] [--coding rate]

A SOURCE is a sequence or a folder of OTB sequences; the synthetic sequence by default. The script tracks every sequence
and counts every operation, where a spike counts as many times as its fan-out (the paper, IV.C, "with the formula in
[16]"). Writes ``table3.csv``, ``counts.csv`` with median and quartiles over the sequences, and plots of operations by
layer, energy by hardware, and energy against T.

The paper divides a number of operations by operations per second per watt, calls the result a power, and multiplies it
by 20 ms. The table lists both this value and the corrected energy (brian_siamsnn/energy/table3.py).
"""

import argparse
import csv
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
from tqdm import tqdm

import brian_siamsnn as bs
from brian_siamsnn.defaults import MATCHING, MODEL, SCALES
from brian_siamsnn.energy.cost_models import load_cost_models
from brian_siamsnn.energy.plots import plot_energy_against_steps, plot_energy_by_hardware, plot_layers
from brian_siamsnn.energy.report import bills, energy_report, format_report
from brian_siamsnn.environment import quiet
from brian_siamsnn.evaluation.report import write_csv
from brian_siamsnn.files import write_json

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("sources", nargs="*", metavar="SOURCE")
parser.add_argument("--model", default=MODEL)
parser.add_argument("--frames", type=int, default=20, help="first frames of each sequence")
parser.add_argument("--steps", type=int, help="time steps T; 20 by default, and what it takes for a wave")
parser.add_argument("--matching", default=MATCHING)
parser.add_argument("--coding", default="rate", help="of the output layer; two_status in the paper's table; or wave")
parser.add_argument("--scales", type=int, default=SCALES)
parser.add_argument("--cost-models", type=Path, help="TOML file with your own hardware")
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/table3"))
arguments = parser.parse_args()

quiet()
arguments.output.mkdir(parents=True, exist_ok=True)
costs = load_cost_models(arguments.cost_models)

sources = []
for source in arguments.sources or ["synthetic"]:
    folders = sorted(path.parent for path in Path(source).glob("*/groundtruth_rect.txt"))
    sources += [str(folder) for folder in folders] or [source]

# Track and count. With one crop at a time, each scale is counted separately.
settings = {name: getattr(arguments, name) for name in ("model", "steps", "matching", "coding", "scales")}
config = bs.TrackerConfig(**settings)
matcher = config.build_spiking_matcher(crops=1)
works, exemplars = {}, {}
for source in tqdm(sources, desc="sequences", disable=None):
    counter = bs.OperationCounter(matcher)
    tracker = bs.SiameseTracker(counter, arguments.scales)
    bs.track(bs.open_sequence(source), tracker, frames=arguments.frames)
    works[Path(source).name], exemplars[Path(source).name] = counter.mean_frame(), counter.exemplar

# Table III for the mean frame; all sequences have the same weight.
model = matcher.search_branch.model
frame = reduce(add, works.values()) / len(works)
report = energy_report(frame, model, costs, arguments.scales, config.wave)
write_csv(arguments.output / "table3.csv", report["table3"])
write_json(arguments.output / "report.json", report)
print(format_report(report))

# Counts of each sequence, with quartiles over the sequences.
counts = {}
for name, work in works.items():
    energy = {f"energy on {title} (J)": bill.total for title, bill in bills(work, model, costs).items()}
    counts[name] = {**work.counts, "exemplar_operations": exemplars[name].operations, **energy}
with open(arguments.output / "counts.csv", "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file)
    keys = list(next(iter(counts.values())))
    writer.writerow(["sequence", *keys])
    writer.writerows([name, *row.values()] for name, row in counts.items())
    for name, share in (("lower quartile", 25), ("median", 50), ("upper quartile", 75)):
        writer.writerow([name, *(np.percentile([row[key] for row in counts.values()], share) for key in keys)])
operations = [row["synaptic_operations"] for row in counts.values()]
low, median, high = np.percentile(operations, [25, 50, 75])
print(f"\nsynaptic operations per frame over {len(operations)} sequences:")
print(f"median {median:,.0f}, quartiles {low:,.0f} and {high:,.0f}")

# Operations by layer, energy by hardware, and energy against T: the energy spent up to each step.
until = [bills(frame.until(steps), model, costs) for steps in range(1, matcher.search_branch.steps + 1)]
spiking = {title: [energies[title] for energies in until] for title in until[0]}
cnn = {f"CNN, {costs[name].title}": report["hardware"][name]["cnn_energy"] for name in ("titan-x", "cmos45-fp32")}
figures = {
    "layers": plot_layers(frame, f"{arguments.model}: a frame of {arguments.scales} scales"),
    "hardware": plot_energy_by_hardware(bills(frame, model, costs)),
    "steps": plot_energy_against_steps(spiking, cnn),
}
for name, figure in figures.items():
    figure.savefig(arguments.output / f"{name}.png", dpi=120)
print(f"tables and plots are in {arguments.output}")
