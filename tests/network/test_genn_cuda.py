"""GeNN's CUDA code for these networks, compiled and linked by nvcc; no GPU is needed, and nothing is run."""

import os
import re
import subprocess
from pathlib import Path

import brian2
import pytest

from brian_siamsnn.network.genn_installation import genn_problem
from tests.helpers.reference import NETWORKS, small_model

#: What the code generator needs and this machine may lack: an old cuCtxCreate, cuRAND's header, the driver and a GPU.
STAND_IN = Path(__file__).parents[1] / "helpers" / "cuda_stand_in"


@pytest.fixture
def without_gpu(without_genn, monkeypatch, tmp_path):
    """Let GeNN write and compile CUDA code on a machine with nvcc."""
    toolkit = Path(os.environ.get("CUDA_PATH", "/usr/local/cuda"))
    if not (toolkit / "bin" / "nvcc").is_file():
        pytest.skip(f"needs NVIDIA's compiler, found no {toolkit}/bin/nvcc; set CUDA_PATH")
    driver = tmp_path / "driver" / "libcuda.so"
    driver.parent.mkdir()
    subprocess.run(
        ["g++", "-shared", "-fPIC", f"-I{toolkit}/include", STAND_IN / "driver.cc", "-o", driver], check=True
    )
    flags = {
        "CUDA_PATH": f"{toolkit}",
        "CXXFLAGS": f"-include {STAND_IN}/cuda13.h",
        "LDFLAGS": f"-L{driver.parent} -Wl,-rpath,{driver.parent} -Wl,--no-as-needed -lcuda",
    }
    if not (toolkit / "include" / "curand_kernel.h").is_file():
        flags["NVCC_APPEND_FLAGS"] = f"-I{STAND_IN}/include"
    for name, value in flags.items():
        monkeypatch.setenv(name, value)
    # the sizes that GeNN would otherwise find by running the compiler and asking the driver
    monkeypatch.setitem(brian2.prefs, "devices.genn.cuda_backend.device_select", "MANUAL")
    monkeypatch.setitem(brian2.prefs, "devices.genn.cuda_backend.blocksize_select_method", "MANUAL")


@pytest.mark.genn
@pytest.mark.slow
def test_the_cuda_code_of_a_wave_compiles(request, tmp_path):
    if problem := genn_problem():
        pytest.skip(problem)
    request.getfixturevalue("without_gpu")  # its preferences are Brian2GeNN's
    from brian_siamsnn.network.genn import GennBranch

    model = small_model(NETWORKS["pools"])
    branch = GennBranch(model, 26, coding="wave:p=4", backend="cuda", directory=tmp_path / "project")
    code = branch.directory / "magicnetwork_model_CODE"
    kernels = set(re.findall(r"__global__ void (\w+)\(", "".join(path.read_text() for path in code.glob("*.cc"))))
    assert {"updateNeuronsKernel", "updatePresynapticKernel"} <= kernels
    assert (branch.directory / "main").is_file()
    binary = (code / "librunner.so").read_bytes()
    assert all(kernel.encode() in binary for kernel in kernels)
