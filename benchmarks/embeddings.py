"""Embeddings per second on each device, what they cost, and a comparison of their spikes.

    python benchmarks/embeddings.py [--size 127] [--crops 64] [--batch 1] [--coding wave:p=4] [--json FILE]

Each device runs in a separate process, on one thread; for a device that is not available, the reason is printed.
Crops are shown ``--batch`` at a time. A compiled device starts its program with the first of them and keeps it running.

On a machine with other work, wall time says little, so processor time is measured as well: of Python and of the
program together, by crop, without the start. ``simulation`` is the part of it that the program itself counts for the
simulation; the rest is input currents, the pipe, spike files and spike trains. ``start`` is the processor time of the
first run beyond that of a later one: the program reads its arrays and makes its synapses (on the runtime device, Brian2
prepares its code). ``build`` is the time to write and compile the network (the runtime's code may already be in
Brian2's cache).

In double precision, the last layer must spike identically on all devices. In single precision, the order of summation
may shift some spikes.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from shared import FORMS, heading, measured_apart, peak_memory_mib, synthetic_crop, write_json
from tqdm import tqdm

import brian_siamsnn as bs
from brian_siamsnn.defaults import MODEL
from brian_siamsnn.environment import quiet

SETTINGS = ("model", "size", "steps", "coding", "crops", "batch", "runs", "dtype")


def processor_seconds():
    """Processor time of this process and of the programs that it started and that still run (Linux)."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    # the clock of a process, as clock_getcpuclockid of the C library names it
    return time.process_time() + sum(time.clock_gettime((~int(pid) << 3) | 2) for pid in children)


def measure(name, arguments):
    """Measure one device in this process; prints one line of JSON, and saves the spikes to a file."""
    quiet()
    model = bs.SpikingModel.of(arguments.model)
    crops = np.stack([synthetic_crop(arguments.size, shift=k) for k in range(arguments.crops)])
    batches = np.split(crops, range(arguments.batch, arguments.crops, arguments.batch))
    device, options = FORMS[name]
    options = {**options, "device": device, "batch_size": arguments.batch, "dtype": arguments.dtype}
    if not device.startswith("genn"):
        options["threads"] = 1
    began = time.perf_counter()
    branch = bs.build_branch(model, arguments.size, arguments.steps, arguments.coding, **options)
    result = {"build_seconds": time.perf_counter() - began}

    def run():
        """Show all crops; returns wall, processor and simulation time by batch, and the spike trains."""
        times, trains = [], []
        for batch in batches:
            before = time.perf_counter(), processor_seconds()
            trains += branch.run_batch(batch)
            after = time.perf_counter(), processor_seconds()
            times.append((after[0] - before[0], after[1] - before[1], getattr(branch, "loop_seconds", np.nan)))
        return np.array(times), trains

    first, trains = run()
    times = np.concatenate([run()[0] for _ in range(arguments.runs)])
    wall, processor, simulation = np.median(times, axis=0)
    result |= {
        "start_seconds": first[0, 1] - processor,
        "seconds": wall / arguments.batch,
        "processor_seconds": processor / arguments.batch,
        "peak_memory_mib": peak_memory_mib(),
    }
    if device != "runtime":
        result["simulation_seconds"] = simulation / arguments.batch
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
    parser.add_argument("--crops", type=int, default=32, help="a multiple of the batch")
    parser.add_argument("--batch", type=int, default=1, help="crops in one run of the program")
    parser.add_argument("--runs", type=int, default=3, help="how often all crops are shown, after the first time")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float64")
    parser.add_argument("--devices", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--json")
    parser.add_argument("--only", choices=FORMS, help=argparse.SUPPRESS)
    parser.add_argument("--spikes", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.crops % arguments.batch:
        parser.error(f"--crops: expected a multiple of {arguments.batch}, got {arguments.crops}")
    if arguments.only:
        measure(arguments.only, arguments)
        return
    settings = {key: getattr(arguments, key) for key in SETTINGS}
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
    print(
        f"{'':<24}{'crops/s':>9}{'processor ms':>14}{'simulation':>12}{'start s':>9}{'build s':>9}{'MiB':>7}"
        f"{'spikes':>10}{'differing':>11}"
    )
    for name, values in measured.items():
        if "failed" in values:
            print(f"{name:<24}{values['failed']}")
            continue
        values["embeddings_per_second"] = 1 / values["seconds"]
        values["embeddings_per_processor_second"] = 1 / values["processor_seconds"]
        values["differing_spikes"] = len(spikes[name] ^ first)
        simulation = f"{1e3 * values['simulation_seconds']:.1f}" if "simulation_seconds" in values else ""
        print(
            f"{name:<24}{values['embeddings_per_second']:>9.1f}{1e3 * values['processor_seconds']:>14.1f}"
            f"{simulation:>12}{values['start_seconds']:>9.2f}{values['build_seconds']:>9.0f}"
            f"{values['peak_memory_mib']:>7.0f}"
            f"{len(spikes[name]):>10,}{values['differing_spikes']:>11}"
        )
    write_json(arguments.json, {**settings, "measured": measured})


if __name__ == "__main__":
    main()
