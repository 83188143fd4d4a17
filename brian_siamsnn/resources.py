"""Files: where those that ship are, and how results are written; and the memory that is left."""

import os
import re
from pathlib import Path

from .errors import InputError

__all__ = ["PACKAGE", "available_memory", "find", "names", "write_whole"]

#: Folder of the installed package.
PACKAGE = Path(__file__).resolve().parent


def find(folder, name, suffix):
    """Path of a file that ships with the package, or of the user's own.

    Parameters
    ----------
    folder : {"equations", "weights"}
        Which of the shipped folders ``name`` is looked up in.
    name : str or path
        A shipped name, such as ``"rate"``, or a path to a file.
    suffix : str
        Ending of such files, with the dot.

    Raises
    ------
    InputError
        If it is neither; the message lists the names that ship.
    """
    inside = _shipped(folder) / f"{name}{suffix}"
    if Path(name).name == str(name) and inside.is_file():
        return inside
    if Path(name).is_file():
        return Path(name)
    shipped = ", ".join(names(folder, suffix)) or "none"
    raise InputError(f"{name}: no such file, and not one of the {folder} that ship ({shipped})")


def names(folder, suffix):
    """Names of what ships in a folder, sorted: those that :func:`find` takes."""
    return sorted(path.stem for path in _shipped(folder).glob(f"*{suffix}"))


def _shipped(folder):
    # installed, the folders are package data; in a checkout they are at its root
    return next(path for path in (PACKAGE / "data" / folder, PACKAGE.parent / folder) if path.is_dir())


def write_whole(path, content):
    """Write a file so that it is always a whole one: the new one, or what was there before.

    Parameters
    ----------
    path : str or path
        Replaced if it is there.
    content : bytes

    Raises
    ------
    InputError
        If it cannot be written.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None
    finally:
        unfinished.unlink(missing_ok=True)


def available_memory():
    """Bytes that can be used without swapping; unbounded where the system does not tell."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return float("inf")
    return 1024 * int(re.search(r"MemAvailable:\s+(\d+)", text)[1])
