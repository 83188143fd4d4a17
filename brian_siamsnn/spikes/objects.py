"""Spike trains as the objects of Neo (and so of Elephant) and of PySpike.

Both libraries hold every train as a Python object; one of Neo takes about half a
millisecond to make, one of PySpike a fiftieth of that. Name the neurons that
matter rather than take a whole layer of a hundred thousand. Trains cover 0 to T ms,
step k is at k ms. Both need ``pip install 'brian_siamsnn[spikes]'``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from ..errors import InputError
from .trains import SpikeTrains

if TYPE_CHECKING:
    from collections.abc import Iterable

    import neo
    import numpy.typing as npt
    import pyspike

__all__ = ["from_neo", "to_neo", "to_pyspike"]


def to_neo(trains: SpikeTrains, neurons: npt.ArrayLike | None = None, name: str = "") -> list[neo.SpikeTrain]:
    """One `neo.SpikeTrain` for each neuron.

    Parameters
    ----------
    trains : SpikeTrains
    neurons : sequence of int, optional
        Which, in this order, silent ones too; by default those that fired.
    name : str
        Name of the trains, for example the layer's.

    Returns
    -------
    list of neo.SpikeTrain
        Times in ms, ``t_start`` 0 and ``t_stop`` T ms; annotations ``neuron``,
        ``y``, ``x``, ``c``; array annotation ``amplitude``.

    Raises
    ------
    InputError
        If Neo is not installed, or there is no such neuron.
    """
    try:
        import neo
        import quantities
    except ImportError:
        raise InputError("Neo objects need Neo: pip install 'brian_siamsnn[spikes]'") from None
    stop = trains.steps * quantities.ms
    result = []
    for neuron, steps, amplitudes in _one_by_one(trains, neurons, "neo.SpikeTrain"):
        y, x, c = map(int, np.unravel_index(neuron, trains.shape))
        result.append(
            neo.SpikeTrain(
                steps.astype(float),
                units="ms",
                t_start=0 * quantities.ms,
                t_stop=stop,
                name=name,
                array_annotations={"amplitude": amplitudes},
                neuron=neuron,
                y=y,
                x=x,
                c=c,
            )
        )
    return result


def from_neo(objects: Iterable[neo.SpikeTrain], shape: tuple, steps: int) -> SpikeTrains:
    """Spike trains of Neo objects, as `to_neo` makes them.

    Parameters
    ----------
    objects : sequence of neo.SpikeTrain
        With the annotation ``neuron``; amplitudes are 1 where they have none.
    shape : tuple
        (H, W, C) of the layer.
    steps : int
        T.

    Returns
    -------
    SpikeTrains

    Raises
    ------
    InputError
        If an object has no neuron, or a time that is no whole number of ms.
    """
    neuron, step, amplitude = [np.array([], int)], [np.array([], int)], [np.array([], np.float32)]
    for k, train in enumerate(objects):
        if "neuron" not in train.annotations:
            raise InputError(f"neo.SpikeTrain {k}: expected an annotation 'neuron', got {sorted(train.annotations)}")
        times = train.times.rescale("ms").magnitude
        if not np.allclose(times, np.rint(times), atol=1e-6):
            raise InputError(f"neo.SpikeTrain {k}: expected times of whole milliseconds, the steps, got {times}")
        step.append(np.rint(times).astype(int))
        neuron.append(np.full(len(times), int(train.annotations["neuron"])))
        amplitude.append(np.asarray(train.array_annotations.get("amplitude", np.ones(len(times))), np.float32))
    return SpikeTrains(np.concatenate(neuron), np.concatenate(step), np.concatenate(amplitude), tuple(shape), steps)


def to_pyspike(trains: SpikeTrains, neurons: npt.ArrayLike | None = None) -> list[pyspike.SpikeTrain]:
    """One `pyspike.SpikeTrain` for each neuron, with edges 0 and T, in ms.

    PySpike keeps times alone: neither neuron nor amplitude, so there is no way back.

    Parameters
    ----------
    trains : SpikeTrains
    neurons : sequence of int, optional
        Which, in this order, silent ones too; by default those that fired.

    Returns
    -------
    list of pyspike.SpikeTrain

    Raises
    ------
    InputError
        If PySpike is not installed, or there is no such neuron.
    """
    try:
        import pyspike
    except ImportError:
        raise InputError("PySpike objects need PySpike: pip install 'brian_siamsnn[spikes]'") from None
    return [
        pyspike.SpikeTrain(steps.astype(float), edges=(0.0, float(trains.steps)))
        for _, steps, _ in _one_by_one(trains, neurons, "pyspike.SpikeTrain")
    ]


def _one_by_one(trains, neurons, kind):
    """Neuron, steps and amplitudes of each train, with a progress bar that says how many there are."""
    fired, bounds, steps = trains.by_neuron()
    amplitudes = trains.amplitude[np.lexsort((trains.step, trains.neuron))]
    neurons = fired if neurons is None else np.asarray(neurons, int)
    if len(neurons) and not (0 <= neurons.min() and neurons.max() < trains.size):
        raise InputError(
            f"neurons: expected numbers from 0 to {trains.size - 1}, got {neurons.min()} to {neurons.max()}"
        )
    first, last = (np.searchsorted(fired, neurons, side) for side in ("left", "right"))
    text = f"{len(neurons):,} objects {kind}"
    for neuron, start, stop in zip(
        tqdm(neurons, text, delay=2, disable=None), bounds[first], bounds[last], strict=True
    ):
        yield int(neuron), steps[start:stop], amplitudes[start:stop]
