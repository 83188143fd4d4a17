"""Every coding and gate on each of Brian2's devices gives the same spikes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import brian2
import pytest
from coding_network import CODINGS, GATES, STEPS, simulate

from brian_siamsnn.probe import probe


@pytest.fixture(scope="module")
def numpy_spikes():
    return simulate()


def test_numpy_gives_the_spikes_of_single_neurons(numpy_spikes):
    """The strongest neuron of each coding, alone."""
    for coding in CODINGS:
        run = probe(coding, [1.25] * STEPS)
        own = [(step + 1, amplitude) for neuron, step, amplitude in numpy_spikes[coding] if neuron == 5]
        assert own == list(zip(run.spike_steps, run.amplitudes, strict=True)), coding
    assert all(len(numpy_spikes[name]) > 5 for name in (*CODINGS, *GATES, "rate"))
    assert len({amplitude for _, _, amplitude in numpy_spikes["max_pool"]}) > 2


@pytest.mark.cython
def test_cython_gives_the_spikes_of_numpy(numpy_spikes, monkeypatch):
    monkeypatch.setitem(brian2.prefs, "codegen.target", "cython")
    # twenty steps of six neurons: compiling is all the time that this takes
    monkeypatch.setitem(brian2.prefs, "codegen.cpp.extra_compile_args_gcc", ["-w", "-O0"])
    assert simulate() == numpy_spikes


@pytest.mark.standalone
@pytest.mark.slow
def test_cpp_standalone_gives_the_spikes_of_numpy(numpy_spikes, tmp_path):
    if shutil.which("make") is None or shutil.which(os.environ.get("CXX", "g++")) is None:
        pytest.skip("cpp_standalone needs make and a C++ compiler")
    script = Path(__file__).with_name("coding_network.py")
    done = subprocess.run([sys.executable, "-W", "ignore", script, tmp_path / "standalone"], capture_output=True,
                          text=True, cwd=tmp_path, timeout=540)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert {name: [tuple(spike) for spike in spikes] for name, spikes in found.items()} == numpy_spikes
