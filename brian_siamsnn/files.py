"""Files: where those that ship are, and how results are written; and the memory that is left."""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import InputError

if TYPE_CHECKING:
    from .aliases import FilePath

__all__ = ["PACKAGE", "find", "names", "write_json", "write_whole"]

#: Folder of the installed package.
PACKAGE = Path(__file__).resolve().parent


def find(folder: str, name: FilePath, suffix: str) -> Path:
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
    # os.path says no where Path raises: a name that is too long, a folder that may not be read
    if Path(name).name == str(name) and os.path.isfile(inside):
        return inside
    if os.path.isfile(name):
        return Path(name)
    shipped = ", ".join(names(folder, suffix)) or "none"
    what = "a folder; no such file" if os.path.isdir(name) else "no such file"
    given = name if str(name).strip() else repr(name)
    raise InputError(
        f"{given}: {what}, and not one of the {folder} that ship ({shipped}); give one of these, or the "
        f"path of a {suffix} file"
    )


def names(folder: str, suffix: str) -> list[str]:
    """Names of what ships in a folder, sorted: those that `find` takes."""
    return sorted(path.stem for path in _shipped(folder).glob(f"*{suffix}"))


def _shipped(folder):
    # installed, the folders are package data; in a checkout they are at its root
    return next(path for path in (PACKAGE / "data" / folder, PACKAGE.parent / folder) if path.is_dir())


def write_whole(path: FilePath, content: bytes) -> None:
    """Write a file so that it is always a whole one: the new one, or what was there before.

    A process that is killed meanwhile leaves a hidden file beside it at most.

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
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(f"{path}: expected a place for a file, and there is a folder or a device; give another name")
    # processes, on several machines maybe, can write the same file at once
    unfinished = path.parent / f".{path.name[:100]}.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        with open(unfinished, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # or a power cut could leave an empty file under the new name
        os.replace(unfinished, path)
    except (OSError, ValueError) as error:  # a ValueError is a null character in the name
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{path}: cannot be written ({reason}); what was there before is unchanged; "
            "make room, or give another place"
        ) from None
    finally:
        with suppress(OSError, ValueError):
            unfinished.unlink()


def write_json(path: FilePath, content: Any) -> None:
    """Write a JSON file, whole or not at all; numbers that are not finite become null."""

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, float | np.floating):
            return float(value) if np.isfinite(value) else None
        return value

    write_whole(path, (json.dumps(plain(content), indent=2) + "\n").encode())
