"""Compare simulators on the same weights, time steps and crop: agreement, time and memory.

    python benchmarks/peers.py [--model compact|FILE] [--size 255] [--steps 20] [--runs 7] [--threads N] [--json FILE]

Requires ``pip install 'brian_siamsnn[bench]'``. Each simulator runs in a separate process, from the crop to the spikes
of the last layer. All compute the first convolution once per crop and use the same number of threads.

    brian_siamsnn      event-driven shared kernels
    explicit_synapses  one Brian2 synapse per weight (a model that does not fit into memory is rejected)
    pytorch            plain PyTorch: dense convolutions and integrate-and-fire neurons
    spikingjelly       layer.Conv2d and IFNode(v_reset=None), multi-step
    sinabs             IAF with SingleSpike and MembraneSubtract
    snntorch           Leaky(beta=1, reset_mechanism="subtract")

All simulate layer by layer, so a spike reaches the next layer in the same step. Two details differ. snntorch fires at
v > 1 instead of v >= 1, and subtracts in the next step. Pooling layers of the three packages pass on a spike whenever
any input fires, so they spike more often than the maximum of their inputs; pytorch implements the exact gate of
brian_siamsnn. ``off`` counts the neurons of the last layer whose spike count differs from that in brian_siamsnn. In
double precision, with the same input current, there should be none. In single precision, which is timed, the order of
summation shifts some spikes.

``ratio_to_fastest_peer`` is the time of brian_siamsnn divided by that of the fastest peer, and
``ratio_to_explicit_synapses_per_event`` its time per event divided by that of explicit synapses. Below 1, brian_siamsnn
is faster.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from shared import heading, measured_apart, peak_memory_mib, seconds, synthetic_crop, write_json
from tqdm import tqdm

import brian_siamsnn as bs
from brian_siamsnn.connectivity.first_layer import FirstLayer
from brian_siamsnn.defaults import MODEL, STEPS
from brian_siamsnn.environment import quiet
from brian_siamsnn.model.layers import MaxPool

SIMULATORS = ("brian_siamsnn", "explicit_synapses", "pytorch", "spikingjelly", "sinabs", "snntorch")
PEERS = SIMULATORS[2:]


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


def peer(name, model, steps, dtype="float32"):
    """Return a function that maps a crop, or the first layer's current, to spike counts of the last layer (H, W, C)."""
    import torch
    from torch.nn import functional

    node = {"pytorch": Plain, "spikingjelly": SpikingJelly, "sinabs": Sinabs, "snntorch": SnnTorch}[name]
    nodes = {layer.name: node(model.initial_potential) for layer in model.layers}
    tensors = {key: [torch.from_numpy(a.astype(dtype)) for a in pair] for key, pair in model.weights.items()}

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


def branch(name, model, size, steps, threads, dtype="float32"):
    """Build a branch with shared kernels or explicit synapses."""
    connectivity = "kernel" if name == "brian_siamsnn" else "synapses"
    return bs.SpikingBranch(model, size, steps, connectivity=connectivity, threads=threads, dtype=dtype)


def measure(name, model, size, steps, runs, threads, counts):
    """Measure one simulator in this process; prints one line of JSON, and saves the spike counts to a file."""
    quiet()
    model = bs.SpikingModel.of(model)
    crop, result = synthetic_crop(size), {}
    began = time.perf_counter()
    if name in PEERS:
        import torch

        torch.set_num_threads(threads)
        run = peer(name, model, steps)
    else:
        made = branch(name, model, size, steps, threads)

        def run(crop):
            return made.run(crop).counts()

    result["build_seconds"] = time.perf_counter() - began
    times = seconds(lambda: run(crop), runs)
    result |= {"seconds": float(np.median(times)), "fastest": min(times), "slowest": max(times)}
    result["peak_memory_mib"] = peak_memory_mib()
    found = {"single": run(crop)}
    if name in PEERS:
        found["double"] = peer(name, model, steps, "float64")(current=FirstLayer(model).current(crop))
    else:
        result |= {"events": int(sum(np.sum(events) for events in made.operations.values())), "codegen": made.codegen}
        if name == "brian_siamsnn":
            found["double"] = branch(name, model, size, steps, threads, "float64").run(crop).counts()
    np.savez(counts, **found)
    print(json.dumps(result))


def compare(names, arguments):
    """Measure the simulators one after another, and return the result for the JSON file."""
    settings = {key: getattr(arguments, key) for key in ("model", "size", "steps", "runs", "threads")}
    options = [part for key, value in settings.items() for part in (f"--{key}", value)]
    measured, counts = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for name in tqdm(names, desc="simulators", disable=None):
            path = Path(folder) / f"{name}.npz"
            measured[name] = measured_apart(__file__, *options, "--only", name, "--counts", path)
            if path.exists():
                counts[name] = dict(np.load(path))
    ours = counts.get("brian_siamsnn", {})
    for name, found in counts.items():
        measured[name]["spikes"] = int(found["single"].sum())
        for precision in found.keys() & ours.keys():
            measured[name][f"neurons_off_{precision}"] = int((found[precision] != ours[precision]).sum())
    took = {name: values["seconds"] for name, values in measured.items() if "seconds" in values}
    result = {
        **settings,
        "model": Path(arguments.model).name,
        "seconds_per_crop": took,
        "measured": measured,
        "last_layer_neurons": ours["single"].size if ours else None,
    }
    peers = {name: took[name] for name in PEERS if name in took}
    if "brian_siamsnn" in took and peers:
        result["fastest_peer"] = min(peers, key=peers.get)
        result["ratio_to_fastest_peer"] = took["brian_siamsnn"] / min(peers.values())
    if {"brian_siamsnn", "explicit_synapses"} <= took.keys():
        per_event = {name: took[name] / measured[name]["events"] for name in SIMULATORS[:2]}
        result["ratio_to_explicit_synapses_per_event"] = per_event["brian_siamsnn"] / per_event["explicit_synapses"]
    return result


def report(result):
    settings = f"{result['model']}, {result['size']} pixels, T = {result['steps']}, {result['threads']} threads"
    print(f"{heading()}; {settings}, medians of {result['runs']}\n")
    print(f"{'':<20}{'off, double':>12}{'off, single':>12}{'spikes':>9}{'seconds':>10}{'ratio':>8}{'MiB':>8}")
    ours = result["seconds_per_crop"].get("brian_siamsnn")
    for name, values in result["measured"].items():
        if "failed" in values:
            print(f"{name:<20}{values['failed']}")
            continue
        ratio = f"{values['seconds'] / ours:8.2f}" if ours else f"{'':>8}"
        off = "".join(f"{values.get(f'neurons_off_{precision}', '-'):>12}" for precision in ("double", "single"))
        print(f"{name:<20}{off}{values['spikes']:>9}{values['seconds']:>10.4f}{ratio}{values['peak_memory_mib']:>8.0f}")
    print(f"\n{result['last_layer_neurons']} neurons in the last layer; ratio: time relative to brian_siamsnn")
    for key in ("fastest_peer", "ratio_to_fastest_peer", "ratio_to_explicit_synapses_per_event"):
        if key in result:
            print(key, f"{result[key]:.4g}" if isinstance(result[key], float) else result[key])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=MODEL, help="name of a shipped model, or a model file")
    parser.add_argument("--size", type=int, default=255, help="side of the crop in pixels")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--simulators", nargs="+", choices=SIMULATORS, default=SIMULATORS)
    parser.add_argument("--json")
    parser.add_argument("--only", choices=SIMULATORS, help=argparse.SUPPRESS)
    parser.add_argument("--counts", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        settings = {key: getattr(arguments, key) for key in ("model", "size", "steps", "runs", "threads", "counts")}
        measure(arguments.only, **settings)
        return
    result = compare(arguments.simulators, arguments)
    report(result)
    write_json(arguments.json, result)


if __name__ == "__main__":
    main()
