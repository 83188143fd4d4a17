"""Membrane potential and threshold of a few neurons inside the network, for each coding scheme (Eq. 2-4, 10-12).

    python analysis/neuron_dynamics.py [SOURCE] [--layer conv2] [--codings rate burst ...] [--steps 20]

Codings are all models in ``equations/`` that have an input current and a threshold, rate coding first. All
convolutions take each in turn, and three neurons of one layer are watched at the moment when the
potential is compared with the threshold: those at the 60th, 85th and 97th percentile of the input that reaches
them with the first coding. With two-status coding the potential moves evenly while all layers are depressed: no
spikes arrive, and what is left is the bias. SOURCE is what ``brian-siamsnn track`` takes, with true boxes; the
synthetic sequence by default. Writes ``CODING.png`` for each coding and ``dynamics.csv``.
"""

import argparse
import csv
import re
from itertools import islice
from pathlib import Path

import numpy as np
from brian2 import Equations

from brian_siamsnn.crops import target_crop
from brian_siamsnn.model.conversion import SpikingModel
from brian_siamsnn.model.files import load_model
from brian_siamsnn.network.runtime import SpikingBranch
from brian_siamsnn.neurons.equation_files import shipped_models
from brian_siamsnn.neurons.equations import load_equations
from brian_siamsnn.sequences.sources import open_sequence
from brian_siamsnn.spikes.plots import membrane_traces
from brian_siamsnn.spikes.trains import SpikeTrains

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("source", nargs="?", default="synthetic", metavar="SOURCE")
parser.add_argument("--frame", type=int, default=20)
parser.add_argument("--layer", default="conv2")
parser.add_argument("--codings", nargs="+", metavar="NAME|FILE", help="every one in equations/ by default")
parser.add_argument("--model", default="compact")
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/neuron_dynamics"))
arguments = parser.parse_args()

sequence = open_sequence(arguments.source)
frame = next(islice(sequence, arguments.frame, None))
image = target_crop(frame, sequence.boxes[arguments.frame], "exemplar")
model = SpikingModel.from_model(load_model(arguments.model))
arguments.output.mkdir(parents=True, exist_ok=True)

variables_of = {name: Equations(load_equations(name).model).names for name in shipped_models()}
codings = [name for name, variables in variables_of.items() if {"v", "I", "v_th"} <= variables]
codings.sort(key=lambda name: name != "rate")
neurons, rows = None, []
for coding in arguments.codings or codings:
    branch = SpikingBranch(model, len(image), arguments.steps, coding, coding, record=(arguments.layer,))
    variables = branch.groups[arguments.layer].variables
    if not {"v", "v_th"} <= variables.keys():
        parser.error(f"{arguments.layer} with {coding} has no potential v and threshold v_th to draw")
    potentials, thresholds = [], []

    def watch(obj, variables=variables, potentials=potentials, thresholds=thresholds):
        """Look at every neuron just before the thresholder does."""
        if obj.name == f"{arguments.layer}_spike_thresholder":
            potentials.append(variables["v"].get_value().copy())
            thresholds.append(np.broadcast_to(variables["v_th"].get_value(), potentials[-1].shape).copy())
        obj.run()

    branch.run(image, execute=watch)
    v, v_th, trains = np.array(potentials).T, np.array(thresholds).T, branch.trains(arguments.layer)
    if neurons is None:
        # what a neuron got: what it sent before the last step, and what it had then, not yet reset
        received = trains.dense()[:-1].sum(0).ravel() + v[:, -1]
        neurons = np.argsort(received)[(np.array([0.6, 0.85, 0.97]) * len(received)).astype(int)]
    chosen = np.isin(trains.neuron, neurons)
    alone = SpikeTrains(
        np.argmax(trains.neuron[chosen][:, None] == neurons, axis=1),
        trains.step[chosen],
        trains.amplitude[chosen],
        (1, 1, len(neurons)),
        arguments.steps,
    )
    labels = [f"{arguments.layer}\nneuron {n}" for n in neurons]
    figure = membrane_traces(v[neurons], v_th[neurons], alone, labels)
    figure.savefig(arguments.output / f"{re.sub(r'[^0-9A-Za-z_.=-]+', '_', coding)}.png", dpi=110)
    sent = alone.dense().reshape(arguments.steps, -1).T
    rows += [
        [coding, neuron, step, v[neuron, step], v_th[neuron, step], sent[k, step]]
        for k, neuron in enumerate(neurons)
        for step in range(arguments.steps)
    ]
    print(
        f"{coding}: "
        + ", ".join(
            f"neuron {n} fired {(sent[k] > 0).sum()} times and sent {sent[k].sum():.2f}" for k, n in enumerate(neurons)
        )
    )

with open(arguments.output / "dynamics.csv", "w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows([["coding", "neuron", "step", "potential", "threshold", "amplitude"], *rows])
print(f"pictures and dynamics.csv are in {arguments.output}")
