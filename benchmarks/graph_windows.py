"""How much less a graph of layers costs window by window than step by step.

    python benchmarks/graph_windows.py [--width 16] [--runs 5]

A wave of p = 4 through CIResNet22 with random weights, one search crop of 255 pixels, one thread. Both ways give the
same spikes (`tests/network/test_window_pass.py`). Prints the processor time of one crop, the least of the runs, and the
ratio; the two take turns.
"""

import argparse
import time
from contextlib import closing

import cv2
import numpy as np
import torch

import brian_siamsnn as bs
from brian_siamsnn.crops import EXEMPLAR_SIZE, SEARCH_SIZE
from brian_siamsnn.model.ciresnet import CIResNet22

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--width", type=int, default=16)
parser.add_argument("--runs", type=int, default=5)
arguments = parser.parse_args()

torch.manual_seed(0)
network, rng = CIResNet22(arguments.width, rectify=True), np.random.default_rng(0)
coarse = rng.integers(0, 256, (6, 24, 24, 3), dtype=np.uint8)
images = [cv2.resize(image, (EXEMPLAR_SIZE, EXEMPLAR_SIZE)) for image in coarse]
with torch.no_grad():  # statistics of batch norm
    for _ in range(3):
        network(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float())
branch = bs.SpikingBranch(bs.convert(network.eval(), images, levels=4), SEARCH_SIZE, coding="wave:p=4", threads=1)
crop = cv2.resize(coarse[0], (SEARCH_SIZE, SEARCH_SIZE))


def in_steps():
    with closing(branch.stepwise(crop[None])) as steps:
        for _ in steps:
            pass


def seconds(run):
    begun = time.process_time()
    run()
    return time.process_time() - begun


branch.run(crop)
windows, stepped = zip(
    *((seconds(lambda: branch.run(crop)), seconds(in_steps)) for _ in range(arguments.runs)), strict=True
)
least, most = min(windows), min(stepped)
print(
    f"{branch.model.neuron_count(SEARCH_SIZE):,} neurons, {branch.steps} steps: {least:.3f} s window by window, ",
    end="",
)
print(f"{most:.3f} s step by step, {most / least:.1f} times as much")
