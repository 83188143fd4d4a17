"""A compiled network that keeps running, and simulates the images that are sent to it, run after run.

Brian2 writes a program that runs once: it reads its arrays, makes the synapses, simulates, and writes every array,
synapses included. All of that takes much longer than the simulation of an image. So a loop is put around its run:

    while the standard input brings the input currents of the next images:
        t = 0;  run;  write what the monitors recorded and empty them;  print the seconds that the run took

The program ends with its input, and writes nothing else.
"""

from __future__ import annotations

import contextlib
import subprocess
import weakref
from typing import TYPE_CHECKING

from brian2.core.variables import DynamicArrayVariable

from ..errors import InputError
from .brian2_names import dynamic_array_name, result_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Any

__all__ = ["ResidentProgram", "repeat_runs"]

#: What the program prints after each run, followed by the seconds of the run.
_DONE = "run took"

#: The file for the program's messages; a pipe that nobody reads could fill up and stop the program.
_MESSAGES = "messages.txt"

_BEFORE = """
auto save = [](const char* path, const void* data, size_t bytes)
{{
    FILE* file = fopen(path, "wb");
    const bool written = file && fwrite(data, 1, bytes, file) == bytes;
    if (!file || fclose(file) != 0 || !written)
    {{
        fprintf(stderr, "cannot write %s\\n", path);
        exit(1);
    }}
}};
while (fread(brian::{table}, sizeof(brian::{table}[0]), brian::_num_{table}, stdin) == size_t(brian::_num_{table}))
{{
    {restart}
"""

_AFTER = """
    {save}
    printf("{done} %.9g\\n", Network::_last_run_time);
    fflush(stdout);
}}
return 0;
"""

_SAVE_LIST = """
    save("{path}", {name}.data(), {name}.size()*sizeof({name}[0]));
    {name}.clear();
"""

_SAVE_TABLE = """
    std::vector<std::decay<decltype({name}(0, 0))>::type> {variable};
    for (int n = 0; n < {name}.n; n++)
        {variable}.insert({variable}.end(), &{name}(n, 0), &{name}(n, 0) + {name}.m);
    save("{path}", {variable}.data(), {variable}.size()*sizeof({variable}[0]));
"""


def repeat_runs(device: Any, table: str, restart: str, monitors: Iterable[Any]) -> None:
    """Put the loop of a resident program around the run of a network; call it before `Network.run`.

    Parameters
    ----------
    device : brian2.devices.device.Device
        The device that writes the program, ``cpp_standalone`` or ``genn``.
    table : str
        Name of the static array that the standard input fills before each run.
    restart : str
        C++ statements that set the time to zero.
    monitors : iterable of SpikeMonitor and StateMonitor
        What they record is written to ``results/`` after each run, in the files that Brian2 would write.
    """
    save = []
    for monitor in monitors:
        for variable in monitor.variables.values():
            if isinstance(variable, DynamicArrayVariable):
                form = _SAVE_LIST if variable.ndim == 1 else _SAVE_TABLE
                name = dynamic_array_name(variable)
                path = f"results/{result_file(variable)}"
                save.append(form.format(name=name, path=path, variable=f"{monitor.name}_{variable.name}"))
    device.insert_code("before_network_run", _BEFORE.format(table=table, restart=restart))
    device.insert_code("after_network_run", _AFTER.format(save="".join(save), done=_DONE))


class ResidentProgram:
    """A program with the loop of `repeat_runs`.

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
                if line.startswith(_DONE.encode()):
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
