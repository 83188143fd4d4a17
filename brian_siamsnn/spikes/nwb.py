"""Spike trains as Neurodata Without Borders (NWB 2) files, read by pynwb, MatNWB, Neo and others.

``units`` has one row for each neuron that fired: ``spike_times`` in seconds
(step k is k / 1000), ``amplitude`` of each of them, ``obs_intervals`` from 0 to
T ms, the ``population`` and the neuron's ``neuron``, ``y``, ``x`` and ``c``. The
table ``populations`` under ``analysis`` has H, W, C and T of each population,
and with them the neurons that were silent.
"""

from __future__ import annotations

import io
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .trains import SpikeTrains

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["nwb_bytes", "nwb_packages", "read_nwb"]

#: Steps in a second.
_PER_SECOND = 1000
_SIZES = ("height", "width", "channels", "steps")


def nwb_bytes(populations: dict[str, SpikeTrains]) -> bytes:
    """An NWB file.

    Parameters
    ----------
    populations : dict of str to SpikeTrains

    Returns
    -------
    bytes

    Raises
    ------
    InputError
        If pynwb is not installed.
    """
    pynwb, h5py = nwb_packages()
    file = pynwb.NWBFile(
        session_description="spike trains of a simulated spiking Siamese network; one time step is 1 ms",
        identifier=str(uuid.uuid4()),
        session_start_time=datetime.now(UTC),
    )
    file.add_analysis(_populations_table(populations))
    if any(len(trains) for trains in populations.values()):
        file.units = _units(populations)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as hdf, pynwb.NWBHDF5IO(file=hdf, mode="w") as target:
        target.write(file)
    return buffer.getvalue()


def _populations_table(populations):
    from hdmf.common import DynamicTable, VectorData

    values = {"population": list(populations)} | {
        size: [(*trains.shape, trains.steps)[k] for trains in populations.values()] for k, size in enumerate(_SIZES)
    }
    texts = {
        "population": "name",
        "height": "H, rows",
        "width": "W, columns",
        "channels": "C",
        "steps": "T, time steps of 1 ms",
    }
    columns = [VectorData(name=key, description=texts[key], data=column) for key, column in values.items()]
    return DynamicTable(
        name="populations",
        description="layers of neurons, neuron = (y W + x) C + c",
        columns=columns,
        colnames=list(values),
    )


def _units(populations):
    """All trains in one table, column by column: a row at a time would take minutes for a large layer."""
    from hdmf.common import VectorData, VectorIndex
    from pynwb.misc import Units

    keys = "population", "neuron", "y", "x", "c", "seconds", "ends", "spike_times", "amplitude"
    parts, spikes = [], 0
    for name, trains in populations.items():
        neurons, bounds, steps = trains.by_neuron()
        order = np.lexsort((trains.step, trains.neuron))
        parts.append(
            (
                np.full(len(neurons), name, object),
                neurons,
                *np.unravel_index(neurons, trains.shape),
                np.full(len(neurons), trains.steps / _PER_SECOND),
                spikes + bounds[1:],
                steps / _PER_SECOND,
                np.asarray(trains.amplitude, np.float32)[order],
            )
        )
        spikes += len(trains)
    column = dict(zip(keys, map(np.concatenate, zip(*parts, strict=True)), strict=True))
    count = len(column["neuron"])
    intervals = np.stack([np.zeros(count), column["seconds"]], axis=1)
    each = np.arange(1, count + 1)
    columns = [
        *_ragged("spike_times", "times in seconds; step k is at k ms", column["spike_times"], column["ends"]),
        *_ragged("obs_intervals", "0 to T ms", intervals, each),
        *_ragged("amplitude", "what a spike carried: the threshold reached", column["amplitude"], column["ends"]),
        VectorData(name="population", description="name of the population", data=column["population"].tolist()),
        VectorData(name="neuron", description="index in its population, (y W + x) C + c", data=column["neuron"]),
        *(
            VectorData(name=key, description=text, data=column[key])
            for key, text in {"y": "row", "x": "column", "c": "channel"}.items()
        ),
    ]
    return Units(
        name="units",
        description="one row for each neuron that fired",
        resolution=1 / _PER_SECOND,
        id=np.arange(count),
        columns=columns,
        colnames=[one.name for one in columns if not isinstance(one, VectorIndex)],
    )


def _ragged(name, description, data, ends):
    """A column with a list in each row: rows end at `ends` of the data."""
    from hdmf.common import VectorData, VectorIndex

    data = VectorData(name=name, description=description, data=data)
    return data, VectorIndex(name=f"{name}_index", data=ends, target=data)


def read_nwb(content: bytes) -> dict[str, SpikeTrains]:
    """What `nwb_bytes` made.

    Parameters
    ----------
    content : bytes

    Returns
    -------
    dict of str to SpikeTrains

    Raises
    ------
    InputError
        If it is no such file, or pynwb is not installed.
    """
    pynwb, h5py = nwb_packages()
    try:
        with h5py.File(io.BytesIO(content), "r") as hdf, pynwb.NWBHDF5IO(file=hdf, mode="r") as source:
            file = source.read()
            table = file.analysis["populations"]
            populations = {
                name: tuple(int(table[size][k]) for size in _SIZES) for k, name in enumerate(table["population"][:])
            }
            units = (
                None
                if file.units is None
                else {
                    "population": np.asarray(file.units["population"][:], object),
                    "neuron": file.units["neuron"][:],
                    "ends": file.units["spike_times"].data[:],
                    "seconds": file.units["spike_times"].target.data[:],
                    "amplitude": file.units["amplitude"].target.data[:],
                }
            )
    except Exception as error:  # h5py and hdmf raise whatever a damaged file leads them to
        raise InputError(f"not a whole NWB file of spike trains ({str(error).splitlines()[0][:200]})") from None
    return {name: _of_population(name, units, *sizes) for name, sizes in populations.items()}


def _of_population(name, units, *sizes):
    *shape, steps = sizes
    if units is None:
        nothing = np.array([], int)
        return SpikeTrains(nothing, nothing, nothing.astype(np.float32), tuple(shape), steps)
    counts = np.diff(units["ends"], prepend=0)
    neuron = np.repeat(units["neuron"], counts)
    keep = np.repeat(units["population"] == name, counts)
    step = np.rint(units["seconds"] * _PER_SECOND).astype(int)
    return SpikeTrains(neuron[keep], step[keep], units["amplitude"][keep], tuple(shape), steps)


def nwb_packages() -> tuple[ModuleType, ModuleType]:
    """The modules pynwb and h5py.

    Raises
    ------
    InputError
        If they are not installed.
    """
    try:
        import h5py
        import pynwb
    except ImportError:
        raise InputError("NWB files need pynwb: pip install 'brian_siamsnn[spikes]'") from None
    return pynwb, h5py
