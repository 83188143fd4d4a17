"""The machine and the versions that a result depends on."""

from __future__ import annotations

import os
import re
from pathlib import Path

from . import __version__

__all__ = ["available_memory", "available_threads", "quiet", "versions"]


def available_memory() -> float:
    """Bytes that can be used without swapping; unbounded where the system does not tell."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return float("inf")
    found = re.search(r"MemAvailable:\s+(\d+)", text)
    return 1024 * int(found[1]) if found else float("inf")


def available_threads() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def quiet() -> None:
    """Leave Brian2's log to errors: what a user has to know is said by this program."""
    import logging

    from brian2 import BrianLogger, prefs

    prefs.logging.console_log_level = "ERROR"
    logging.raiseExceptions = False  # or each line of Brian2's log file is a traceback where a disk is full
    BrianLogger.initialize()


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    import brian2
    import numpy

    return {"brian_siamsnn": __version__, "brian2": brian2.__version__, "numpy": numpy.__version__}
