"""How long it takes to convert a network of PyTorch, and to write every weight of it as a synapse.

    python benchmarks/convert.py [--runs 3]

For each example: layers, neurons and synapses for one image, seconds to convert (16 random images, 4 levels) and to
flatten (median of the runs), and both over the time of one pass of the PyTorch network over the same images, measured
in the same run. Weights are random.
"""

import argparse
import statistics
import time

import torch
from torch import nn

import brian_siamsnn as bs
from brian_siamsnn.connectivity.views import flattened, synapses_of
from brian_siamsnn.model.ciresnet import CIResNet22

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--runs", type=int, default=3)
arguments = parser.parse_args()


class Residual(nn.Module):
    """The network of the notebook: a residual sum, a concatenation, a padded pool."""

    def __init__(self):
        super().__init__()
        self.stem, self.bn, self.pool = nn.Conv2d(3, 8, 5, 2, 2), nn.BatchNorm2d(8), nn.MaxPool2d(3, 2, 1)
        self.conv1, self.conv2 = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        x = self.pool(torch.relu(self.bn(self.stem(x))))
        y = torch.relu(self.conv2(torch.relu(self.conv1(x))) + x)
        return self.fc(torch.cat([x, y], 1).mean((2, 3)))


EXAMPLES = {
    "notebook, 32 px": (Residual, 32, 1),
    "CIResNet22, width 16, 127 px": (lambda: CIResNet22(16), 127, 255),
    "CIResNet22, width 64, 127 px": (CIResNet22, 127, 255),
}

print(f"{'example':30} layers  neurons     synapses   convert  flatten   in passes of the network")
for name, (make, size, white) in EXAMPLES.items():
    torch.manual_seed(0)
    network, images = make(), torch.rand(16, 3, size, size) * white
    with torch.no_grad():
        network.train()(images)
        network.eval()
    seconds = {"pass": [], "convert": [], "flatten": []}
    for _ in range(arguments.runs):
        begun = time.perf_counter()
        with torch.inference_mode():
            network(images)
        seconds["pass"].append(time.perf_counter() - begun)
        begun = time.perf_counter()
        model = bs.convert(network, images, levels=4)
        seconds["convert"].append(time.perf_counter() - begun)
        projections = model.projections(size).values()
        synapses = sum(map(synapses_of, projections))
        if synapses < 2e8:  # more do not fit into memory
            begun = time.perf_counter()
            for projection in projections:
                flattened(projection, model.input_weights(projection))
            seconds["flatten"].append(time.perf_counter() - begun)
    one, convert = (statistics.median(seconds[key]) for key in ("pass", "convert"))
    flatten = statistics.median(seconds["flatten"]) if seconds["flatten"] else float("nan")
    sizes = f"{len(model.layers):6} {model.neuron_count(size):8,} {synapses:12,}"
    print(f"{name:30} {sizes} {convert:7.2f} s {flatten:6.2f} s   {convert / one:6.1f} and {flatten / one:.1f}")
