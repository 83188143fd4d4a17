"""Spikes of every layer for one search crop: raster, firing rates, and feature maps of the last layer.

    python analysis/raster.py [SOURCE] [--frame 20] [--model compact] [--steps 20]

SOURCE is what ``brian-siamsnn track`` takes, with true boxes; the synthetic
sequence by default. A raster shows Eq. 2-4 at work: the first layer's neurons get
a constant current and fire regularly; a channel of a later layer fires at once, in
almost all places, if its bias and the initial potential reach the threshold without
any spike from the layer before. Rates are Eq. 5. Writes ``raster.png``, ``rates.png``,
``feature_maps.png`` and ``rates.csv`` (one line a layer).
"""

import argparse
import csv
from itertools import islice
from pathlib import Path

from brian_siamsnn.crops import target_crop
from brian_siamsnn.network.recording import record_spikes
from brian_siamsnn.sequences.sources import open_sequence
from brian_siamsnn.spikes.plots import feature_maps, raster, rate_histograms
from brian_siamsnn.spikes.statistics import burst_lengths, burst_share, inter_spike_intervals

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("source", nargs="?", default="synthetic", metavar="SOURCE")
parser.add_argument("--frame", type=int, default=20)
parser.add_argument("--model", default="compact")
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/raster"))
arguments = parser.parse_args()

sequence = open_sequence(arguments.source)
frame = next(islice(sequence, arguments.frame, None))
crop = target_crop(frame, sequence.boxes[arguments.frame])
layers = record_spikes(arguments.model, crop, "all", arguments.steps)

arguments.output.mkdir(parents=True, exist_ok=True)
raster(layers).savefig(arguments.output / "raster.png", dpi=110)
rate_histograms(layers).savefig(arguments.output / "rates.png", dpi=110)
last, trains = list(layers.items())[-1]
feature_maps(trains, f"{last}, {sequence.name}, frame {arguments.frame}").savefig(
    arguments.output / "feature_maps.png", dpi=110
)

with open(arguments.output / "rates.csv", "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file)
    writer.writerow(
        ["layer", "neurons", "spikes", "mean_rate", "silent_share", "mean_interval", "burst_share", "mean_burst_length"]
    )
    for name, trains in layers.items():
        lengths, intervals = burst_lengths(trains), inter_spike_intervals(trains)
        writer.writerow(
            [
                name,
                trains.size,
                len(trains),
                f"{trains.mean_rate():.4f}",
                f"{(trains.counts() == 0).mean():.4f}",
                f"{intervals.mean() if len(intervals) else 0:.3f}",
                f"{burst_share(trains):.4f}",
                f"{lengths.mean() if len(lengths) else 0:.3f}",
            ]
        )
print((arguments.output / "rates.csv").read_text())
