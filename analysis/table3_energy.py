"""Table III for any model and sequences: operations, power, time and energy, as printed and corrected.

    python analysis/table3_energy.py [SOURCE ...] [--model compact] [--frames 20] [--steps 20] [--coding rate]

A SOURCE is a sequence or a folder of OTB sequences; the synthetic sequence without any. Every sequence is tracked and
every operation counted: a spike times its fan-out (the paper, IV.C, "with the formula in [16]"). Writes ``table3.csv``,
``counts.csv`` with median and quartiles over the sequences, and pictures of operations by layer, of energy by hardware,
and of energy against T.

The paper divides a number of operations by operations a second and watt, calls it a power, and multiplies by 20 ms; the
table has both that and the energy that the number stands for (brian_siamsnn/energy/table3.py).
"""

import argparse
import csv
from functools import reduce
from operator import add
from pathlib import Path

import brian2
import numpy as np
from tqdm import tqdm

from brian_siamsnn.energy.cost_models import load_cost_models
from brian_siamsnn.energy.counter import OperationCounter
from brian_siamsnn.energy.plots import plot_energy_against_steps, plot_energy_by_hardware, plot_layers
from brian_siamsnn.energy.report import bills, energy_report, format_report
from brian_siamsnn.files import write_json
from brian_siamsnn.matching.matchers import SpikingMatcher
from brian_siamsnn.model.files import load_model
from brian_siamsnn.sequences.sources import open_sequence
from brian_siamsnn.tracking.run import track
from brian_siamsnn.tracking.tracker import SiameseTracker

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("sources", nargs="*", metavar="SOURCE")
parser.add_argument("--model", default="compact")
parser.add_argument("--frames", type=int, default=20, help="first frames of each sequence")
parser.add_argument("--steps", type=int, default=20, help="T")
parser.add_argument("--matching", default="hsm")
parser.add_argument("--coding", default="rate", help="of the output layer; the paper's row has two_status")
parser.add_argument("--scales", type=int, default=3)
parser.add_argument("--cost-models", type=Path, help="TOML file with hardware of your own")
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/table3"))
arguments = parser.parse_args()

brian2.prefs.logging.console_log_level = "ERROR"
brian2.BrianLogger.initialize()
arguments.output.mkdir(parents=True, exist_ok=True)
costs = load_cost_models(arguments.cost_models)

sources = []
for source in arguments.sources or ["synthetic"]:
    inside = sorted(path for path in Path(source).glob("*") if (path / "groundtruth_rect.txt").is_file())
    sources += [str(path) for path in inside] or [source]

# Count. One crop at a time, so that each scale is counted apart.
matcher = SpikingMatcher(load_model(arguments.model), arguments.steps, arguments.matching, arguments.coding, crops=1)
works, exemplars = {}, {}
for source in tqdm(sources, desc="sequences", disable=None):
    meter = OperationCounter(matcher)
    track(open_sequence(source), SiameseTracker(meter, arguments.scales), frames=arguments.frames)
    works[Path(source).name], exemplars[Path(source).name] = meter.mean_frame(), meter.exemplar

# Table III for the mean frame, each sequence weighing the same.
model = matcher.search_branch.model
frame = reduce(add, works.values()) / len(works)
report = energy_report(frame, model, costs, arguments.scales)
with open(arguments.output / "table3.csv", "w", newline="", encoding="utf-8") as file:
    writer = csv.DictWriter(file, list(report["table3"][0]))
    writer.writeheader()
    writer.writerows(report["table3"])
write_json(arguments.output / "report.json", report)
print(format_report(report))

# Spread over the sequences: what moves enters a network costs more.
counts = {
    name: {
        **work.counts,
        "exemplar_operations": exemplars[name].operations,
        **{f"energy on {title} (J)": bill.total for title, bill in bills(work, model, costs).items()},
    }
    for name, work in works.items()
}
with open(arguments.output / "counts.csv", "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file)
    keys = list(next(iter(counts.values())))
    writer.writerow(["sequence", *keys])
    writer.writerows([name, *row.values()] for name, row in counts.items())
    for name, share in (("lower quartile", 25), ("median", 50), ("upper quartile", 75)):
        writer.writerow([name, *(np.percentile([row[key] for row in counts.values()], share) for key in keys)])
operations = [row["synaptic_operations"] for row in counts.values()]
print(
    "\nsynaptic operations of a frame over {} sequences: median {:,.0f}, quartiles {:,.0f} and {:,.0f}".format(
        len(operations), *np.percentile(operations, [50, 25, 75])
    )
)

# Operations by layer; energy by hardware; energy against T, which is what was spent up to each step.
plot_layers(frame, f"{arguments.model}: a frame of {arguments.scales} scales").savefig(
    arguments.output / "layers.png", dpi=120
)
plot_energy_by_hardware(bills(frame, model, costs)).savefig(arguments.output / "hardware.png", dpi=120)
until = [bills(frame.until(steps), model, costs) for steps in range(1, arguments.steps + 1)]
cnn = {f"CNN, {costs[name].title}": report["hardware"][name]["cnn_energy"] for name in ("titan-x", "cmos45-fp32")}
plot_energy_against_steps({title: [one[title] for one in until] for title in until[0]}, cnn).savefig(
    arguments.output / "steps.png", dpi=120
)
print(f"tables and pictures are in {arguments.output}")
