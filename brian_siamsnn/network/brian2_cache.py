"""Brian2's cache of compiled Cython modules."""

from __future__ import annotations

import copy
import functools
import hashlib
import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import Cython
import numpy as np
from brian2.codegen.runtime.cython_rt.extension_manager import cython_extension_manager, get_cython_cache_dir
from brian2.utils.filelock import FileLock, Timeout
from brian2.utils.stringtools import deindent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from ..aliases import FilePath

__all__ = ["compiled_module", "is_whole", "remove_broken_modules", "report_compilation"]

#: The compiler's flags that a module depends on.
_FLAGS = ("compiler", "extra_compile_args", "define_macros", "libraries")

#: Called before each module that is compiled; see `report_compilation`.
_reporters: list[Callable[[], Any]] = []


@contextmanager
def report_compilation(report: Callable[[], Any]) -> Iterator[None]:
    """Call a function before each module that is compiled within a block.

    Parameters
    ----------
    report : callable
        Called without arguments; not at all if the cache has every module.
    """
    _reporters.append(report)
    try:
        yield
    finally:
        _reporters.remove(report)


def compiled_module(code: str, **flags: Any) -> ModuleType | None:
    """The compiled module of some Cython code, from the cache if it is there.

    Brian2's key of a module has the path by which Python was called, but not the
    compiler's flags. This one has the flags and not the path: calling Python by
    another path compiles nothing again.

    Parameters
    ----------
    code : str
        Cython source with a function ``main``.
    **flags : object
        Compiler, its arguments and folders, as Brian2's extension manager takes them.

    Returns
    -------
    module or None
        None if Cython rejects the code.
    """
    flags = copy.deepcopy(flags)  # Brian2 and Cython append to these lists while they compile
    if flags["compiler"] == "unix":  # Python's own flags may ask for debugging symbols, a sixth of the time
        flags["extra_compile_args"].append("-g0")
    versions = sys.version_info, Cython.__version__, np.__version__.split(".")[:2]
    # not the folders of headers and libraries, which contain the path of the environment
    compiler = os.environ.get("CC"), os.environ.get("CXX"), *(flags[name] for name in _FLAGS)
    key = repr((deindent(code), versions, compiler))
    name = f"_cython_magic_{hashlib.md5(key.encode()).hexdigest()}"
    folder = Path(get_cython_cache_dir()).expanduser()
    if not (folder / f"{name}{cython_extension_manager.so_ext}").is_file():
        for report in _reporters:
            report()
    return cython_extension_manager.create_extension(code, name=name, **flags)


def is_whole(path: FilePath) -> bool:
    """Whether a shared library for 64-bit Linux (ELF) is complete: its section headers come last.

    Parameters
    ----------
    path : str or path
        The library.

    Returns
    -------
    bool
        True also for a library of another word size or byte order, which is not examined.
    """
    path = Path(path)
    with open(path, "rb") as file:
        header = file.read(64)
    if header[:4] != b"\x7fELF":
        return False
    if header[4:6] != b"\x02\x01":
        return True
    start, size, count = (int.from_bytes(header[a:b], "little") for a, b in ((40, 48), (58, 60), (60, 62)))
    return len(header) == 64 and start > 0 and start + size * count <= path.stat().st_size


@functools.cache
def remove_broken_modules(folder: FilePath | None = None) -> None:
    """Remove incomplete modules from Brian2's Cython cache, once a process; Brian2 then compiles them again.

    Brian2 takes any file in its cache for a module. If the linker is killed half
    way (a container that stops, a power cut), half a module stays behind, and
    every later run dies of a bus error.

    Parameters
    ----------
    folder : str or path, optional
        The cache; Brian2's own by default.
    """
    folder = folder or get_cython_cache_dir()
    if sys.platform != "linux" or folder is None:
        return
    for path in Path(folder).expanduser().glob("_cython_magic_*.so"):
        with suppress(OSError, Timeout):  # another process is compiling it, or has removed it
            if not is_whole(path):
                with FileLock(str(path.with_name(f"{path.name.split('.')[0]}.lock")), timeout=0):
                    path.unlink()
