"""Is everything here that tracking needs, and what mends what is not?

Each check looks at one thing and returns findings; none relies on Brian2's being
importable, since that is one of the things that can be broken.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..files import find, names

__all__ = ["CHECKS", "Finding", "examine"]

#: Where Linux states a container's share of the processors: microseconds a period, and the period.
_CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True)
class Finding:
    """What one look found.

    Attributes
    ----------
    subject : str
    state : {"ok", "note", "problem"}
        A note limits something or makes it slow; with a problem tracking does not work.
    text : str
        What was found, and what it means.
    mend : str
        The command that mends it, or the like; empty where there is nothing to do.
    """

    subject: str
    state: str
    text: str
    mend: str = ""


_IMPORTED = {
    "numpy": "numpy",
    "brian2": "brian2",
    "opencv-python": "cv2",
    "matplotlib": "matplotlib",
    "cython": "Cython",
    "safetensors": "safetensors",
}


def python_packages() -> list[Finding]:
    """Versions of what tracking imports, and whether it does import."""
    found = [Finding("python", "ok", sys.version.split()[0]), Finding("brian_siamsnn", "ok", _version("brian_siamsnn"))]
    for package, module in _IMPORTED.items():
        try:
            importlib.import_module(module)
        except Exception as error:  # a broken installation raises whatever it does
            reason, mend = f"does not import ({error})", f"pip install --force-reinstall {package}"
            if package == "brian2" and "ptp" in str(error):
                # Brian2 2.9 and older call ndarray.ptp, which NumPy 2.4 has not
                reason, mend = "this Brian2 does not work with NumPy 2.4 and newer", "pip install 'numpy<2.4'"
            elif package == "opencv-python" and "libG" in str(error):
                mend = "apt install libgl1 libglib2.0-0"
            found.append(Finding(package, "problem", reason, mend))
        else:
            found.append(Finding(package, "ok", _version(package)))
    torch = _version("torch")
    if torch:
        found.append(Finding("torch", "ok", torch))
    else:
        found.append(
            Finding(
                "torch",
                "note",
                "not installed: no training, no import of checkpoints, no --tracker cnn",
                "pip install 'brian_siamsnn[torch]'",
            )
        )
    return found


_PROBE = "#include <Python.h>\n#include <vector>\nint probe() { return (int)std::vector<int>(3).size(); }\n"


def compiler() -> list[Finding]:
    """The C++ compiler that Brian2's Cython code needs; without one it falls back to NumPy without a word."""
    name = os.environ.get("CXX", "c++" if sys.platform == "darwin" else "g++").split()[0]
    slower = "the neurons are simulated by NumPy, the same spikes several times slower"
    install = "xcode-select --install" if sys.platform == "darwin" else "apt install g++ (or your system's package)"
    path = shutil.which(name)
    if not path:
        return [Finding("C++ compiler", "note", f"no {name}: {slower}", install)]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "probe.cpp"
        source.write_text(_PROBE, encoding="ascii")
        include = sysconfig.get_paths()["include"]
        done = subprocess.run(
            [path, "-shared", "-fPIC", f"-I{include}", str(source), "-o", str(source) + ".so"],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode == 0:
        return [Finding("C++ compiler", "ok", f"{path} compiles extensions of Python")]
    if "Python.h" in done.stderr:
        return [
            Finding(
                "C++ compiler",
                "note",
                f"{path} finds no Python.h: {slower}",
                "apt install python3-dev (or the headers of this Python)",
            )
        ]
    reason = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
    return [Finding("C++ compiler", "note", f"{path} compiles nothing ({reason}): {slower}", install)]


def code_generation() -> list[Finding]:
    """Preferences of Brian2 that make it slow."""
    try:
        from brian2 import prefs
    except Exception:
        return []  # Brian2 does not import: said already
    if prefs.codegen.target != "numpy":
        return []
    return [
        Finding(
            "code generation",
            "note",
            "a preference asks Brian2 for NumPy code (codegen.target = 'numpy'): the same spikes several times slower",
            "remove it from ~/.brian/user_preferences or ./brian_preferences",
        )
    ]


def kernel() -> list[Finding]:
    """The compiled event kernel, on a convolution that can be done by hand."""
    try:
        import numpy as np

        from ..connectivity import _events
    except ImportError as error:
        return [
            Finding(
                "event kernel",
                "problem",
                f"does not import ({error})",
                "pip install --force-reinstall --no-deps brian_siamsnn",
            )
        ]
    # one spike of 0.5 in the middle of 3 x 3 pixels, a 2 x 2 kernel with weights 1 to 4: it lies under all four outputs
    weights = np.zeros((4, 16), np.float32)
    weights[:, 0] = 1, 2, 3, 4
    v = np.zeros(4, np.float32)
    events = _events.convolve(
        np.array([4], np.int32),
        np.array([0.5], np.float32),
        weights.ravel(),
        v,
        1,
        (3, 3, 1),
        (2, 2, 1),
        2,
        1,
        1,
        16,
        1,
        1,
    )
    if events != 4 or v.tolist() != [2.0, 1.5, 1.0, 0.5]:
        return [
            Finding(
                "event kernel",
                "problem",
                f"computes {v.tolist()} for [2.0, 1.5, 1.0, 0.5]",
                "pip install --force-reinstall --no-deps --no-binary :all: brian_siamsnn",
            )
        ]
    return [Finding("event kernel", "ok", "adds what it should")]


def processors() -> list[Finding]:
    """Processors that the kernel's threads may use, and a container's limit on them."""
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        limit, period = _CPU_LIMIT.read_text(encoding="ascii").split()
        allowed = int(limit) / int(period)
    except (OSError, ValueError):  # no such file, or "max": no limit
        allowed = threads
    if allowed >= threads:
        return [Finding("processors", "ok", str(threads))]
    few = max(int(allowed), 1)
    return [
        Finding(
            "processors",
            "note",
            f"{threads} are visible, but this container may use {allowed:g} of them: as "
            "many threads as visible ones wait for each other",
            f"taskset -c 0-{few - 1} brian-siamsnn ..." if few > 1 else "taskset -c 0 brian-siamsnn ...",
        )
    ]


def cython_cache() -> list[Finding]:
    """Where Brian2 keeps compiled neurons."""
    try:
        from brian2.codegen.runtime.cython_rt.extension_manager import get_cython_cache_dir

        folder = Path(get_cython_cache_dir() or Path.home())
    except Exception:
        return []  # Brian2 does not import: said already
    if folder.exists() and not os.access(folder, os.W_OK):
        return [
            Finding(
                "Cython cache",
                "note",
                f"{folder} cannot be written: neurons are compiled anew, or simulated by NumPy",
                f"chown -R $USER {folder}",
            )
        ]
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) if folder.exists() else 0
    return [
        Finding("Cython cache", "ok", f"{folder}, {size / 2**20:,.0f} MiB (brian2.clear_cache('cython') empties it)")
    ]


def video() -> list[Finding]:
    """Write a clip of a few frames as tracking does, and read it back."""
    try:
        import cv2
        import numpy as np
    except ImportError:
        return []  # said already
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "clip.mp4")
        writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), 25, (64, 48))
        for k in range(4):
            writer.write(np.full((48, 64, 3), 60 * k, np.uint8))
        writer.release()
        reader = cv2.VideoCapture(path)
        frames = 0
        while reader.read()[0]:
            frames += 1
        reader.release()
    if frames == 4:
        return [Finding("video", "ok", "writes and reads MP4")]
    return [
        Finding(
            "video",
            "note",
            f"of 4 frames written as MP4, {frames} could be read: tracked.mp4 will be missing "
            "or broken, and videos may not open",
            "pip install --force-reinstall opencv-python",
        )
    ]


def models() -> list[Finding]:
    """Shipped model files against the checksums in their cards."""
    found = []
    for name in names("weights", ".safetensors"):
        path = find("weights", name, ".safetensors")
        card = path.with_suffix(".md")
        stated = re.search(r"SHA-256 \| `([0-9a-f]{64})`", card.read_text(encoding="utf-8")) if card.is_file() else None
        if stated is None:
            found.append(Finding(f"model {name}", "note", f"its card states no checksum ({card})"))
        elif hashlib.sha256(path.read_bytes()).hexdigest() != stated[1]:
            found.append(
                Finding(
                    f"model {name}",
                    "problem",
                    f"{path} is not the file that its card is about",
                    "pip install --force-reinstall --no-deps brian_siamsnn",
                )
            )
        else:
            found.append(Finding(f"model {name}", "ok", "checksum as in its card"))
    return found


def genn() -> list[Finding]:
    """Brian2GeNN, which needs versions of its own and a source tree of GeNN 4."""
    installed = _version("brian2genn")
    if not installed:
        return [
            Finding(
                "GeNN",
                "note",
                "Brian2GeNN is not installed; it needs an environment of its own",
                "pip install 'brian_siamsnn[genn]' in a new environment, see docs/devices.md",
            )
        ]
    path = os.environ.get("GENN_PATH")
    if not path or not (Path(path) / "bin" / "genn-buildmodel.sh").is_file():
        return [
            Finding(
                "GeNN",
                "note",
                f"Brian2GeNN {installed} finds no GeNN: GENN_PATH is {path or 'not set'}",
                "export GENN_PATH=FOLDER_OF_GENN_4.9.0",
            )
        ]
    return [Finding("GeNN", "ok", f"Brian2GeNN {installed}, GeNN in {path}")]


def cuda() -> list[Finding]:
    """A GPU and the compiler for it."""
    if not shutil.which("nvidia-smi"):
        return [Finding("CUDA", "note", "no NVIDIA driver: training and GeNN run on the processor")]
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    gpus = listed.stdout.strip().splitlines() if listed.returncode == 0 else []
    if not gpus:
        return [Finding("CUDA", "note", "nvidia-smi finds no GPU")]
    if not shutil.which("nvcc"):
        return [
            Finding(
                "CUDA",
                "note",
                f"{gpus[0]}; no nvcc, so GeNN has its CPU backend only",
                "install the CUDA toolkit, and put nvcc on the PATH",
            )
        ]
    return [Finding("CUDA", "ok", gpus[0])]


def folders() -> list[Finding]:
    """Where results go, and a project of Brian2 that several simulations would share."""
    found = []
    if not os.access(Path.cwd(), os.W_OK):
        found.append(
            Finding(
                "output folder",
                "note",
                f"{Path.cwd()} cannot be written, and results go there by default",
                "give --output FOLDER",
            )
        )
    # what set_device('cpp_standalone') writes where it is given no directory
    project = Path.cwd() / "output"
    if (project / "objects.cpp").is_file():
        found.append(
            Finding(
                "standalone folder",
                "note",
                f"{project} is a project of Brian2's cpp_standalone: two "
                "simulations of yours that are started here overwrite each other's",
                "set_device('cpp_standalone', directory=None), a folder for each",
            )
        )
    return found


#: What `examine` looks at, in this order.
CHECKS = (
    python_packages,
    compiler,
    code_generation,
    kernel,
    processors,
    cython_cache,
    video,
    models,
    genn,
    cuda,
    folders,
)


def examine() -> list[Finding]:
    """Look at everything.

    Returns
    -------
    list of Finding
    """
    return [finding for check in CHECKS for finding in _looked(check)]


def _looked(check):
    """What a check finds; one that fails itself is a finding, and the others go on."""
    try:
        return check()
    except Exception as error:  # whatever is broken here may break the look at it
        return [Finding(check.__name__.replace("_", " "), "problem", f"could not be looked at ({error})")]


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
