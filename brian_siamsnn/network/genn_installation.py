"""What GeNN needs on a machine, and what its compiler said."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["compiler_error", "genn_problem"]

_HOW = "see docs/devices.md for the installation"

#: The first version of Brian2 whose models Brian2GeNN 1.7.0 cannot write: "'timed_arrays' is undefined".
_BRIAN2_TOO_NEW = (2, 6)

#: The first CUDA toolkit with which GeNN 4.9.0 does not compile: cuCtxCreate takes more arguments.
_CUDA_TOO_NEW = 13


def genn_problem(backend: str = "cpu") -> str | None:
    """Find out why GeNN cannot be used on this machine.

    Parameters
    ----------
    backend : {"cpu", "cuda"}
        Processor or NVIDIA GPU, ``"cpu"`` by default.

    Returns
    -------
    str or None
        The reason, in one line. None if GeNN can be used; Brian2GeNN is then imported and its device registered.
    """
    found = version("brian2")
    with contextlib.suppress(PackageNotFoundError):
        genn = version("brian2genn")
        if tuple(map(int, re.findall(r"\d+", found)[:2])) >= _BRIAN2_TOO_NEW:
            too_new = ".".join(map(str, _BRIAN2_TOO_NEW))
            return f"Brian2GeNN {genn}: expected Brian2 before {too_new}, got {found}; {_HOW}"
    try:
        import brian2genn  # noqa: F401
    except Exception as error:  # incompatible versions fail in many ways
        return f"Brian2GeNN cannot be imported ({type(error).__name__}: {error}); {_HOW}"
    path = os.environ.get("GENN_PATH")
    if not path or not (Path(path) / "bin" / "genn-buildmodel.sh").is_file():
        return f"GENN_PATH: expected the folder of a GeNN 4 source tree, got {path!r}; {_HOW}"
    if not shutil.which("g++"):
        return f"GeNN: expected the compiler g++, found none; {_HOW}"
    return cuda_problem() if backend == "cuda" else None


def cuda_problem() -> str | None:
    """Find out why GeNN's CUDA backend cannot be used on this machine.

    Returns
    -------
    str or None
        The reason, in one line: the toolkit in ``CUDA_PATH``, its version, cuRAND's headers, or the driver and a GPU.
    """
    path = os.environ.get("CUDA_PATH")
    if not path:
        return f"CUDA_PATH: GeNN's CUDA backend expects the folder of the CUDA toolkit there, got nothing; {_HOW}"
    compiler = Path(path) / "bin" / "nvcc"
    try:
        told = subprocess.run([compiler, "--version"], capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return f"CUDA_PATH: expected the compiler {compiler}, which cannot be started; {_HOW}"
    release = re.search(r"release (\d+)(\.\d+)?", told)
    if release and int(release[1]) >= _CUDA_TOO_NEW:
        return f"CUDA_PATH: GeNN 4 expects a CUDA toolkit before {_CUDA_TOO_NEW}, got {release[0][8:]}; {_HOW}"
    header = Path(path) / "include" / "curand_kernel.h"
    if not header.is_file():
        return f"CUDA_PATH: GeNN expects the headers of cuRAND, found no {header}; install libcurand-dev"
    if not _count_gpus():
        return f"CUDA: expected an NVIDIA driver (libcuda) and a GPU, found none; {_HOW}"
    return None


def _count_gpus() -> int:
    """Number of GPUs that the NVIDIA driver offers; 0 without a driver."""
    count = ctypes.c_int(0)
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        failed = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    except (OSError, AttributeError):
        return 0
    return 0 if failed else count.value


def compiler_error(output: str) -> str | None:
    """Find the line in which a compiler says what is wrong.

    Parameters
    ----------
    output : str
        What make, g++ or nvcc printed.

    Returns
    -------
    str or None
        The first error, in one line; None if there is none.
    """
    lines = [" ".join(line.split()) for line in output.splitlines()]
    wanted = (
        r"\b(fatal )?error\b.*:|: (fatal )?error\b",  # compilers
        r"undefined reference|cannot find -l",  # linkers
        r"\*\*\* |[Cc]ommand not found|No such file",  # make and the shell
    )
    for pattern in wanted:
        for line in lines:
            if re.search(pattern, line):
                return line
    return None
