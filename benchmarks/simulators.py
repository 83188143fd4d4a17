"""What `peers` compares with: other simulators and the CNN, on the weights of a model of this package."""

from brian_siamsnn.model.layers import MaxPool


class Plain:
    """Integrate-and-fire neurons in PyTorch; currents and spikes have the shape (T, C, H, W)."""

    def __init__(self, v_init):
        self.v_init = v_init

    def __call__(self, current):
        import torch

        v = torch.full_like(current[0], self.v_init)
        spikes = torch.empty_like(current)
        for t, input_ in enumerate(current):
            v += input_
            torch.ge(v, 1.0, out=spikes[t])
            v -= spikes[t]
        return spikes


class SpikingJelly:
    def __init__(self, v_init):
        from spikingjelly.activation_based.neuron import IFNode

        self.node, self.v_init = IFNode(v_threshold=1.0, v_reset=None, step_mode="m"), v_init

    def __call__(self, current):
        import torch

        self.node.reset()
        self.node.v = torch.full_like(current[0], self.v_init)
        return self.node(current)


class Sinabs:
    def __init__(self, v_init):
        from sinabs.activation import MembraneSubtract, SingleSpike
        from sinabs.layers import IAF

        self.node, self.v_init = IAF(spike_threshold=1.0, spike_fn=SingleSpike, reset_fn=MembraneSubtract()), v_init

    def __call__(self, current):
        self.node.init_state_with_shape((1, *current.shape[1:]))
        self.node.v_mem.fill_(self.v_init)
        return self.node(current[None])[0]


class SnnTorch:
    def __init__(self, v_init):
        from snntorch import Leaky

        self.node, self.v_init = Leaky(beta=1.0, threshold=1.0, reset_mechanism="subtract"), v_init

    def __call__(self, current):
        import torch

        mem = torch.full_like(current[0], self.v_init)
        spikes = []
        for input_ in current:
            spike, mem = self.node(input_, mem)
            spikes.append(spike)
        return torch.stack(spikes)


def neurons(name, model):
    """The neurons of each layer in another simulator."""
    node = {"pytorch": Plain, "spikingjelly": SpikingJelly, "sinabs": Sinabs, "snntorch": SnnTorch}[name]
    return {layer.name: node(model.initial_potential) for layer in model.layers}


def weights_of(model, dtype):
    """Weights and bias of each layer as tensors."""
    import torch

    return {key: [torch.from_numpy(a.astype(dtype)) for a in pair] for key, pair in model.weights.items()}


def peer(name, model, steps, dtype="float32"):
    """Return a function that maps a crop, or the first layer's current, to spike counts of the last layer (H, W, C)."""
    import torch
    from torch.nn import functional

    nodes, tensors = neurons(name, model), weights_of(model, dtype)

    def run(crop=None, current=None):
        with torch.inference_mode():
            x = torch.from_numpy((crop if current is None else current).astype(dtype)).permute(2, 0, 1)[None]
            for k, layer in enumerate(model.layers):
                if isinstance(layer, MaxPool):
                    if name == "pytorch":  # running maximum of the cumulative spike counts in the window
                        x = functional.max_pool2d(x.cumsum(0), layer.kernel, layer.stride)
                        x = torch.diff(x, dim=0, prepend=torch.zeros_like(x[:1]))
                    else:
                        x = functional.max_pool2d(x, layer.kernel, layer.stride)
                else:
                    if k > 0 or current is None:
                        w, b = tensors[layer.name]
                        x = functional.conv2d(x, w, b, layer.stride, groups=layer.groups)
                    # sinabs and snntorch return spikes in single precision
                    x = nodes[layer.name](x.repeat(steps, 1, 1, 1) if k == 0 else x).to(x.dtype)
            return x.sum(0).permute(1, 2, 0).numpy().astype(int)

    return run


def wave_peer(name, model, levels, dtype="float32"):
    """The same for a wave: each layer sums the spikes of its window's p steps, then its neurons fire for p steps."""
    import torch
    from torch.nn import functional

    nodes, tensors = neurons(name, model), weights_of(model, dtype)

    def run(crop=None, current=None):
        with torch.inference_mode():
            x = torch.from_numpy((crop if current is None else current).astype(dtype)).permute(2, 0, 1)[None]
            for k, layer in enumerate(model.layers):
                if isinstance(layer, MaxPool):
                    x = functional.max_pool2d(x, layer.kernel, layer.stride)
                    continue
                w, b = tensors[layer.name]
                if k == 0:
                    total = levels * (functional.conv2d(x, w, b, layer.stride) if current is None else x)
                else:
                    total = functional.conv2d(x, w, None, layer.stride, groups=layer.groups).sum(0, keepdim=True)
                    total += levels * b[:, None, None]
                arriving = torch.cat([total, torch.zeros(levels - 1, *total.shape[1:], dtype=total.dtype)])
                x = nodes[layer.name](arriving).to(total.dtype)
            return x.sum(0).permute(1, 2, 0).numpy().astype(int)

    return run


def cnn(name, model, levels, dtype="float32"):
    """The dense CNN with rectifiers, or with counts from 0 to p as activations."""
    import torch
    from torch.nn import functional

    last = torch.channels_last
    tensors = {
        key: [
            torch.from_numpy(a.astype(dtype)).contiguous(memory_format=last)
            if a.ndim == 4
            else torch.from_numpy(a.astype(dtype))
            for a in pair
        ]
        for key, pair in model.weights.items()
    }

    def run(crop=None, current=None):
        with torch.inference_mode():
            x = torch.from_numpy((crop if current is None else current).astype(dtype)).permute(2, 0, 1)[None]
            for k, layer in enumerate(model.layers):
                if isinstance(layer, MaxPool):
                    x = functional.max_pool2d(x, layer.kernel, layer.stride)
                    continue
                w, b = tensors[layer.name]
                if name == "cnn":
                    x = functional.conv2d(x, w, b, layer.stride, groups=layer.groups).relu_()
                    continue
                if k == 0:
                    x = levels * (functional.conv2d(x, w, b, layer.stride) if current is None else x)
                else:
                    x = functional.conv2d(x, w, levels * b, layer.stride, groups=layer.groups)
                x = (x + model.initial_potential).floor_().clamp_(0, levels)
            return x[0].permute(1, 2, 0).numpy()

    return run


def other(name, model, steps, levels, dtype="float32"):
    """Return what computes a network without Brian2, see `peer`; `levels` is p of a wave, or None."""
    if name in ("cnn", "quantised_cnn"):
        return cnn(name, model, levels, dtype)
    return peer(name, model, steps, dtype) if levels is None else wave_peer(name, model, levels, dtype)
