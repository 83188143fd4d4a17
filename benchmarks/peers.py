"""Compare simulators on the same weights, time steps and crop: agreement, time and memory.

    python benchmarks/peers.py [--model compact|FILE] [--size 255] [--steps 20] [--runs 7] [--threads N] [--json FILE]
    python benchmarks/peers.py --coding wave [--model compact] [--levels 4] ...

Requires ``pip install 'brian_siamsnn[bench]'``. Each simulator runs in a separate process, from the crop to the spikes
of the last layer. All compute the first convolution once per crop and use the same number of threads.

    brian_siamsnn      event-driven shared kernels
    explicit_synapses  one Brian2 synapse per weight (a model that does not fit into memory is rejected)
    pytorch            plain PyTorch: dense convolutions and integrate-and-fire neurons
    spikingjelly       layer.Conv2d and IFNode(v_reset=None), multi-step
    sinabs             IAF with SingleSpike and MembraneSubtract
    snntorch           Leaky(beta=1, reset_mechanism="subtract")
    cnn                the CNN that the network was converted from: one dense pass in PyTorch, channels last, no spikes
    quantised_cnn      the same with counts 0 to p as activations, in PyTorch (only with --coding wave)

With ``--coding wave`` each simulator simulates the wave: a layer sums what arrives in the p steps of its window, then
its neurons fire for p steps. All must fire the same spikes as brian_siamsnn and have the counts of the quantised CNN;
with fixed-point weights and the same input current, none may differ (snntorch excepted, see below), or this fails.

All simulate layer by layer, so a spike reaches the next layer in the same step. Two details differ. snntorch fires at
v > 1 instead of v >= 1, and subtracts in the next step. Pooling layers of the three packages pass on a spike whenever
any input fires, so they spike more often than the maximum of their inputs; pytorch implements the exact gate of
brian_siamsnn. ``off`` counts the neurons of the last layer whose spike count differs from that in brian_siamsnn. In
double precision, with the same input current, there should be none. In single precision, which is timed, the order of
summation shifts some spikes.

``times_fastest_peer`` and ``times_own_cnn`` are the time of the fastest peer and of the CNN, divided by that of
brian_siamsnn: above 1, brian_siamsnn is faster. ``ratio_to_fastest_peer`` is the inverse, and
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
from simulators import other
from tqdm import tqdm

import brian_siamsnn as bs
from brian_siamsnn.connectivity.first_layer import FirstLayer
from brian_siamsnn.defaults import MODEL, STEPS
from brian_siamsnn.environment import quiet

SIMULATORS = (
    "brian_siamsnn",
    "explicit_synapses",
    "pytorch",
    "spikingjelly",
    "sinabs",
    "snntorch",
    "cnn",
    "quantised_cnn",
)
PEERS = SIMULATORS[2:6]


def branch(name, model, size, steps, levels, threads, dtype="float32"):
    """Build a branch with shared kernels or explicit synapses."""
    options = {
        "connectivity": "kernel" if name == "brian_siamsnn" else "synapses",
        "threads": threads,
        "dtype": dtype,
        "coding": "rate" if levels is None else f"wave:p={levels}",
    }
    return bs.SpikingBranch(model, size, steps if levels is None else None, **options)


def measure(name, model, size, steps, levels, runs, threads, counts):
    """Measure one simulator in this process; prints one line of JSON, and saves the spike counts to a file."""
    quiet()
    model = bs.SpikingModel.of(model)
    crop, result = synthetic_crop(size), {}
    began = time.perf_counter()
    if name in SIMULATORS[2:]:
        import torch

        torch.set_num_threads(threads)
        run = other(name, model, steps, levels)
    else:
        made = branch(name, model, size, steps, levels, threads)

        def run(crop):
            return made.run(crop).counts()

    result["build_seconds"] = time.perf_counter() - began
    times = seconds(lambda: run(crop), runs)
    result |= {"seconds": float(np.median(times)), "fastest": min(times), "slowest": max(times)}
    result["peak_memory_mib"] = peak_memory_mib()
    found = {} if name == "cnn" else {"single": run(crop)}  # a CNN has activations, not counts
    if name in SIMULATORS[:2]:
        result |= {"events": int(sum(np.sum(events) for events in made.operations.values())), "codegen": made.codegen}
        if name == "brian_siamsnn":
            found["double"] = branch(name, model, size, steps, levels, threads, "float64").run(crop).counts()
    elif name != "cnn":
        found["double"] = other(name, model, steps, levels, "float64")(current=FirstLayer(model).current(crop))
    if found:
        np.savez(counts, **found)
    print(json.dumps(result))


def compare(names, arguments):
    """Measure the simulators one after another, and return the result for the JSON file."""
    settings = {
        key: getattr(arguments, key) for key in ("model", "size", "steps", "runs", "threads", "coding", "levels")
    }
    options = [part for key, value in settings.items() for part in (f"--{key}", value)]
    names = [name for name in names if arguments.coding == "wave" or name != "quantised_cnn"]
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
    if arguments.coding == "wave" and ours:
        for name in counts.keys() - {"brian_siamsnn", "snntorch"}:
            if off := measured[name].get("neurons_off_double"):
                raise SystemExit(f"{name}: {off} counts differ from those of brian_siamsnn")
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
        result["times_fastest_peer"] = 1 / result["ratio_to_fastest_peer"]
    if {"brian_siamsnn", "cnn"} <= took.keys():
        result["times_own_cnn"] = took["cnn"] / took["brian_siamsnn"]
    if {"brian_siamsnn", "explicit_synapses"} <= took.keys():
        per_event = {name: took[name] / measured[name]["events"] for name in SIMULATORS[:2]}
        result["ratio_to_explicit_synapses_per_event"] = per_event["brian_siamsnn"] / per_event["explicit_synapses"]
    return result


def report(result):
    coding = f"wave, p = {result['levels']}" if result["coding"] == "wave" else f"T = {result['steps']}"
    settings = f"{result['model']}, {result['size']} pixels, {coding}, {result['threads']} threads"
    print(f"{heading()}; {settings}, medians of {result['runs']}\n")
    print(f"{'':<20}{'off, double':>12}{'off, single':>12}{'spikes':>9}{'seconds':>10}{'ratio':>8}{'MiB':>8}")
    ours = result["seconds_per_crop"].get("brian_siamsnn")
    for name, values in result["measured"].items():
        if "failed" in values:
            print(f"{name:<20}{values['failed']}")
            continue
        ratio = f"{values['seconds'] / ours:8.2f}" if ours else f"{'':>8}"
        off = "".join(f"{values.get(f'neurons_off_{precision}', '-'):>12}" for precision in ("double", "single"))
        spikes, mib = values.get("spikes", "-"), values["peak_memory_mib"]
        print(f"{name:<20}{off}{spikes:>9}{values['seconds']:>10.4f}{ratio}{mib:>8.0f}")
    print(f"\n{result['last_layer_neurons']} neurons in the last layer; ratio: time relative to brian_siamsnn")
    for key in ("fastest_peer", "times_fastest_peer", "times_own_cnn", "ratio_to_explicit_synapses_per_event"):
        if key in result:
            print(key, f"{result[key]:.4g}" if isinstance(result[key], float) else result[key])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=MODEL, help="name of a shipped model, or a model file")
    parser.add_argument("--size", type=int, default=255, help="side of the crop in pixels")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--coding", choices=("rate", "wave"), default="rate")
    parser.add_argument("--levels", type=int, default=4, help="p of a wave")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--simulators", nargs="+", choices=SIMULATORS, default=SIMULATORS)
    parser.add_argument("--json")
    parser.add_argument("--only", choices=SIMULATORS, help=argparse.SUPPRESS)
    parser.add_argument("--counts", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        settings = {key: getattr(arguments, key) for key in ("model", "size", "steps", "runs", "threads", "counts")}
        measure(arguments.only, levels=arguments.levels if arguments.coding == "wave" else None, **settings)
        return
    result = compare(arguments.simulators, arguments)
    report(result)
    write_json(arguments.json, result)


if __name__ == "__main__":
    main()
