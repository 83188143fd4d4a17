"""Fig. 2: do higher firing rates help? AUC and firing rates with layer-norm, channel-norm and burst coding.

    python analysis/fig2_firing_rates.py [SOURCE ...] [--model compact] [--frames 40] [--matching psm]

Each SOURCE is a sequence with known boxes (an OTB folder, ...); by default the
synthetic one. The scales of layer-norm and channel-norm are taken anew from the
CNN's activations (99.9 percentile) on four whole images of each SOURCE, so that the
two differ in nothing else; "as shipped" has the scales of the model file. Writes ``fig2.png`` and ``fig2.csv``.
"""

import argparse
import csv
from itertools import islice
from pathlib import Path

import brian2
import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from brian_siamsnn.matching.matchers import SpikingMatcher
from brian_siamsnn.model.activation_scales import with_activation_scales
from brian_siamsnn.model.calibration import calibration_crops
from brian_siamsnn.model.files import load_model
from brian_siamsnn.model.numpy_cnn import cnn_activations
from brian_siamsnn.palette import PALETTE
from brian_siamsnn.sequences.sources import open_sequence
from brian_siamsnn.tracking.run import track
from brian_siamsnn.tracking.tracker import SiameseTracker

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("sources", nargs="*", default=["synthetic"], metavar="SOURCE")
parser.add_argument("--model", default="compact")
parser.add_argument("--frames", type=int, default=40, help="first frames of each sequence")
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--matching", choices=["hsm", "psm", "tsm"], default="psm", help="the paper's Fig. 2 is PSM's")
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/fig2"))
arguments = parser.parse_args()
brian2.prefs.logging.console_log_level = "ERROR"
brian2.BrianLogger.initialize()

# The same CNN with scales of two kinds (NumPy's activations; channels first, as convert takes them).
model = load_model(arguments.model)
crops = [crop for source in arguments.sources for crop in islice(calibration_crops(open_sequence(source)), 4)]
seen = [
    {
        layer.name: cnn_activations(model, crop)[layer.name].transpose(2, 0, 1)
        for layer in model.layers
        if layer.name in model.weights
    }
    for crop in tqdm(crops, desc="calibrating", disable=None)
]
layer_norm, channel_norm = (
    with_activation_scales(model, seen, normalisation) for normalisation in ("layer", "channel")
)
methods = {
    "as shipped": (model, {}),
    "layer-norm": (layer_norm, {}),
    "channel-norm": (channel_norm, {}),
    # Eq. 11 in the hidden layers, with layer-norm: as the paper's text has it, and as Park (2019) does
    "burst": (layer_norm, {"hidden_coding": "burst"}),
    "growing burst": (layer_norm, {"hidden_coding": "burst:gamma=2,v_0=0.125"}),
}

rows = []
with tqdm(total=len(methods) * len(arguments.sources) * arguments.frames, unit=" frames", disable=None) as bar:
    for name, (network, options) in methods.items():
        matcher = SpikingMatcher(network, arguments.steps, arguments.matching, **options)
        results = [
            track(open_sequence(source), SiameseTracker(matcher), frames=arguments.frames, progress=bar.update)
            for source in arguments.sources
        ]
        rows.append(
            {
                "method": name,
                "auc": np.mean([result.metrics["auc"] for result in results]),
                "operations_per_frame": matcher.operations / sum(len(result.boxes) for result in results),
                **matcher.firing_rates,
            }
        )

figure = Figure(figsize=(10, 3.8), layout="constrained")
left, right = figure.subplots(1, 2, width_ratios=[1, 1.7])
names = [row["method"] for row in rows]
bars = left.barh(names, [row["auc"] for row in rows], color=PALETTE[: len(rows)])
left.bar_label(bars, fmt="%.3f", padding=3)
left.set(title=f"(a) AUC, {arguments.matching.upper()}", xlim=(0, 1.25 * max(row["auc"] for row in rows)))
left.invert_yaxis()
layers = [key for key in rows[0] if key not in ("method", "auc", "operations_per_frame")]
width = 0.8 / len(rows)
for k, (row, colour) in enumerate(zip(rows, PALETTE, strict=False)):
    right.bar(
        np.arange(len(layers)) + (k - (len(rows) - 1) / 2) * width,
        [100 * row[layer] for layer in layers],
        width,
        color=colour,
        label=row["method"],
    )
right.set(title="(b) mean firing rate (% of steps)", xticks=range(len(layers)), xticklabels=layers)
right.legend(fontsize=8)

arguments.output.mkdir(parents=True, exist_ok=True)
figure.savefig(arguments.output / "fig2.png", dpi=110)
with open(arguments.output / "fig2.csv", "w", newline="", encoding="utf-8") as file:
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
for row in rows:
    rates = ", ".join(f"{layer} {row[layer]:.1%}" for layer in layers)
    operations = f"{row['operations_per_frame'] / 1e6:.0f} million operations a frame"
    print(f"{row['method']:<14} AUC {row['auc']:.3f}, {operations}; {rates}")
print(f"fig2.png and fig2.csv are in {arguments.output}")
