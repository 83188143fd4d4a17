"""The quantised CNN in PyTorch and in double precision: what a wave must fire, count by count."""

import numpy as np


def quantised_by_torch(model, pixels, p, waves=1):
    """Counts (waves, H, W, C) of every layer, wave by wave; what is left of a potential is carried on."""
    import torch
    from torch.nn import functional

    from brian_siamsnn.model.layers import MaxPool

    left, result = {}, {layer.name: [] for layer in model.layers}
    for _ in range(waves):
        n = torch.from_numpy(pixels.astype(np.float64)).permute(2, 0, 1)[None]
        for k, layer in enumerate(model.layers):
            if isinstance(layer, MaxPool):
                n = functional.max_pool2d(n, layer.kernel, layer.stride)
            else:
                w, b = (torch.from_numpy(np.asarray(part, np.float64)) for part in model.weights[layer.name])
                if k == 0:  # the image is there in each of the p steps
                    drive = p * functional.conv2d(n, w, b, layer.stride)
                else:
                    drive = functional.conv2d(n, w, p * b, layer.stride, groups=layer.groups)
                v = left.get(layer.name, model.initial_potential) + drive
                n = torch.clamp(torch.floor(v), 0, p)
                left[layer.name] = v - n
            result[layer.name].append(n[0].permute(1, 2, 0).numpy().astype(int))
    return {name: np.array(counts) for name, counts in result.items()}
