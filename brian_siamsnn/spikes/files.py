"""Reads and writes spike trains as CSV, NumPy (``.npz``) and NWB files.

A file holds *populations*: spike trains with names such as ``"search/conv5"``. All
three formats store everything, amplitudes in single precision, so that reading
returns what was written. Files are written atomically. Step k is at time k ms
(see `trains`).

CSV
    One comment per population, then one line per spike, population by population::

        # population search/conv5: 23 x 23 x 32 neurons (H x W x C), 20 steps, 8113 spikes
        population,neuron,y,x,c,step,amplitude
        search/conv5,70,0,2,6,3,1

    It can be read by ``pandas.read_csv(path, comment="#")``, R or a spreadsheet.
NumPy
    Arrays ``NAME/neuron``, ``NAME/step``, ``NAME/amplitude`` and ``NAME/layer`` (H,
    W, C, T) for each population.
NWB
    See `nwb`; requires ``pip install 'brian_siamsnn[spikes]'``.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from ..errors import InputError
from ..files import write_whole
from .trains import SpikeTrains

if TYPE_CHECKING:
    from typing import Any

    from ..aliases import FilePath

__all__ = ["FORMATS", "format_of", "read_spikes", "write_spikes"]

_COLUMNS = "population,neuron,y,x,c,step,amplitude"
_POPULATION = re.compile(
    r"# population (?P<name>.+): (?P<h>\d+) x (?P<w>\d+) x (?P<c>\d+) neurons \(H x W x C\), "
    r"(?P<steps>\d+) steps, (?P<spikes>\d+) spikes"
)
_NAME = re.compile(r"[\w.+-]+(/[\w.+-]+)*")
#: Number of spikes converted to text at a time.
_CHUNK = 100_000


def write_spikes(path: FilePath, populations: dict[str, SpikeTrains], format: str | None = None) -> None:
    """Write spike trains to a file.

    Parameters
    ----------
    path : str or path
        File to write; an existing file is replaced.
    populations : dict of str to SpikeTrains
        Spike trains by population name. Names consist of letters, digits and
        ``.``, ``_``, ``+``, ``-``, with parts separated by ``/``.
    format : {"csv", "npz", "nwb"}, optional
        File format; by default, the file suffix.

    Raises
    ------
    InputError
        If the format or a name is invalid, a neuron fires twice in a step, a
        package is not installed, or the file cannot be written.
    """
    writer = FORMATS[format_of(path, format)][0]
    for name, trains in populations.items():
        _check_once(name, trains)
        if not _NAME.fullmatch(name):
            raise InputError(f"population: expected a name of letters, digits and . _ + - separated by /, got {name!r}")
    write_whole(path, writer(populations))


def read_spikes(path: FilePath, format: str | None = None) -> dict[str, SpikeTrains]:
    """Read spike trains from a file written by `write_spikes`.

    Parameters
    ----------
    path : str or path
        File to read.
    format : {"csv", "npz", "nwb"}, optional
        File format; by default, the file suffix.

    Returns
    -------
    dict of str to SpikeTrains
        Spike trains by population name; amplitudes have single precision.

    Raises
    ------
    InputError
        If the file cannot be read or is damaged, its spikes are inconsistent, or
        a package is not installed.
    """
    reader = FORMATS[format_of(path, format)][1]
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        populations = reader(content)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    for name, trains in populations.items():
        _check_once(f"{path}: {name}", trains)
    return populations


def _check_once(name, trains):
    """Require that no neuron fires twice in a step."""
    spikes, count = np.unique(trains.neuron.astype(np.int64) * trains.steps + trains.step, return_counts=True)
    if len(spikes) < len(trains):
        neuron, step = divmod(int(spikes[count > 1][0]), trains.steps)
        raise InputError(
            f"{name}: expected at most one spike of a neuron in a step, got two of neuron {neuron} in step {step}"
        )


def format_of(path: FilePath, format: str | None = None) -> str:
    """Determine the format of a spike train file.

    Parameters
    ----------
    path : str or path
        Path of the file, which need not exist.
    format : {"csv", "npz", "nwb"}, optional
        File format; by default, the file suffix.

    Returns
    -------
    str
        The format.

    Raises
    ------
    InputError
        If it is not one of the three.
    """
    format = format or Path(path).suffix.lower().removeprefix(".")
    if format not in FORMATS:
        raise InputError(
            f"{path}: expected a spike train file with the suffix .{', .'.join(FORMATS)}, or one of these as the "
            f"format, got {format!r}"
        )
    return format


def _csv_bytes(populations):
    text = io.StringIO()
    for name, trains in populations.items():
        height, width, channels = trains.shape
        text.write(
            f"# population {name}: {height} x {width} x {channels} neurons (H x W x C), "
            f"{trains.steps} steps, {len(trains)} spikes\n"
        )
    text.write(_COLUMNS + "\n")
    total = sum(map(len, populations.values()))
    with tqdm(total=total, desc="CSV", unit=" spikes", unit_scale=True, delay=2, disable=None) as bar:
        for name, trains in populations.items():
            indices = trains.neuron, *trains.coordinates(), trains.step
            for start in range(0, len(trains), _CHUNK):
                part = slice(start, start + _CHUNK)
                columns = [*(column[part].tolist() for column in indices), _shortest(trains.amplitude[part])]
                text.writelines(f"{name},{n},{y},{x},{c},{t},{a}\n" for n, y, x, c, t, a in zip(*columns, strict=True))
                bar.update(len(columns[0]))
    return text.getvalue().encode()


def _shortest(amplitudes):
    """Shortest decimals that read back as the same single-precision numbers, formatted once per distinct number."""
    distinct, index = np.unique(np.asarray(amplitudes, np.float32), return_inverse=True)
    texts = [np.format_float_positional(amplitude, unique=True, trim="-") for amplitude in distinct]
    return [texts[k] for k in index.tolist()]


def _read_csv(content):
    try:
        lines = io.StringIO(content.decode())
    except UnicodeDecodeError as error:
        raise InputError(f"not a text file ({error})") from None
    shapes: dict[str, Any] = {}
    rows: dict[str, Any] = {}
    for line in lines:
        if not line.startswith("#"):
            break
        if found := _POPULATION.fullmatch(line.strip()):
            shapes[found["name"]] = [int(found[key]) for key in ("h", "w", "c", "steps", "spikes")]
            rows[found["name"]] = []
    else:
        line = ""
    if line.strip() != _COLUMNS:
        raise InputError(f"not a CSV file of spike trains: expected the line {_COLUMNS!r}, got {line.strip()[:80]!r}")
    for number, line in enumerate(lines, 1):
        name, _, rest = line.partition(",")
        if name not in rows or not line.endswith("\n"):
            raise InputError(
                f"spike {number}: expected a complete line that starts with one of the populations {list(rows)}, "
                f"got {line[:80]!r}"
            )
        rows[name].append(rest)
    result = {}
    for name, texts in rows.items():
        *shape, steps, spikes = shapes[name]
        if len(texts) != spikes:
            raise InputError(
                f"{name}: expected {spikes} spikes, as its comment says, got {len(texts)}; if the file is complete, "
                "correct the comment"
            )
        try:
            table = np.loadtxt(texts, delimiter=",", ndmin=2, comments=None) if texts else np.empty((0, 6))
        except ValueError as error:
            raise InputError(f"{name}: {str(error).split(';')[0]}") from None
        if table.shape[1] != 6:
            raise InputError(f"{name}: expected 7 columns, got {table.shape[1] + 1}")
        index = table[:, :5].astype(int)
        trains = SpikeTrains(index[:, 0], index[:, 4], table[:, 5].astype(np.float32), tuple(shape), steps)
        if not (np.array_equal(index, table[:, :5]) and np.array_equal(index[:, 1:4].T, trains.coordinates())):
            raise InputError(
                f"{name}: neuron, y, x, c and step of a spike do not agree; expected integers with "
                "neuron = (y W + x) C + c"
            )
        result[name] = trains
    return result


def _npz_bytes(populations):
    arrays: dict[str, Any] = {}
    for name, trains in populations.items():
        arrays |= {
            f"{name}/neuron": trains.neuron,
            f"{name}/step": trains.step,
            f"{name}/amplitude": trains.amplitude,
            f"{name}/layer": np.array([*trains.shape, trains.steps]),
        }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _read_npz(content):
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, AttributeError, KeyError, zlib.error) as error:
        raise InputError(f"not a valid .npz file ({error})") from None
    result = {}
    for name in (key.removesuffix("/layer") for key in arrays if key.endswith("/layer")):
        parts: list[Any] = [arrays.get(f"{name}/{part}") for part in ("neuron", "step", "amplitude", "layer")]
        if any(part is None or part.ndim != 1 for part in parts) or len(parts[3]) != 4:
            raise InputError(f"{name}: expected 1-D arrays neuron, step, amplitude and layer (H, W, C, T)")
        if not all(np.issubdtype(part.dtype, np.integer) for part in (*parts[:2], parts[3])):
            raise InputError(f"{name}: expected integers for neuron, step and layer")
        neuron, step, amplitude, (*shape, steps) = parts
        shape = tuple(map(int, shape))
        result[name] = SpikeTrains(neuron, step, amplitude.astype(np.float32), shape, int(steps))
    if not result:
        raise InputError(
            "no spike trains in it; expected arrays NAME/neuron, NAME/step, NAME/amplitude and NAME/layer, "
            f"got {sorted(arrays)}"
        )
    return result


def _nwb_bytes(populations):
    from .nwb import nwb_bytes

    return nwb_bytes(populations)


def _read_nwb(content):
    from .nwb import read_nwb

    return read_nwb(content)


#: Writer and reader of each format.
FORMATS = {"csv": (_csv_bytes, _read_csv), "npz": (_npz_bytes, _read_npz), "nwb": (_nwb_bytes, _read_nwb)}
