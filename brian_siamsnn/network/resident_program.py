"""A program that keeps running: it simulates the images that are sent to it, run after run (`brian2_program.py`)."""

from __future__ import annotations

import contextlib
import subprocess
import weakref
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

__all__ = ["DONE", "ResidentProgram"]

#: What a program prints after each run, followed by the seconds that the run took.
DONE = "run took"

#: The file for the program's messages; a pipe that nobody reads could fill up and stop the program.
_MESSAGES = "messages.txt"


class ResidentProgram:
    """A program that reads the input currents of a run, simulates, and prints `DONE` with the seconds that it took.

    It is started with the first run, and again after one that failed or was interrupted. It ends with this object, or
    with Python.

    Parameters
    ----------
    name : str
        What messages call it.
    command : list of str
        The program and its arguments.
    directory : Path
        Where it runs.
    """

    def __init__(self, name: str, command: list[str], directory: Path) -> None:
        self._name, self._command, self._directory = name, command, directory
        self._process: Any = None

    def run(self, table: bytes) -> float:
        """Let the program simulate once.

        Parameters
        ----------
        table : bytes
            The input currents, as the program holds them.

        Returns
        -------
        float
            Seconds of processor time that the simulation took, without what was read and written.

        Raises
        ------
        InputError
            If the program ends instead; the message has its exit code and its last line.
        """
        process = self._started()
        try:
            with contextlib.suppress(BrokenPipeError):  # it has ended, and its messages say why
                process.stdin.write(table)
                process.stdin.flush()
            for line in process.stdout:
                if line.startswith(DONE.encode()):
                    return float(line.split()[-1])
            code = process.wait()
        except BaseException:
            # the answer to an interrupted run must not be read as that of the next one
            self._forget()
            raise
        self._forget()
        lines = (self._directory / _MESSAGES).read_text(errors="replace").split("\n")
        reason = next(filter(None, map(str.strip, reversed(lines))), "no message")
        raise InputError(f"{self._name}: the compiled network failed with exit code {code}: {reason}")

    def _started(self):
        if self._process is None:
            with open(self._directory / _MESSAGES, "wb") as messages:
                self._process = subprocess.Popen(
                    self._command, cwd=self._directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=messages
                )
            self._end = weakref.finalize(self, _end, self._process)
        return self._process

    def _forget(self):
        self._end()
        self._process = None


def _end(process):
    """End a program; it has nothing to finish."""
    process.kill()
    process.wait()
    process.stdout.close()
    with contextlib.suppress(BrokenPipeError):  # what it did not read
        process.stdin.close()
