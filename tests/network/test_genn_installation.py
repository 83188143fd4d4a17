"""What GeNN needs is looked for before anything is built, and named if it is missing."""

import sys
import types
from importlib import metadata

import pytest

from brian_siamsnn.network import genn_installation
from brian_siamsnn.network.genn_installation import compiler_error, genn_problem
from tests.helpers.messages import assert_names


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """A machine with everything that GeNN needs; a function that changes the versions of packages."""
    versions = {"brian2": "2.5.4", "brian2genn": "1.7.0"}

    def version(package):
        if package not in versions:
            raise metadata.PackageNotFoundError(package)
        return versions[package]

    monkeypatch.setattr(genn_installation, "version", version)
    monkeypatch.setitem(sys.modules, "brian2genn", types.ModuleType("brian2genn"))
    for name in ("genn/bin/genn-buildmodel.sh", "cuda/bin/nvcc", "cuda/include/curand_kernel.h"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    nvcc(tmp_path, "12.8")
    monkeypatch.setenv("GENN_PATH", str(tmp_path / "genn"))
    monkeypatch.setenv("CUDA_PATH", str(tmp_path / "cuda"))
    monkeypatch.setattr(genn_installation, "_count_gpus", lambda: 1)
    return versions


def nvcc(folder, release):
    """A compiler that only tells its version."""
    path = folder / "cuda" / "bin" / "nvcc"
    path.write_text(f"#!/bin/sh\necho 'Cuda compilation tools, release {release}, V{release}.88'\n")
    path.chmod(0o755)


@pytest.mark.parametrize("backend", ["cpu", "cuda"])
def test_a_complete_installation_has_no_problem(installed, backend):
    assert genn_problem(backend) is None


@pytest.mark.parametrize(("found", "fine"), [("2.5.0.4", True), ("2.5.4", True), ("2.6.0", False), ("2.10.1", False)])
def test_brian2_must_be_older_than_2_6(installed, found, fine):
    installed["brian2"] = found
    problem = genn_problem()
    assert (problem is None) is fine
    if not fine:
        assert_names(problem, "Brian2GeNN", "2.6", found)


def test_a_missing_brian2genn_is_named_rather_than_a_version(installed, monkeypatch):
    del installed["brian2genn"]
    installed["brian2"] = "2.9.0"
    monkeypatch.setitem(sys.modules, "brian2genn", None)  # importing it fails
    assert_names(genn_problem(), "Brian2GeNN", "docs/devices.md")


@pytest.mark.parametrize("release", ["13.0", "14.1"])
def test_a_toolkit_too_new_for_genn_is_named(installed, tmp_path, release):
    nvcc(tmp_path, release)
    assert_names(genn_problem("cuda"), "CUDA_PATH", "GeNN 4", 13, release)
    assert genn_problem("cpu") is None


def test_a_missing_toolkit_is_named(installed, monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_PATH")
    assert_names(genn_problem("cuda"), "CUDA_PATH")


def test_a_toolkit_without_a_compiler_is_named(installed, tmp_path):
    (tmp_path / "cuda/bin/nvcc").unlink()
    assert_names(genn_problem("cuda"), "CUDA_PATH", tmp_path / "cuda/bin/nvcc")


def test_a_missing_header_is_named(installed, tmp_path):
    (tmp_path / "cuda/include/curand_kernel.h").unlink()
    assert_names(genn_problem("cuda"), "curand_kernel.h")


def test_a_machine_without_a_gpu_is_named(installed, monkeypatch):
    monkeypatch.setattr(genn_installation, "_count_gpus", lambda: 0)
    assert_names(genn_problem("cuda"), "libcuda", "GPU")


class Driver:
    """libcuda with some GPUs, or whose start fails as it does on a machine without one."""

    def __init__(self, gpus, code=0):
        self._gpus, self.cuInit = gpus, lambda flags: code

    def cuDeviceGetCount(self, pointer):
        pointer._obj.value = self._gpus
        return 0


@pytest.mark.parametrize(("driver", "count"), [(Driver(2), 2), (Driver(0), 0), (Driver(2, code=100), 0)])
def test_the_driver_counts_the_gpus(monkeypatch, driver, count):
    monkeypatch.setattr(genn_installation.ctypes, "CDLL", lambda name: driver)
    assert genn_installation._count_gpus() == count


def test_a_machine_without_a_driver_has_no_gpu(monkeypatch):
    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(genn_installation.ctypes, "CDLL", missing)
    assert genn_installation._count_gpus() == 0


OUTPUT = """
make: Entering directory '/tmp/x'
g++ -std=c++11 -c -o backend.o backend.cc
backend.cc: In function 'int f()':
backend.cc:107:5: error: too few arguments to function 'CUresult cuCtxCreate_v4(CUctxCreateParams)'
  107 |     cuCtxCreate(&m_Context, 0, device);
backend.cc:200:5: error: expected ';'
make: *** [Makefile:12: backend.o] Error 1
"""


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (
            OUTPUT,
            "backend.cc:107:5: error: too few arguments to function 'CUresult cuCtxCreate_v4(CUctxCreateParams)'",
        ),
        (
            "a.cc:1:10: fatal error: curand_kernel.h: No such file",
            "a.cc:1:10: fatal error: curand_kernel.h: No such file",
        ),
        ("model.cu(12): error: identifier is undefined", "model.cu(12): error: identifier is undefined"),
        ("/usr/bin/ld: main.o: undefined reference to `f'", "/usr/bin/ld: main.o: undefined reference to `f'"),
        ("ok\nmake: *** No rule to make target 'x'.  Stop.", "make: *** No rule to make target 'x'. Stop."),
        ("compiling error_handler.cc\n", None),
        ("", None),
    ],
)
def test_the_compilers_first_error_is_found(output, line):
    assert compiler_error(output) == line
