"""Finding the files shipped with the package, names for other libraries, and writing a file whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .aliases import FilePath

__all__ = ["PACKAGE", "find", "names", "openable", "printable", "write_json", "write_whole"]

#: Folder of the installed package.
PACKAGE = Path(__file__).resolve().parent


def find(folder: str, name: FilePath, suffix: str) -> Path:
    """Find a file by its shipped name or by its path.

    A shipped name takes precedence over a file of the same name in the current
    directory.

    Parameters
    ----------
    folder : {"equations", "weights"}
        Shipped folder in which ``name`` is looked up.
    name : str or path
        A shipped name, such as ``"rate"``, or the path to a file.
    suffix : str
        File suffix of the shipped files, including the dot.

    Returns
    -------
    Path
        Path of the file.

    Raises
    ------
    InputError
        If ``name`` is neither; the message lists the shipped names.
    """
    shipped_file = _shipped(folder) / f"{name}{suffix}"
    # os.path.isfile returns False where Path.is_file raises: for too long a name, or in an unreadable folder
    if Path(name).name == str(name) and os.path.isfile(shipped_file):
        return shipped_file
    if os.path.isfile(name):
        return Path(name)
    shipped = ", ".join(names(folder, suffix)) or "none"
    problem = "no such file (it is a folder)" if os.path.isdir(name) else "no such file"
    given = name if str(name).strip() else repr(name)
    raise InputError(
        f"{given}: {problem}, and not one of the shipped {folder} ({shipped}); give one of these names, or the path "
        f"to a {suffix} file"
    )


def names(folder: str, suffix: str) -> list[str]:
    """List the names that `find` accepts for a shipped folder.

    Parameters
    ----------
    folder : {"equations", "weights"}
        Shipped folder.
    suffix : str
        File suffix, including the dot.

    Returns
    -------
    list of str
        File names without the suffix, sorted.
    """
    return sorted(path.stem for path in _shipped(folder).glob(f"*{suffix}"))


def _shipped(folder):
    # package data once installed; top-level folders in a checkout
    return next(path for path in (PACKAGE / "data" / folder, PACKAGE.parent / folder) if path.is_dir())


def printable(name: FilePath) -> str:
    """Convert a file name to text that can be printed and stored.

    Parameters
    ----------
    name : str or path
        A file name; on Linux any bytes, which Python represents by surrogates where they are not UTF-8.

    Returns
    -------
    str
        The name, with ``\\xe9`` for a byte that is not UTF-8.
    """
    return os.fsencode(name).decode(errors="backslashreplace")


@contextmanager
def openable(path: FilePath) -> Iterator[str]:
    """Give a file a name that OpenCV and FFmpeg open as a file, as a context manager.

    FFmpeg takes the letters before a colon for a protocol, unless the path is absolute. OpenCV ends the process for a
    name that is not UTF-8, so such a file gets a symbolic link for as long as the context lasts.

    Parameters
    ----------
    path : str or path
        A file, which need not exist.

    Yields
    ------
    str
        An absolute path of the same file.
    """
    path = os.path.abspath(path)
    if printable(path) == path:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        link = os.path.join(folder, "link" + printable(os.path.splitext(path)[1]))
        os.symlink(path, link)
        yield link


def write_whole(path: FilePath, content: bytes) -> None:
    """Write a file atomically: readers see either the old content or all of the new.

    A process that is killed while writing leaves at most a hidden temporary
    file next to it.

    Parameters
    ----------
    path : str or path
        File to write; an existing file is replaced.
    content : bytes
        The whole content of the file.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    path = Path(path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(f"{path}: cannot be written (it is a folder or a device); choose another path")
    # the random part keeps processes apart that write the same file at once, even from several machines
    temporary = path.parent / f".{path.name[:100]}.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # without it, a power failure could leave an empty file under the new name
        os.replace(temporary, path)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{path}: cannot be written ({reason}); any previous file is unchanged; free disk space, or choose another "
            "path"
        ) from None
    finally:
        with suppress(OSError, ValueError):
            temporary.unlink()


def write_json(path: FilePath, content: Any) -> None:
    """Write a JSON file atomically; NaN and infinities become null.

    Parameters
    ----------
    path : str or path
        File to write; an existing file is replaced.
    content : object
        Anything that `json.dumps` accepts. Non-finite numbers are replaced in
        nested dicts, but not inside lists.

    Raises
    ------
    InputError
        If the file cannot be written.
    """

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, float | np.floating):
            return float(value) if np.isfinite(value) else None
        return value

    write_whole(path, (json.dumps(plain(content), indent=2) + "\n").encode())
