"""What the benchmarks share: the machine, the crop, each measurement in a process of its own, results as JSON."""

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

PACKAGES = ("brian_siamsnn", "brian2", "numpy", "torch", "spikingjelly", "sinabs", "snntorch", "brian2genn")

#: Devices that are measured, with their options; GeNN knows explicit synapses only.
FORMS = {
    "runtime, kernel": ("runtime", {"connectivity": "kernel"}),
    "runtime, synapses": ("runtime", {"connectivity": "synapses"}),
    "cpp_standalone, kernel": ("cpp_standalone", {"connectivity": "kernel"}),
    "genn": ("genn", {}),
    "genn_cuda": ("genn_cuda", {}),
}


def machine():
    """The processor, its cores, how busy it is, and versions."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        values = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        cpu = " ".join(
            filter(
                None, (values.get("model name"), f"family {values.get('cpu family')}", f"model {values.get('model')}")
            )
        )
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


def quiet():
    """Leave Brian2's log to errors."""
    import brian2

    brian2.prefs.logging.console_log_level = "ERROR"
    brian2.BrianLogger.initialize()


def synthetic_crop(size, shift=0):
    """A crop of the synthetic sequence."""
    from brian_siamsnn.crops import crop
    from brian_siamsnn.sequences.synthetic import SyntheticSequence

    frame = next(iter(SyntheticSequence(frames=1)))
    return crop(frame, (120 + shift, 160), 200, size, (0, 0, 0))


def seconds(function, runs):
    """Seconds of each of several calls, after one that does not count."""
    function()
    result = []
    for _ in range(runs):
        began = time.perf_counter()
        function()
        result.append(time.perf_counter() - began)
    return result


def peak_memory_mib():
    """Of this process and the programs that it has run, whichever took more."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024


def measured_apart(script, *arguments):
    """Run a script as a process of its own; returns what it prints last, as JSON, or {"failed": reason}."""
    process = subprocess.run([sys.executable, script, *map(str, arguments)], capture_output=True, text=True)
    lines = process.stdout.strip().splitlines()
    if process.returncode or not lines:
        reason = (process.stderr.strip() or "no output").splitlines()[-1]
        return {"failed": reason.removeprefix("brian_siamsnn.errors.InputError: ")}
    return json.loads(lines[-1])


def write_json(path, result):
    """Write a result with the machine that it came from; nothing where no path is given."""
    if path:
        Path(path).write_text(json.dumps({**result, "machine": machine()}, indent=2, default=_plain), encoding="utf-8")


def _plain(value):
    return value.tolist() if isinstance(value, np.ndarray) else value.item()
