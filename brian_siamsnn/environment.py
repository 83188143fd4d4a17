"""The machine and the package versions that a result depends on."""

from __future__ import annotations

import os
import re
from pathlib import Path

from . import __version__
from .errors import InputError

__all__ = ["available_memory", "available_threads", "check_version", "import_brian2", "quiet", "versions"]


def available_memory() -> float:
    """Memory that can be allocated without swapping.

    Returns
    -------
    float
        Bytes; infinity where ``/proc/meminfo`` does not report them.
    """
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return float("inf")
    found = re.search(r"MemAvailable:\s+(\d+)", text)
    return 1024 * int(found[1]) if found else float("inf")


def available_threads() -> int:
    """Number of processors that this process may use.

    Returns
    -------
    int
        Size of the CPU affinity mask, or the number of processors where the
        system has no such mask.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_version(package: str, wanted: str, purpose: str) -> None:
    """Check that an optional package is as new as this one asks for in its extras.

    Parameters
    ----------
    package : str
        Name of an installed package.
    wanted : str
        The oldest version that works, such as ``"1.0.8"``.
    purpose : str
        What needs it, for the message.

    Raises
    ------
    InputError
        If the installed version is older.
    """
    from importlib.metadata import version

    found = version(package)
    if _numbers(found) < _numbers(wanted):
        raise InputError(
            f"{purpose}: expected {package} {wanted} or newer, got {found}; pip install '{package}>={wanted}'"
        )


def _numbers(text):
    """The numbers of a version, 1.0.8 of 1.0.8+cpu."""
    return tuple(int(number) for number in re.findall(r"\d+", re.split(r"[+a-z]", text)[0]))


def import_brian2() -> None:
    """Import Brian2, and keep the signal SIGINT ignored if the parent process wants it ignored.

    A shell ignores it for the commands that a script runs in the background with ``&``. Brian2 installs a handler that
    calls the one before it, which fails if there was none to call.
    """
    import signal

    before = signal.getsignal(signal.SIGINT)
    import brian2  # noqa: F401

    if isinstance(before, signal.Handlers):
        signal.signal(signal.SIGINT, before)


def quiet() -> None:
    """Restrict Brian2's log to errors; this program reports everything else itself."""
    import logging

    from brian2 import BrianLogger, prefs

    prefs.logging.console_log_level = "ERROR"
    logging.raiseExceptions = False  # otherwise a full disk turns every line of Brian2's log file into a traceback
    BrianLogger.initialize()


def versions() -> dict[str, str]:
    """Versions of the packages that a result depends on.

    Returns
    -------
    dict of str to str
        Versions of ``brian_siamsnn``, ``brian2`` and ``numpy``.
    """
    import brian2
    import numpy

    return {"brian_siamsnn": __version__, "brian2": brian2.__version__, "numpy": numpy.__version__}
