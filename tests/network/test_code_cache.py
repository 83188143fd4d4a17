"""Half-written modules in Brian2's cache."""

import importlib.util
import sys
from pathlib import Path

import pytest
from brian2.utils.filelock import FileLock

from brian_siamsnn.network import brian2_cache as cache


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
