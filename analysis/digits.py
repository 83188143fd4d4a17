"""A classifier of handwritten digits as a spiking network: accuracy by number of levels, and by number of steps.

    python analysis/digits.py [--epochs 30] [--images 450] [--levels 1 2 3 4 5 6 7 8]

Trains a small residual network in PyTorch on the digits of scikit-learn (8x8 pixels, 1,347 for training and 450 for the
test), which takes seconds, and converts it (`brian_siamsnn.convert`): for a wave with p levels, and for rate coding,
whose network is run once for the largest T and read after every step. The class is the neuron of the last layer with
the largest sum of what it received: its spikes and what is left of its potential. Requires scikit-learn. Writes
``digits.png`` (accuracy, and the raster of one digit with p = 4) and ``digits.csv``.
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

import brian_siamsnn as bs
from brian_siamsnn.palette import BLACK, BLUE, PALETTE, VERMILION

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--epochs", type=int, default=30)
parser.add_argument("--images", type=int, default=450, help="test images")
parser.add_argument("--levels", type=int, nargs="+", default=list(range(1, 9)), help="p of the waves")
parser.add_argument("--steps", type=int, default=64, help="largest T of rate coding")
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/digits"))
arguments = parser.parse_args()


class Digits(nn.Module):
    """Three convolutions, one of them around a residual connection, and a linear layer."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12)
        self.conv2, self.bn2 = nn.Conv2d(12, 12, 3, padding=1), nn.BatchNorm2d(12)
        self.conv3, self.bn3 = nn.Conv2d(12, 24, 3, padding=1), nn.BatchNorm2d(24)
        self.relu, self.pool, self.fc = nn.ReLU(), nn.MaxPool2d(2), nn.Linear(24 * 2 * 2, 10)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.pool(self.relu(self.bn2(self.conv2(x)) + x))
        x = self.pool(self.relu(self.bn3(self.conv3(x))))
        return self.fc(torch.flatten(x, 1))


pixels, labels = load_digits(return_X_y=True)
pixels = torch.tensor(pixels, dtype=torch.float32).reshape(-1, 1, 8, 8)
shown, unseen, targets, answers = train_test_split(pixels, torch.tensor(labels), test_size=450, random_state=0)
unseen, answers = unseen[: arguments.images], answers[: arguments.images].numpy()

torch.manual_seed(0)
network = Digits()
optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
begun = time.perf_counter()
for _ in range(arguments.epochs):
    for batch in torch.randperm(len(shown)).split(64):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(shown[batch]), targets[batch]).backward()
        optimiser.step()
network.eval()
print(f"trained in {time.perf_counter() - begun:.1f} s")
with torch.inference_mode():
    cnn = 100 * (network(unseen).argmax(1).numpy() == answers).mean()
print(f"CNN: {cnn:.1f} % of {len(answers)} digits")

images = unseen.permute(0, 2, 3, 1).numpy()


def received(branch):
    """What each neuron of the last layer has received so far: spikes and potential, shape (images, 10)."""
    return np.asarray(branch.groups[branch.last_layer].v).reshape(branch.batch_size, -1)


def accuracy(sums):
    """Per cent of digits whose neuron received most."""
    return 100 * (sums.argmax(1) == answers).mean()


rows = []
for p in arguments.levels:
    begun = time.perf_counter()
    model = bs.convert(network, shown, levels=p)
    converting = time.perf_counter() - begun
    branch = bs.SpikingBranch(model, 8, coding=f"wave:p={p}", batch_size=len(images))
    counts = np.array([trains.counts().ravel() for trains in branch.run_batch(images)])
    operations = sum(operations.sum() for operations in branch.operations.values()) / len(images)
    rows.append(("wave", p, branch.steps, accuracy(counts + received(branch)), operations))
    print(
        f"wave p={p}: {rows[-1][3]:.1f} %, T={branch.steps}, {operations:,.0f} operations, converted {converting:.2f} s"
    )

model = bs.convert(network, shown, percentile=99.9)
branch = bs.SpikingBranch(model, 8, arguments.steps, batch_size=len(images))
counts = 0
for step, fired in enumerate(branch.stepwise(images), 1):
    counts = counts + fired.reshape(len(images), -1)
    operations = sum(operations[:step].sum() for operations in branch.operations.values()) / len(images)
    rows.append(("rate", "", step, accuracy(counts + received(branch)), operations))
for step in (4, 8, 16, 32, 64):
    if step <= arguments.steps:
        print(f"rate T={step}: {rows[len(arguments.levels) + step - 1][3]:.1f} %")

arguments.output.mkdir(parents=True, exist_ok=True)
with open(arguments.output / "digits.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["coding", "levels", "steps", "accuracy_percent", "operations_per_image"])
    writer.writerows(rows)

figure = Figure(figsize=(10, 4.2), layout="constrained")
left, right = figure.subplots(1, 2)
for coding, colour, marker in (("wave", VERMILION, "o"), ("rate", BLUE, ".")):
    own = [row for row in rows if row[0] == coding]
    left.plot([row[2] for row in own], [row[3] for row in own], marker, ls="-", lw=0.8, color=colour, label=coding)
    for _, p, steps, percent, _ in own if coding == "wave" else ():
        left.annotate(f"p={p}", (steps, percent), (0, 5), textcoords="offset points", ha="center", fontsize=7)
left.axhline(cnn, color=BLACK, lw=0.8, ls="--", label="CNN")
left.set(xlabel="time steps T", ylabel="digits recognised (%)", xscale="log", ylim=(None, 101))
left.legend(loc="lower right")

p = 4
model = bs.convert(network, shown, levels=p)
trains = bs.record_spikes(model, images[0], "all", coding=f"wave:p={p}")
base = 0
for k, (name, train) in enumerate(trains.items()):
    right.scatter(train.step, base + train.neuron, s=1.5, marker="s", lw=0, color=PALETTE[k % len(PALETTE)])
    right.text(-0.7, base + train.size / 2, name, ha="right", va="center", fontsize=8)
    base += train.size
right.set(title=f"a {answers[0]}, p = {p}", xlabel="time step", yticks=[], xlim=(-0.5, train.steps - 0.5))
figure.savefig(arguments.output / "digits.png", dpi=150)
print(f"digits.png and digits.csv are in {arguments.output}")
