"""Small spiking models, and their simulation by dense convolutions in double precision."""

import numpy as np

from brian_siamsnn.model.conversion import SpikingModel
from brian_siamsnn.model.layers import Convolution, MaxPool, convolutions


def dyadic(array, bits=10):
    """Round to multiples of 2**-bits: sums of such numbers are exact, in any order and precision."""
    return np.round(np.asarray(array) * 2**bits) / 2**bits


def small_model(layers, seed=0, gain=1.3):
    """A spiking model with random dyadic weights that keeps every layer active."""
    rng = np.random.default_rng(seed)
    weights = {}
    for k, layer in enumerate(convolutions(layers)):
        fan_in = np.prod(layer.weight_shape[1:])
        w = rng.normal(0, gain / np.sqrt(fan_in), layer.weight_shape)
        b = rng.normal(0.05, 0.02, layer.out_channels)
        if k == 0:
            w /= 128  # pixels are 0 to 255
        weights[layer.name] = (dyadic(w, 16 if k == 0 else 10).astype(np.float32), dyadic(b).astype(np.float32))
    return SpikingModel(tuple(layers), weights)


def image(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def simulate(model, current, steps, output_threshold=None, hidden_threshold=None):
    """Eq. 2-4 layer by layer with PyTorch's convolution, all in double precision.

    ``output_threshold`` and ``hidden_threshold`` are sequences with one threshold per step, for the last
    layer and for the layers before it; None stands for 1. Returns {layer: amplitudes (T, H, W, C)}.
    """
    import torch
    from torch.nn import functional

    def tensor(a):
        return torch.from_numpy(np.asarray(a, np.float64))

    potentials, sums, result = {}, {}, {layer.name: [] for layer in model.layers}
    last = model.layers[-1].name
    for t in range(steps):
        spikes = None
        for k, layer in enumerate(model.layers):
            if isinstance(layer, MaxPool):
                # sum of the amplitudes of the window's inputs so far; the gate sends the difference
                sums[layer.name] = sums.get(layer.name, 0) + spikes
                maximum = functional.max_pool2d(sums[layer.name], layer.kernel, layer.stride)
                spikes = maximum - potentials.get(layer.name, 0)
                potentials[layer.name] = maximum
            else:
                if k == 0:
                    drive = tensor(current).permute(2, 0, 1)[None]
                else:
                    w, b = (tensor(a) for a in model.weights[layer.name])
                    drive = functional.conv2d(spikes, w, b, layer.stride, groups=layer.groups)
                v = potentials.get(layer.name, 0) + drive
                thresholds = output_threshold if layer.name == last else hidden_threshold
                threshold = 1.0 if thresholds is None else thresholds[t]
                spikes = (v >= threshold).to(torch.float64) * threshold
                potentials[layer.name] = v - spikes
            result[layer.name].append(spikes[0].permute(1, 2, 0).numpy())
    return {name: np.array(steps) for name, steps in result.items()}


#: Strides, groups, kernel sizes, pools with and without overlap, borders left over by a stride,
#: and channel counts that fill the kernel's blocks of 16, 32, 48 and 64 outputs or do not.
#: As few layers as cover everything, because each one is code to compile.
SMALLEST = (Convolution("conv1", 3, 6, 3), MaxPool("pool1", 3, 2), Convolution("conv2", 6, 8, 3, groups=2))
NETWORKS = {
    "plain": (
        Convolution("conv1", 3, 8, 3),
        Convolution("conv2", 8, 16, 3),
        Convolution("conv3", 16, 5, 3),
    ),
    "strides": (
        Convolution("conv1", 3, 12, 5, 2),
        Convolution("conv2", 12, 40, 4, 2),
        Convolution("conv3", 40, 20, 2, 3),
    ),
    "groups": (
        Convolution("conv1", 3, 8, 3, 2),
        Convolution("conv2", 8, 36, 3, groups=2),
        Convolution("conv3", 36, 12, 1, groups=4),
    ),
    "pools": (
        Convolution("conv1", 3, 6, 3),
        MaxPool("pool1", 3, 2),
        Convolution("conv2", 6, 70, 3, groups=2),
        MaxPool("pool2", 2, 2),
        Convolution("conv3", 70, 9, 2),
    ),
    "wide": (
        Convolution("conv1", 3, 4, 5, 3),
        Convolution("conv2", 4, 132, 2),
        Convolution("conv3", 132, 96, 2),
        Convolution("conv4", 96, 65, 2),
    ),
}
