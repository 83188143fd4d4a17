"""Embeddings per second on each device for many crops in one run, and a comparison of their spikes.

    python benchmarks/embeddings.py [--model compact] [--size 127] [--crops 32] [--coding rate] [--json FILE]

Each device runs in a separate process, on one thread; for a device that is not available, the reason is printed.
Compiled devices show all crops one after another in a single run of their program. The measured time includes starting
the program and reading its files; ``loop_seconds`` is the simulation time that the program itself reports. The runtime
device runs the crops one by one. ``build_seconds`` covers building and compiling the network (the runtime's code may
already be in Brian2's cache). In double precision, the last layer must spike identically on all devices. In single
precision, the order of summation may shift some spikes.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from shared import FORMS, heading, measured_apart, peak_memory_mib, synthetic_crop, write_json
from tqdm import tqdm

import brian_siamsnn as bs
from brian_siamsnn.defaults import MODEL
from brian_siamsnn.environment import quiet


def measure(name, arguments):
    """Measure one device in this process; prints one line of JSON, and saves the spikes to a file."""
    quiet()
    model = bs.SpikingModel.of(arguments.model)
    crops = np.stack([synthetic_crop(arguments.size, shift=k) for k in range(arguments.crops)])
    device, options = FORMS[name]
    images = 1 if device == "runtime" else arguments.crops
    options = {**options, "device": device, "batch_size": images, "dtype": arguments.dtype}
    if not device.startswith("genn"):
        options["threads"] = 1
    began = time.perf_counter()
    branch = bs.build_branch(model, arguments.size, arguments.steps, arguments.coding, **options)
    if device == "runtime":
        branch.prepare()
    result = {"build_seconds": time.perf_counter() - began}
    took = []
    for _ in range(arguments.runs):
        began = time.perf_counter()
        trains = [branch.run(crop) for crop in crops] if images == 1 else branch.run_batch(crops)
        took.append(time.perf_counter() - began)
    result |= {"seconds": float(np.median(took)), "peak_memory_mib": peak_memory_mib()}
    if device != "runtime":
        information = (branch.directory / "results" / "last_run_info.txt").read_text()
        result["loop_seconds"] = float(information.split()[0])
        result["disk_mib"] = sum(path.stat().st_size for path in branch.directory.rglob("*") if path.is_file()) / 2**20
    spikes = np.concatenate([np.stack([np.full(len(t), k), t.step, t.neuron]) for k, t in enumerate(trains)], axis=1)
    np.save(arguments.spikes, np.unique(spikes, axis=1))
    print(json.dumps(result))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--size", type=int, default=127, help="side of the crops in pixels")
    parser.add_argument("--steps", type=int, help="T of rate coding; by default a wave")
    parser.add_argument("--coding", help="wave, or rate if steps are given, by default")
    parser.add_argument("--crops", type=int, default=32)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float64")
    parser.add_argument("--devices", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--json")
    parser.add_argument("--only", choices=FORMS, help=argparse.SUPPRESS)
    parser.add_argument("--spikes", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        measure(arguments.only, arguments)
        return
    settings = {key: getattr(arguments, key) for key in ("model", "size", "steps", "coding", "crops", "runs", "dtype")}
    options = [part for key, value in settings.items() if value is not None for part in (f"--{key}", value)]
    measured, spikes = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for name in tqdm(arguments.devices, desc="devices", disable=None):
            path = Path(folder) / f"{len(measured)}.npy"
            measured[name] = measured_apart(__file__, *options, "--only", name, "--spikes", path)
            if path.exists():
                spikes[name] = set(map(tuple, np.load(path).T))
    first = next(iter(spikes.values()), set())
    print(f"{heading()}; {settings}\n")
    print(f"{'':<24}{'crops/s':>9}{'in the loop':>13}{'to build':>10}{'MiB':>7}{'spikes':>10}{'differing':>11}")
    for name, values in measured.items():
        if "failed" in values:
            print(f"{name:<24}{values['failed']}")
            continue
        values["embeddings_per_second"] = arguments.crops / values["seconds"]
        values["differing_spikes"] = len(spikes[name] ^ first)
        loop = f"{arguments.crops / values['loop_seconds']:>13.2f}" if "loop_seconds" in values else f"{'':>13}"
        print(
            f"{name:<24}{values['embeddings_per_second']:>9.2f}{loop}{values['build_seconds']:>10.1f}"
            f"{values['peak_memory_mib']:>7.0f}{len(spikes[name]):>10,}{values['differing_spikes']:>11}"
        )
    write_json(arguments.json, {**settings, "measured": measured})


if __name__ == "__main__":
    main()
