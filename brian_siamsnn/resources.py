"""Files: where those that ship are, and how results are written."""

import os
from pathlib import Path

from .errors import InputError

__all__ = ["find", "names", "write_whole"]

_PACKAGE = Path(__file__).resolve().parent


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
    return next(path for path in (_PACKAGE / "data" / folder, _PACKAGE.parent / folder) if path.is_dir())


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
