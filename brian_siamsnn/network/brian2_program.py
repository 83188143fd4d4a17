"""A loop around the run of a program that Brian2 writes, so that it simulates again for other images.

Brian2's program runs once: it reads its arrays, makes the synapses, simulates, and writes every array, synapses too.
All of that takes much longer than the simulation of an image. With the loop, it starts once:

    while the standard input brings the input currents of the next images:
        t = 0;  run;  write what the monitors recorded and empty them;  print the seconds that the run took

It ends with its input, and writes nothing else. `ResidentProgram` is the other side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from brian2.core.variables import DynamicArrayVariable

from .brian2_names import dynamic_array_name, result_file
from .resident_program import DONE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

__all__ = ["repeat_runs"]

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
    """Put the loop around the run of a network; call it before `Network.run`.

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
    device.insert_code("after_network_run", _AFTER.format(save="".join(save), done=DONE))
