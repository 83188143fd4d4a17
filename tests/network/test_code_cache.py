"""Brian2's cache of compiled modules: half-written ones, and how many a network needs."""

import importlib.util
import sys
from pathlib import Path

import brian2
import numpy as np
import pytest
from brian2.utils.filelock import FileLock

from brian_siamsnn.model.layers import Convolution, MaxPool
from brian_siamsnn.network import brian2_cache as cache
from brian_siamsnn.network.runtime import SpikingBranch
from tests.helpers.reference import image, small_model


@pytest.mark.skipif(sys.platform != "linux", reason="libraries of Linux")
def test_an_incomplete_module_in_brian2s_cache_is_removed(tmp_path):
    library = Path(importlib.util.find_spec("brian_siamsnn.connectivity._events").origin).read_bytes()
    contents = {"whole": library, "half": library[: len(library) // 2], "empty": b"", "held": b""}
    names = {name: f"_cython_magic_{name}.cpython-311-x86_64-linux-gnu.so" for name in contents}
    for name, content in contents.items():
        (tmp_path / names[name]).write_bytes(content)
    for length in range(0, len(library), len(library) // 40):
        (tmp_path / "cut").write_bytes(library[:length])
        assert not cache.is_whole(tmp_path / "cut")
    with FileLock(str(tmp_path / "_cython_magic_held.lock")):  # compiled by another process
        cache.remove_broken_modules(tmp_path)
    assert {path.name for path in tmp_path.glob("*.so")} == {names["whole"], names["held"]}


@pytest.fixture
def fresh_cache(use_cython, monkeypatch, tmp_path):
    """An empty cache and a list that gets an entry for each module that is compiled."""
    use_cython(optimised=False)
    monkeypatch.setitem(brian2.prefs, "codegen.runtime.cython.cache_dir", str(tmp_path))
    monkeypatch.setattr(cache.cython_extension_manager, "_code_cache", {})
    compiled = []
    with cache.report_compilation(lambda: compiled.append(None)):
        yield compiled


@pytest.mark.cython
def test_layers_models_and_python_paths_share_modules(fresh_cache, monkeypatch, tmp_path):
    def conv(k, inputs):
        return Convolution(f"conv{k}", inputs, 4, 3)

    # a potential that is no fixed-point number, so that updates and spikes are kept apart
    options = {"coding": "rate:v_init=0.3", "hidden_coding": "rate:v_init=0.3", "dtype": np.float64}
    layers = (conv(1, 3), MaxPool("pool1", 2, 2), conv(2, 4), conv(3, 4))
    first = SpikingBranch(small_model(layers, gain=1.3), 20, 4, **options)
    first.prepare()
    # the first layer; update, and threshold with reset, of the other convolutions; the gates
    assert len(fresh_cache) == len(list(tmp_path.glob("*.so"))) == 4
    spikes = first.run(image(20))
    fresh_cache.clear()
    more = (*layers, MaxPool("pool2", 2, 1), conv(4, 4))
    SpikingBranch(small_model(more, seed=1), 30, 4, batch_size=2, prefix="other_", **options).prepare()
    assert fresh_cache == []
    # as if Python were called by another path, in a new process
    monkeypatch.setattr(sys, "executable", "/elsewhere/bin/python3")
    monkeypatch.setattr(cache.cython_extension_manager, "_code_cache", {})
    again = SpikingBranch(first.model, 20, 4, **options)
    assert again.run(image(20)) == spikes
    assert fresh_cache == []
    assert again.codegen == "cython"


@pytest.mark.cython
def test_a_network_that_is_run_plainly_shares_them_too(fresh_cache):
    layers = (Convolution("conv1", 3, 4, 3), Convolution("conv2", 4, 4, 3), Convolution("conv3", 4, 4, 3))
    branch = SpikingBranch(small_model(layers), 12, 4, dtype=np.float64)
    expected = branch.run(image(12))
    branch.show(image(12))
    branch.network.run(4 * brian2.ms)
    assert branch.trains("conv3") == expected
    # update, threshold and reset, besides the fused passes of the first layer and of the others
    assert len(fresh_cache) <= 5
