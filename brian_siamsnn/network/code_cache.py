"""Brian2's compiled code: its cache, cleared of what was not compiled to its end, and whether there is any.

Brian2 takes a file in its Cython cache for a module, whole or not. Several
processes may share the cache, for Brian2 locks each module while it is compiled.
But where the linker is ended amid its work (a container that is stopped, a power
cut), half a module stays, and each later run dies of a bus error.
"""

from __future__ import annotations

import functools
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brian2.core.base import BrianObject

    from ..aliases import FilePath

__all__ = ["check_compiled", "is_whole", "remove_broken"]


def check_compiled(objects: Iterable[BrianObject]) -> None:
    """Raise `InputError` if the code of an object was not compiled.

    Where Cython refuses what Brian2 has written, for instance since a variable has the name of one of Cython's
    keywords, Brian2 goes on without that code, and neurons would just never fire.

    Parameters
    ----------
    objects : iterable of brian2.BrianObject
        Of a network that was run.
    """
    for item in objects:
        for code in getattr(item, "code_objects", ()):
            if code.class_name == "cython" and code.code.run.strip() and code.compiled_code["run"] is None:
                raise InputError(
                    f"{item.name}: Cython does not compile what Brian2 has made of these equations (its "
                    "message is above); does a variable have the name of a Cython keyword?"
                )


def is_whole(path: FilePath) -> bool:
    """Whether a shared library of Linux (ELF, 64 bits) reaches to its end: its section headers, which come last."""
    path = Path(path)
    with open(path, "rb") as file:
        header = file.read(64)
    if header[:4] != b"\x7fELF":
        return False
    if header[4:6] != b"\x02\x01":  # of another word size or byte order: not examined
        return True
    start, size, count = (int.from_bytes(header[a:b], "little") for a, b in ((40, 48), (58, 60), (60, 62)))
    return len(header) == 64 and start > 0 and start + size * count <= path.stat().st_size


@functools.cache
def remove_broken(folder: FilePath | None = None) -> None:
    """Remove the broken modules of a cache, once a process; Brian2 then compiles them anew.

    Parameters
    ----------
    folder : str or path, optional
        Brian2's own by default.
    """
    from brian2.codegen.runtime.cython_rt.extension_manager import get_cython_cache_dir
    from brian2.utils.filelock import FileLock, Timeout

    folder = folder or get_cython_cache_dir()
    if sys.platform != "linux" or folder is None:
        return
    for path in Path(folder).expanduser().glob("_cython_magic_*.so"):
        with suppress(OSError, Timeout):  # another process compiles it right now, or has removed it
            if not is_whole(path):
                with FileLock(str(path.with_name(f"{path.name.split('.')[0]}.lock")), timeout=0):
                    path.unlink()
