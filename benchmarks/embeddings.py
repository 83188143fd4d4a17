"""Embeddings a second on each device, for many crops in one run, and whether their spikes are the same.

    python benchmarks/embeddings.py [--model compact] [--size 127] [--crops 32] [--coding rate] [--json FILE]

Each device runs in a process of its own, on one thread; one that is absent is named with the reason. Compiled devices
show all crops one after the other in one run of their program, whose start and files are counted in; ``loop_seconds``
is what the program itself says its simulation took. The runtime takes the crops one by one. ``build_seconds`` holds
making the network and compiling it (the runtime's code may be in Brian2's cache already). In double precision the
spikes of the last layer have to be the same on all devices; in single precision sums in another order may move some.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from shared import FORMS, machine, measured_apart, peak_memory_mib, quiet, synthetic_crop, write_json
from tqdm import tqdm


def measure(name, arguments):
    """In a process of its own: prints one line of JSON, leaves the spikes in a file."""
    from brian_siamsnn.model.conversion import SpikingModel
    from brian_siamsnn.model.files import load_model
    from brian_siamsnn.network.devices import build_branch

    quiet()
    model = SpikingModel.from_model(load_model(arguments.model))
    crops = np.stack([synthetic_crop(arguments.size, shift=k) for k in range(arguments.crops)])
    device, options = FORMS[name]
    threads = {} if device.startswith("genn") else {"threads": 1}
    images = 1 if device == "runtime" else arguments.crops
    began = time.perf_counter()
    branch = build_branch(
        model,
        arguments.size,
        arguments.steps,
        arguments.coding,
        device,
        batch_size=images,
        dtype=arguments.dtype,
        **threads,
        **options,
    )
    if device == "runtime":
        branch.prepare()
    result = {"build_seconds": time.perf_counter() - began}
    took = []
    for _ in range(arguments.runs):
        began = time.perf_counter()
        trains = [branch.run(crop) for crop in crops] if images == 1 else branch.run(crops)
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
    parser.add_argument("--model", default="compact")
    parser.add_argument("--size", type=int, default=127, help="side of the crops in pixels")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--coding", default="rate")
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
    options = [part for key, value in settings.items() for part in (f"--{key}", value)]
    measured, spikes = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for name in tqdm(arguments.devices, desc="devices", disable=None):
            path = Path(folder) / f"{len(measured)}.npy"
            measured[name] = measured_apart(__file__, *options, "--only", name, "--spikes", path)
            if path.exists():
                spikes[name] = set(map(tuple, np.load(path).T))
    first = next(iter(spikes.values()), set())
    description = machine()
    print(f"{description['cpu']}, {description['cores']} cores, load {description['load_average']:.1f}; {settings}\n")
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
