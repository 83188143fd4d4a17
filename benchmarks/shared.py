"""Helpers of the benchmarks: machine description, test crop, measurements in a separate process, JSON results."""

import importlib.metadata
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from brian_siamsnn.crops import crop
from brian_siamsnn.sequences.synthetic import SyntheticSequence

PACKAGES = ("brian_siamsnn", "brian2", "numpy", "torch", "spikingjelly", "sinabs", "snntorch", "brian2genn")

#: Devices to measure, with their options; GeNN supports explicit synapses only.
FORMS = {
    "runtime, kernel": ("runtime", {"connectivity": "kernel"}),
    "runtime, synapses": ("runtime", {"connectivity": "synapses"}),
    "cpp_standalone, kernel": ("cpp_standalone", {"connectivity": "kernel"}),
    "genn": ("genn", {}),
    "genn_cuda": ("genn_cuda", {}),
}


def machine():
    """Describe the processor, its load, and the package versions."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        values = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        cpu = f"{values.get('model name', '')} family {values.get('cpu family')} model {values.get('model')}".strip()
    except OSError:
        cpu = platform.processor()
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "python": platform.python_version(),
        "versions": versions,
    }


def heading():
    """Describe the processor in one line."""
    description = machine()
    return f"{description['cpu']}, {description['cores']} cores, load {description['load_average']:.1f}"


def synthetic_crop(size, shift=0):
    """Return a crop of the synthetic sequence."""
    frame = next(iter(SyntheticSequence(frames=1)))
    return crop(frame, (120 + shift, 160), 200, size, (0, 0, 0))


def seconds(function, runs):
    """Time several calls, after one untimed call; returns the seconds of each."""
    function()
    result = []
    for _ in range(runs):
        began = time.perf_counter()
        function()
        result.append(time.perf_counter() - began)
    return result


def peak_memory_mib():
    """Return the peak memory of this process or of its child processes, whichever is larger."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024


def measured_apart(script, *arguments):
    """Run a script in a separate process; returns its last line of output, read as JSON, or {"failed": reason}."""
    process = subprocess.run([sys.executable, script, *map(str, arguments)], capture_output=True, text=True)
    lines = process.stdout.strip().splitlines()
    if process.returncode or not lines:
        reason = (process.stderr.strip() or "no output").splitlines()[-1]
        return {"failed": reason.removeprefix("brian_siamsnn.errors.InputError: ")}
    return json.loads(lines[-1])


def write_json(path, result):
    """Write a result and a description of the machine to a JSON file, unless the path is None."""
    if path:
        Path(path).write_text(json.dumps({**result, "machine": machine()}, indent=2, default=_plain), encoding="utf-8")


def _plain(value):
    return value.tolist() if isinstance(value, np.ndarray) else value.item()
