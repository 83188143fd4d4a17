"""Spikes of every layer for one search crop: raster, firing rates, and feature maps of the last layer.

    python analysis/raster.py [SOURCE] [--frame 20] [--model compact] [--steps 20]

SOURCE is any source of ``brian-siamsnn track`` with ground truth; the synthetic sequence by default. The raster shows
the wave: each layer fires in its own window while the next one gathers. With ``--steps 20``, which is rate coding
(Eq. 2-4), neurons of the first layer receive a constant current and fire regularly; in later layers, a channel whose
bias and initial potential reach the threshold without any input spike fires in the first step, at almost all positions.
Rates are those of Eq. 5. Writes ``raster.png``, ``rates.png``, ``feature_maps.png`` and ``rates.csv``, with one row per
layer.
"""

import argparse
from itertools import islice
from pathlib import Path

import brian_siamsnn as bs
from brian_siamsnn.crops import target_crop
from brian_siamsnn.defaults import MODEL
from brian_siamsnn.evaluation.report import write_csv
from brian_siamsnn.spikes.plots import feature_maps, raster, rate_histograms
from brian_siamsnn.spikes.statistics import burst_lengths, burst_share, inter_spike_intervals

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("source", nargs="?", default="synthetic", metavar="SOURCE")
parser.add_argument("--frame", type=int, default=20, help="frame of the search crop, from 0")
parser.add_argument("--model", default=MODEL)
parser.add_argument("--steps", type=int, help="T of rate coding; by default a wave")
parser.add_argument("--coding", help="wave, or rate if steps are given, by default")
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/raster"))
arguments = parser.parse_args()

sequence = bs.open_sequence(arguments.source)
frame = next(islice(sequence, arguments.frame, None))
crop = target_crop(frame, sequence.boxes[arguments.frame])
layers = bs.record_spikes(arguments.model, crop, "all", arguments.steps, arguments.coding)

arguments.output.mkdir(parents=True, exist_ok=True)
raster(layers).savefig(arguments.output / "raster.png", dpi=110)
rate_histograms(layers).savefig(arguments.output / "rates.png", dpi=110)
last, trains = list(layers.items())[-1]
figure = feature_maps(trains, f"{last}, {sequence.name}, frame {arguments.frame}")
figure.savefig(arguments.output / "feature_maps.png", dpi=110)

rows = []
for name, trains in layers.items():
    lengths, intervals = burst_lengths(trains), inter_spike_intervals(trains)
    row = {"layer": name, "neurons": trains.size, "spikes": len(trains)}
    row["mean_rate"] = f"{trains.mean_rate():.4f}"
    row["silent_share"] = f"{(trains.counts() == 0).mean():.4f}"
    row["mean_interval"] = f"{intervals.mean() if len(intervals) else 0:.3f}"
    row["burst_share"] = f"{burst_share(trains):.4f}"
    row["mean_burst_length"] = f"{lengths.mean() if len(lengths) else 0:.3f}"
    rows.append(row)
write_csv(arguments.output / "rates.csv", rows)
print((arguments.output / "rates.csv").read_text())
