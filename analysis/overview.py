"""The picture of the README: frames of the demo, the spikes behind one of them, and the response they give.

python analysis/overview.py [--output docs/overview.png]
"""

import argparse
import io

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from brian_siamsnn.crops import EXEMPLAR_SIZE, SEARCH_SIZE, box_centre, crop, exemplar_side
from brian_siamsnn.matching.matchers import SpikingMatcher
from brian_siamsnn.model.files import load_model
from brian_siamsnn.network.runtime import SpikingBranch
from brian_siamsnn.palette import PALETTE
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from brian_siamsnn.tracking.overlay import draw_overlay
from brian_siamsnn.tracking.tracker import SiameseTracker

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--output", default="docs/overview.png")
arguments = parser.parse_args()

# Track the demo, and keep what the tracker saw in a few frames.
shown = [0, 40, 80, 110]
sequence = SyntheticSequence()
matcher = SpikingMatcher(load_model("compact"))
tracker = SiameseTracker(matcher)
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

# The spikes of every layer for the last search crop: the same branch again, with all layers recorded.
branch: SpikingBranch = matcher.search_branch
layers = [layer.name for layer in branch.model.layers]
recorded = SpikingBranch(branch.model, branch.image_size, record=tuple(layers))
side = exemplar_side(*tracker.box[2:]) * SEARCH_SIZE / EXEMPLAR_SIZE
recorded.run(crop(frame, box_centre(tracker.box)[::-1], side, SEARCH_SIZE, frame.mean((0, 1))))

figure = plt.figure(figsize=(12, 5.7), layout="constrained")
rows = figure.subfigures(2, 1, height_ratios=[1, 1.15])
for axes, k in zip(rows[0].subplots(1, len(shown)), shown, strict=True):
    axes.imshow(pictures[k])
    axes.set_title(f"frame {k}", fontsize=10)
    axes.axis("off")
left, middle, right = rows[1].subplots(1, 3, width_ratios=[1.5, 0.9, 0.9])

# A raster of 600 neurons a layer that fired at least once, drawn evenly.
rng = np.random.default_rng(0)
colours = PALETTE[: len(layers)]
base, ticks = 0, []
for name, colour in zip(layers, colours, strict=True):
    trains = recorded.trains(name)
    chosen = np.sort(rng.choice(np.unique(trains.neuron), 600, replace=False))
    keep = np.isin(trains.neuron, chosen)
    left.scatter(trains.step[keep] + 1, base + np.searchsorted(chosen, trains.neuron[keep]), s=1.6, c=colour, lw=0)
    ticks.append(base + 300)
    base += 640
left.set(xlabel="time step", xticks=[1, 5, 10, 15, 20], xlim=(0.3, recorded.steps + 0.7), ylim=(-20, base))
left.set(title="spikes of 600 neurons a layer", yticks=ticks, yticklabels=layers)

rates = [recorded.spikes[name].sum() / recorded.steps / np.prod(recorded.shapes[name]) for name in layers]
middle.bar(layers, 100 * np.array(rates), color=colours)
middle.set(title="mean firing rate (% of steps)")
image = right.imshow(responses[shown[-1]], cmap="viridis")
right.set_title(f"response map (HSM), frame {shown[-1]}")
right.axis("off")
rows[1].colorbar(image, ax=right, shrink=0.8)
# 256 colours, as analysis/gallery.py has them, take a quarter of the bytes
picture = io.BytesIO()
figure.savefig(picture, dpi=110)
picture = Image.open(picture).convert("RGB")
colours = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3)
picture.quantize(palette=colours).save(arguments.output, optimize=True)
