"""Fig. 2: do higher firing rates help? AUC and firing rates with layer-norm, channel-norm and burst coding.

    python analysis/fig2_firing_rates.py [SOURCE ...] [--model compact] [--frames 40] [--matching psm]

Each SOURCE is a sequence with ground truth, such as an OTB folder; the synthetic sequence by default. The scales of
layer-norm and channel-norm are the 99.9th percentile of the CNN's activations on four full images of each SOURCE, so
the two differ in nothing else. "as shipped" uses the scales of the model file. Writes ``fig2.png`` and ``fig2.csv``.
"""

import argparse
from itertools import islice
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

import brian_siamsnn as bs
from brian_siamsnn.defaults import MODEL, STEPS
from brian_siamsnn.environment import quiet
from brian_siamsnn.evaluation.report import write_csv
from brian_siamsnn.matching.similarity import MATCHINGS
from brian_siamsnn.model.activation_scales import with_activation_scales
from brian_siamsnn.model.calibration import calibration_crops
from brian_siamsnn.model.numpy_cnn import cnn_activations
from brian_siamsnn.palette import PALETTE

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("sources", nargs="*", default=["synthetic"], metavar="SOURCE")
parser.add_argument("--model", default=MODEL)
parser.add_argument("--frames", type=int, default=40, help="first frames of each sequence")
parser.add_argument("--steps", type=int, default=STEPS)
parser.add_argument("--matching", choices=MATCHINGS, default="psm", help="psm by default, as in the paper")
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/fig2"))
arguments = parser.parse_args()
quiet()

# The same CNN with two kinds of scales. Unlike bs.convert, this does not need PyTorch.
model = bs.load_model(arguments.model)
crops = [crop for source in arguments.sources for crop in islice(calibration_crops(bs.open_sequence(source)), 4)]
activations = []
for crop in tqdm(crops, desc="calibrating", disable=None):
    by_layer = cnn_activations(model, crop)
    activations.append({name: by_layer[name].transpose(2, 0, 1) for name in model.weights})  # channels first
layer_norm = with_activation_scales(model, activations, "layer")
channel_norm = with_activation_scales(model, activations, "channel")
methods = {
    "as shipped": (model, {}),
    "layer-norm": (layer_norm, {}),
    "channel-norm": (channel_norm, {}),
    # Eq. 11 in the hidden layers, with layer-norm: with the paper's constants, and with those of Park (2019)
    "burst": (layer_norm, {"hidden_coding": "burst"}),
    "growing burst": (layer_norm, {"hidden_coding": "burst:gamma=2,v_0=0.125"}),
}

rows = []
with tqdm(total=len(methods) * len(arguments.sources) * arguments.frames, unit=" frames", disable=None) as bar:
    for name, (network, options) in methods.items():
        matcher = bs.SpikingMatcher(network, arguments.steps, arguments.matching, **options)
        tracker = bs.SiameseTracker(matcher)
        results = [
            bs.track(bs.open_sequence(source), tracker, frames=arguments.frames, progress=bar.update)
            for source in arguments.sources
        ]
        auc = np.mean([result.metrics["auc"] for result in results])
        operations = matcher.operations / sum(len(result.boxes) for result in results)
        rows.append({"method": name, "auc": auc, "operations_per_frame": operations, **matcher.firing_rates})

figure = Figure(figsize=(10, 3.8), layout="constrained")
left, right = figure.subplots(1, 2, width_ratios=[1, 1.7])
names = [row["method"] for row in rows]
bars = left.barh(names, [row["auc"] for row in rows], color=PALETTE[: len(rows)])
left.bar_label(bars, fmt="%.3f", padding=3)
left.set(title=f"(a) AUC, {arguments.matching.upper()}", xlim=(0, 1.25 * max(row["auc"] for row in rows)))
left.invert_yaxis()
layers = list(matcher.firing_rates)
width = 0.8 / len(rows)
for k, (row, colour) in enumerate(zip(rows, PALETTE, strict=False)):
    x = np.arange(len(layers)) + (k - (len(rows) - 1) / 2) * width
    right.bar(x, [100 * row[layer] for layer in layers], width, color=colour, label=row["method"])
right.set(title="(b) mean firing rate (% of steps)", xticks=range(len(layers)), xticklabels=layers)
right.legend(fontsize=8)

arguments.output.mkdir(parents=True, exist_ok=True)
figure.savefig(arguments.output / "fig2.png", dpi=110)
write_csv(arguments.output / "fig2.csv", rows)
for row in rows:
    rates = ", ".join(f"{layer} {row[layer]:.1%}" for layer in layers)
    operations = f"{row['operations_per_frame'] / 1e6:.0f} million operations per frame"
    print(f"{row['method']:<14} AUC {row['auc']:.3f}, {operations}; {rates}")
print(f"fig2.png and fig2.csv are in {arguments.output}")
