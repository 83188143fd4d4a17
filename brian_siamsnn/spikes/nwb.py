"""Spike trains as Neurodata Without Borders (NWB 2) files, for pynwb, MatNWB, Neo and other tools.

The table ``units`` has one row for each neuron that fired: ``spike_times`` in
seconds (step k is at k ms), the ``amplitude`` of each spike, ``obs_intervals``
from 0 to T ms, the ``population``, and the neuron's index ``neuron`` and position
``y``, ``x``, ``c``. The table ``populations`` under ``analysis`` has H, W, C and T
of each population, from which the silent neurons follow.
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

#: Time steps per second.
_PER_SECOND = 1000
_SIZES = ("height", "width", "channels", "steps")


def nwb_bytes(populations: dict[str, SpikeTrains]) -> bytes:
    """Write spike trains as an NWB file in memory.

    Parameters
    ----------
    populations : dict of str to SpikeTrains
        Spike trains by population name.

    Returns
    -------
    bytes
        Content of the file.

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
    descriptions = {
        "population": "name",
        "height": "H, rows",
        "width": "W, columns",
        "channels": "C",
        "steps": "T, time steps of 1 ms",
    }
    columns = [VectorData(name=key, description=descriptions[key], data=column) for key, column in values.items()]
    return DynamicTable(
        name="populations",
        description="layers of neurons, neuron = (y W + x) C + c",
        columns=columns,
        colnames=list(values),
    )


def _units(populations):
    """Table of all trains, built column by column: adding rows would take minutes for a large layer."""
    from hdmf.common import VectorData, VectorIndex
    from pynwb.misc import Units

    parts = [_unit_columns(name, trains) for name, trains in populations.items()]
    column = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    count = len(column["neuron"])
    ends = np.cumsum(column["spikes"])
    intervals = np.stack([np.zeros(count), column["seconds"]], axis=1)
    one_each = np.arange(1, count + 1)
    columns = [
        *_ragged("spike_times", "times in seconds; step k is at k ms", column["spike_times"], ends),
        *_ragged("obs_intervals", "0 to T ms", intervals, one_each),
        *_ragged("amplitude", "amplitude of each spike: the threshold reached", column["amplitude"], ends),
        VectorData(name="population", description="name of the population", data=column["population"].tolist()),
        VectorData(name="neuron", description="index in its population, (y W + x) C + c", data=column["neuron"]),
        VectorData(name="y", description="row", data=column["y"]),
        VectorData(name="x", description="column", data=column["x"]),
        VectorData(name="c", description="channel", data=column["c"]),
    ]
    return Units(
        name="units",
        description="one row for each neuron that fired",
        resolution=1 / _PER_SECOND,
        id=np.arange(count),
        columns=columns,
        colnames=[column.name for column in columns if not isinstance(column, VectorIndex)],
    )


def _unit_columns(name, trains):
    """Columns of the units table for one population, with the number of spikes of each neuron."""
    neurons, bounds, steps = trains.by_neuron()
    y, x, c = np.unravel_index(neurons, trains.shape)
    order = np.lexsort((trains.step, trains.neuron))
    return {
        "population": np.full(len(neurons), name, object),
        "neuron": neurons,
        "y": y,
        "x": x,
        "c": c,
        "seconds": np.full(len(neurons), trains.steps / _PER_SECOND),
        "spikes": np.diff(bounds),
        "spike_times": steps / _PER_SECOND,
        "amplitude": np.asarray(trains.amplitude, np.float32)[order],
    }


def _ragged(name, description, data, ends):
    """A column with one list per row; row k of the data ends before ``ends[k]``."""
    from hdmf.common import VectorData, VectorIndex

    data = VectorData(name=name, description=description, data=data)
    return data, VectorIndex(name=f"{name}_index", data=ends, target=data)


def read_nwb(content: bytes) -> dict[str, SpikeTrains]:
    """Read an NWB file made by `nwb_bytes`.

    Parameters
    ----------
    content : bytes
        Content of the file.

    Returns
    -------
    dict of str to SpikeTrains
        Spike trains by population name.

    Raises
    ------
    InputError
        If it is not such a file, or pynwb is not installed.
    """
    pynwb, h5py = nwb_packages()
    try:
        with h5py.File(io.BytesIO(content), "r") as hdf, pynwb.NWBHDF5IO(file=hdf, mode="r") as source:
            file = source.read()
            table = file.analysis["populations"]
            populations = {
                name: tuple(int(table[size][k]) for size in _SIZES) for k, name in enumerate(table["population"][:])
            }
            units = None if file.units is None else _read_units(file.units)
    except Exception as error:  # a damaged file can make h5py and hdmf raise almost any exception
        raise InputError(f"not a valid NWB file of spike trains ({str(error).splitlines()[0][:200]})") from None
    return {name: _of_population(name, units, *sizes) for name, sizes in populations.items()}


def _read_units(units):
    return {
        "population": np.asarray(units["population"][:], object),
        "neuron": units["neuron"][:],
        "ends": units["spike_times"].data[:],
        "seconds": units["spike_times"].target.data[:],
        "amplitude": units["amplitude"].target.data[:],
    }


def _of_population(name, units, *sizes):
    *shape, steps = sizes
    if units is None:
        empty = np.array([], int)
        return SpikeTrains(empty, empty, empty.astype(np.float32), tuple(shape), steps)
    counts = np.diff(units["ends"], prepend=0)
    neuron = np.repeat(units["neuron"], counts)
    keep = np.repeat(units["population"] == name, counts)
    step = np.rint(units["seconds"] * _PER_SECOND).astype(int)
    return SpikeTrains(neuron[keep], step[keep], units["amplitude"][keep], tuple(shape), steps)


def nwb_packages() -> tuple[ModuleType, ModuleType]:
    """Import the packages that NWB files need.

    Returns
    -------
    pynwb : module
        The package pynwb.
    h5py : module
        The package h5py.

    Raises
    ------
    InputError
        If one of them is not installed.
    """
    try:
        import h5py
        import pynwb
    except ImportError:
        raise InputError("NWB files need pynwb: pip install 'brian_siamsnn[spikes]'") from None
    return pynwb, h5py
