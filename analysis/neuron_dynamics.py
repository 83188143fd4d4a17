"""Membrane potential and threshold of three neurons inside the network, for each coding scheme (Eq. 2-4, 10-12).

    python analysis/neuron_dynamics.py [SOURCE] [--layer conv2] [--codings rate burst ...] [--steps 20]

By default, every file in ``equations/`` with an input current and a threshold is simulated, rate coding first. All
convolutions use the same coding. A wave has its own number of steps. Potential and threshold are recorded when the
threshold is tested: the input of the step has been added, and neurons that fire have not been reset. The three neurons
are at the 60th, 85th and 97th percentile of the input that their layer receives with the first coding. With two-status
coding, the potential changes linearly while all layers are depressed: no spikes arrive, and only the bias is added.
SOURCE is any source of ``brian-siamsnn track`` with ground truth; the synthetic sequence by default. Writes
``CODING.png`` for each coding, and ``dynamics.csv``.
"""

import argparse
import csv
import re
from itertools import islice
from pathlib import Path

import numpy as np
from brian2 import Equations

import brian_siamsnn as bs
from brian_siamsnn.crops import target_crop
from brian_siamsnn.defaults import MODEL, STEPS
from brian_siamsnn.neurons.equation_files import shipped_models
from brian_siamsnn.spikes.plots import membrane_traces

PERCENTILES = (60, 85, 97)

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("source", nargs="?", default="synthetic", metavar="SOURCE")
parser.add_argument("--frame", type=int, default=20, help="frame of the exemplar crop, from 0")
parser.add_argument("--layer", default="conv2")
parser.add_argument("--codings", nargs="+", metavar="NAME|FILE", help="all in equations/ by default")
parser.add_argument("--model", default=MODEL)
parser.add_argument("--steps", type=int, default=STEPS, help="of all codings but waves, which take their own")
parser.add_argument("--output", type=Path, default=Path("brian-siamsnn-output/neuron_dynamics"))
arguments = parser.parse_args()

sequence = bs.open_sequence(arguments.source)
frame = next(islice(sequence, arguments.frame, None))
image = target_crop(frame, sequence.boxes[arguments.frame], "exemplar")
arguments.output.mkdir(parents=True, exist_ok=True)

variables = {name: Equations(bs.load_equations(name).model).names for name in shipped_models()}
codings = [name for name, names in variables.items() if {"v", "I", "v_th"} <= names]
codings.sort(key=lambda name: name != "rate")

neurons, rows = None, []
for coding in arguments.codings or codings:
    record = {"record": [arguments.layer], "record_states": {arguments.layer: ["v", "v_th"]}}
    steps = None if "onset" in bs.load_equations(coding).parameters else arguments.steps
    try:
        branch = bs.SpikingBranch(arguments.model, len(image), steps, coding, hidden_coding=coding, **record)
    except bs.InputError as error:
        parser.error(str(error))
    branch.run(image)
    v, v_th = (branch.states(arguments.layer, name).reshape(branch.steps, -1).T for name in ("v", "v_th"))
    amplitude = branch.trains(arguments.layer).dense().reshape(branch.steps, -1).T
    if neurons is None:
        # the input of a neuron: all that it sent before the last step, and its potential in the last step
        received = amplitude[:, :-1].sum(1) + v[:, -1]
        ranks = np.array(PERCENTILES) * len(received) // 100
        neurons = np.argsort(received)[ranks]

    v, v_th, amplitude = v[neurons], v_th[neurons], amplitude[neurons]
    index, step = np.nonzero(amplitude)
    trains = bs.SpikeTrains(index, step, amplitude[index, step], (1, 1, len(neurons)), branch.steps)
    figure = membrane_traces(v, v_th, trains, [f"{arguments.layer}\nneuron {neuron}" for neuron in neurons])
    file_name = re.sub(r"[^0-9A-Za-z_.=-]+", "_", coding)
    figure.savefig(arguments.output / f"{file_name}.png", dpi=110)
    for k, neuron in enumerate(neurons):
        values = zip(v[k], v_th[k], amplitude[k], strict=True)
        rows += [[coding, neuron, step, *value] for step, value in enumerate(values)]
        fired, sent = np.count_nonzero(amplitude[k]), amplitude[k].sum()
        print(f"{coding}: neuron {neuron} fired {fired} times, amplitudes sum to {sent:.2f}")

with open(arguments.output / "dynamics.csv", "w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows([["coding", "neuron", "step", "potential", "threshold", "amplitude"], *rows])
print(f"figures and dynamics.csv are in {arguments.output}")
