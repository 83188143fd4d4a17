"""Draw the README's overview: frames of the demo, and the spikes, firing rates and response map of the last one.

python analysis/overview.py [--output docs/overview.png]
"""

import argparse
import io

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import brian_siamsnn as bs
from brian_siamsnn.crops import target_crop
from brian_siamsnn.defaults import STEPS
from brian_siamsnn.palette import PALETTE
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from brian_siamsnn.tracking.overlay import draw_overlay

MODEL = "compact"

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--output", default="docs/overview.png")
arguments = parser.parse_args()

# Track the demo, and keep a few frames with their response maps.
shown = [0, 40, 80, 110]
sequence = SyntheticSequence()
tracker = bs.TrackerConfig(model=MODEL).build_tracker()
pictures, responses = {}, {}
for k, frame in enumerate(sequence):
    box = sequence.boxes[0] if k == 0 else tracker.update(frame)
    if k == 0:
        tracker.init(frame, box)
    if k in shown:
        pictures[k] = draw_overlay(frame, box, sequence.boxes[k])
        responses[k] = tracker.response
    if k == max(shown):
        break

# Record the spikes of every layer for a search crop of the last frame.
layers = bs.record_spikes(MODEL, target_crop(frame, tracker.box), "all")

figure = plt.figure(figsize=(12, 5.7), layout="constrained")
rows = figure.subfigures(2, 1, height_ratios=[1, 1.15])
for axes, k in zip(rows[0].subplots(1, len(shown)), shown, strict=True):
    axes.imshow(pictures[k])
    axes.set_title(f"frame {k}", fontsize=10)
    axes.axis("off")
left, middle, right = rows[1].subplots(1, 3, width_ratios=[1.5, 0.9, 0.9])

# A raster of 600 neurons per layer, chosen at random among those that fired.
rng = np.random.default_rng(0)
colours = PALETTE[: len(layers)]
base, ticks = 0, []
for trains, colour in zip(layers.values(), colours, strict=True):
    chosen = np.sort(rng.choice(np.unique(trains.neuron), 600, replace=False))
    keep = np.isin(trains.neuron, chosen)
    left.scatter(trains.step[keep], base + np.searchsorted(chosen, trains.neuron[keep]), s=1.6, c=colour, lw=0)
    ticks.append(base + 300)
    base += 640
left.set(xlabel="time step", xticks=[0, 5, 10, 15], xlim=(-0.7, STEPS - 0.3), ylim=(-20, base))
left.set(title="spikes of 600 neurons per layer", yticks=ticks, yticklabels=layers)

middle.bar(list(layers), [100 * trains.mean_rate() for trains in layers.values()], color=colours)
middle.set(title="mean firing rate (% of steps)")
image = right.imshow(responses[shown[-1]], cmap="viridis")
right.set_title(f"response map, frame {shown[-1]}")
right.axis("off")
rows[1].colorbar(image, ax=right, shrink=0.8)
# 256 colours, as in analysis/gallery.py, reduce the file to a quarter of its size
picture = io.BytesIO()
figure.savefig(picture, dpi=110)
picture = Image.open(picture).convert("RGB")
colours = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3)
picture.quantize(palette=colours).save(arguments.output, optimize=True)
