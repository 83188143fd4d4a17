"""Checks of the machine: compilers, processors, the GPU, and the folders and preferences in use.

Brian2 is imported only inside the checks, because the installation may be broken.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from .finding import note, ok

if TYPE_CHECKING:
    from .finding import Finding

__all__ = ["code_generation", "compiler", "cuda", "cython_cache", "folders", "processors"]

#: File in which Linux states the CPU limit of a container: microseconds per period, and the period.
_CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")

#: A Python extension of a few lines, for trying a compiler.
_EXTENSION = "#include <Python.h>\n#include <vector>\nint probe() { return (int)std::vector<int>(3).size(); }\n"


def compiler() -> list[Finding]:
    """Check the C++ compiler, without which Brian2 silently uses NumPy instead of Cython.

    Returns
    -------
    list of Finding
        One finding.
    """
    name = os.environ.get("CXX", "c++" if sys.platform == "darwin" else "g++").split()[0]
    slower = "the neurons are simulated by NumPy, with the same spikes but several times slower"
    install = "xcode-select --install" if sys.platform == "darwin" else "apt install g++ (or your system's package)"
    path = shutil.which(name)
    if not path:
        return [note("C++ compiler", f"no {name}: {slower}", install)]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "probe.cpp"
        source.write_text(_EXTENSION, encoding="ascii")
        include = sysconfig.get_paths()["include"]
        command = [path, "-shared", "-fPIC", f"-I{include}", str(source), "-o", str(source) + ".so"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return [ok("C++ compiler", f"{path} compiles Python extensions")]
    if "Python.h" in done.stderr:
        headers = "apt install python3-dev (or the headers of this Python)"
        return [note("C++ compiler", f"{path} does not find Python.h: {slower}", headers)]
    reason = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
    return [note("C++ compiler", f"{path} does not compile ({reason}): {slower}", install)]


def code_generation() -> list[Finding]:
    """Check for Brian2 preferences that make it slow.

    Returns
    -------
    list of Finding
        A note on such a preference; empty without one.
    """
    try:
        from brian2 import prefs
    except Exception:
        return []  # reported by python_packages
    if prefs.codegen.target != "numpy":
        return []
    found = "a Brian2 preference selects NumPy code (codegen.target = 'numpy'): the same spikes, several times slower"
    return [note("code generation", found, "remove it from ~/.brian/user_preferences or ./brian_preferences")]


def processors() -> list[Finding]:
    """Check how many processors the kernel's threads can use, and whether a container limits them.

    Returns
    -------
    list of Finding
        One finding.
    """
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        limit, period = _CPU_LIMIT.read_text(encoding="ascii").split()
        allowed = int(limit) / int(period)
    except (OSError, ValueError):  # no such file, or "max": no limit
        allowed = threads
    if allowed >= threads:
        return [ok("processors", str(threads))]
    last = max(int(allowed), 1) - 1
    found = (
        f"{threads} are visible, but this container may use {allowed:g} of them: "
        "with one thread per visible processor, threads wait for each other"
    )
    fix = f"taskset -c 0-{last} brian-siamsnn ..." if last else "taskset -c 0 brian-siamsnn ..."
    return [note("processors", found, fix)]


def cython_cache() -> list[Finding]:
    """Check the folder in which Brian2 caches compiled neurons.

    Returns
    -------
    list of Finding
        One finding, with the size of the cache; empty if Brian2 cannot be imported.
    """
    try:
        from brian2.codegen.runtime.cython_rt.extension_manager import get_cython_cache_dir

        folder = Path(get_cython_cache_dir() or Path.home())
    except Exception:
        return []  # reported by python_packages
    if folder.exists() and not os.access(folder, os.W_OK):
        found = f"{folder} cannot be written: neurons are compiled every time, or simulated by NumPy"
        return [note("Cython cache", found, f"chown -R $USER {folder}")]
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) if folder.exists() else 0
    clear = "brian2.clear_cache('cython') empties it"
    return [ok("Cython cache", f"{folder}, {size / 2**20:,.0f} MiB ({clear})")]


def cuda() -> list[Finding]:
    """Check for a GPU and its compiler.

    Returns
    -------
    list of Finding
        One finding.
    """
    if not shutil.which("nvidia-smi"):
        return [note("CUDA", "no NVIDIA driver: training and GeNN run on the CPU")]
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    gpus = listed.stdout.strip().splitlines() if listed.returncode == 0 else []
    if not gpus:
        return [note("CUDA", "nvidia-smi finds no GPU")]
    if not shutil.which("nvcc"):
        install = "install the CUDA toolkit, and add nvcc to the PATH"
        return [note("CUDA", f"{gpus[0]}; no nvcc, so GeNN has only its CPU backend", install)]
    return [ok("CUDA", gpus[0])]


def folders() -> list[Finding]:
    """Check the current folder: where results go, and whether standalone simulations started here would collide.

    Returns
    -------
    list of Finding
        A note on each limitation; empty if there is none.
    """
    found = []
    if not os.access(Path.cwd(), os.W_OK):
        text = f"{Path.cwd()} cannot be written, and results go there by default"
        found.append(note("output folder", text, "give --output FOLDER"))
    # the default project folder of set_device('cpp_standalone')
    project = Path.cwd() / "output"
    if (project / "objects.cpp").is_file():
        text = f"{project} is a Brian2 cpp_standalone project: simulations of yours started here overwrite each other's"
        fix = "set_device('cpp_standalone', directory=None), which uses a new folder for each"
        found.append(note("standalone folder", text, fix))
    return found
