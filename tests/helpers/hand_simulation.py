"""Integrate-and-fire layers in NumPy, in double precision, with the potential at every moment of a step."""

from dataclasses import dataclass, field

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from brian_siamsnn.model.layers import MaxPool


@dataclass
class Moments:
    """What a layer is in each step: arrays (T, H, W, C)."""

    after_groups: list = field(default_factory=list)  # the input current is added
    at_threshold: list = field(default_factory=list)  # the spikes of this step have arrived
    fired: list = field(default_factory=list)
    after_resets: list = field(default_factory=list)


def convolve(spikes, weights, layer):
    """Sums of a convolution: (H, W, C) and (out, in/groups, k, k) to (H', W', out)."""
    windows = sliding_window_view(spikes, (layer.kernel, layer.kernel), (0, 1))[:: layer.stride, :: layer.stride]
    outputs, inputs = layer.out_channels // layer.groups, layer.in_channels // layer.groups
    parts = [
        np.einsum(
            "hwcij,ocij->hwo",
            windows[:, :, g * inputs : (g + 1) * inputs],
            np.asarray(weights[g * outputs : (g + 1) * outputs], np.float64),
        )
        for g in range(layer.groups)
    ]
    return np.concatenate(parts, -1)


def simulate_by_hand(model, current, steps, delay=0, v_th=1.0):
    """Moments of every layer of convolutions; spikes reach the second one ``delay`` steps later."""
    names = [layer.name for layer in model.layers]
    assert not any(isinstance(layer, MaxPool) for layer in model.layers)
    moments = {name: Moments() for name in names}
    v = {}
    for step in range(steps):
        for k, name in enumerate(names):
            drive = np.asarray(current if k == 0 else model.weights[name][1], np.float64)
            if k > 0 and name not in v:
                before = moments[names[k - 1]].at_threshold if step else v[names[k - 1]][None]
                v[name] = np.zeros(convolve(before[0] * 0, model.weights[name][0], model.layers[k]).shape)
            v[name] = v.get(name, np.zeros(drive.shape)) + drive
            moments[name].after_groups.append(v[name])
        for k, name in enumerate(names):
            if k > 0:
                sent = moments[names[k - 1]].fired
                late = step - delay if k == 1 else step
                if late >= 0:
                    spikes = sent[late] * float(v_th)
                    v[name] = v[name] + convolve(spikes, model.weights[name][0], model.layers[k])
            moments[name].at_threshold.append(v[name])
            moments[name].fired.append(v[name] >= v_th)
        for name in names:
            v[name] = v[name] - v_th * moments[name].fired[-1]
            moments[name].after_resets.append(v[name])
    return {name: Moments(*(np.array(values) for values in vars(moment).values())) for name, moment in moments.items()}
