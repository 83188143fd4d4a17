"""Converts spike trains to and from Neo objects (which Elephant uses) and to PySpike objects.

Both libraries represent every train as a Python object. Creating one takes about
half a millisecond with Neo and a fiftieth of that with PySpike, so select the
neurons of interest instead of converting a layer of a hundred thousand. Trains
span 0 to T ms, and step k is at k ms. Both libraries come with
``pip install 'brian_siamsnn[spikes]'``.
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
    """Convert spike trains to Neo, one `neo.SpikeTrain` per neuron.

    Parameters
    ----------
    trains : SpikeTrains
        Spikes of a layer.
    neurons : sequence of int, optional
        Indices of the neurons to convert, in this order; silent ones become empty
        trains. By default, all neurons that fired.
    name : str
        Name of the Neo objects, for example the layer's; empty by default.

    Returns
    -------
    list of neo.SpikeTrain
        Times in ms, from ``t_start`` 0 to ``t_stop`` T ms. Annotations:
        ``neuron``, ``y``, ``x`` and ``c``; array annotation: ``amplitude``.

    Raises
    ------
    InputError
        If Neo is not installed, or a neuron does not exist.
    """
    try:
        import neo
        import quantities
    except ImportError:
        raise InputError("Neo objects need Neo: pip install 'brian_siamsnn[spikes]'") from None
    span = {"t_start": 0 * quantities.ms, "t_stop": trains.steps * quantities.ms}
    result = []
    for neuron, steps, amplitudes in _train_by_train(trains, neurons, "neo.SpikeTrain"):
        y, x, c = map(int, np.unravel_index(neuron, trains.shape))
        spikes = {"array_annotations": {"amplitude": amplitudes}, "neuron": neuron, "y": y, "x": x, "c": c}
        result.append(neo.SpikeTrain(steps.astype(float), units="ms", name=name, **span, **spikes))
    return result


def from_neo(objects: Iterable[neo.SpikeTrain], shape: tuple, steps: int) -> SpikeTrains:
    """Convert Neo objects, such as those made by `to_neo`, to spike trains.

    Parameters
    ----------
    objects : iterable of neo.SpikeTrain
        Trains with the annotation ``neuron``. Amplitudes are taken from the array
        annotation ``amplitude``, and are 1 without it.
    shape : tuple of int
        Shape (H, W, C) of the layer.
    steps : int
        Number of time steps, T.

    Returns
    -------
    SpikeTrains
        The spikes of all trains.

    Raises
    ------
    InputError
        If a train has no annotation ``neuron``, or a time is not a whole number
        of milliseconds.
    """
    neuron, step, amplitude = [np.array([], int)], [np.array([], int)], [np.array([], np.float32)]
    for k, train in enumerate(objects):
        if "neuron" not in train.annotations:
            raise InputError(f"neo.SpikeTrain {k}: expected an annotation 'neuron', got {sorted(train.annotations)}")
        times = train.times.rescale("ms").magnitude
        if not np.allclose(times, np.rint(times), atol=1e-6):
            raise InputError(
                f"neo.SpikeTrain {k}: expected times of whole milliseconds, since a step is 1 ms, got {times}"
            )
        step.append(np.rint(times).astype(int))
        neuron.append(np.full(len(times), int(train.annotations["neuron"])))
        amplitude.append(np.asarray(train.array_annotations.get("amplitude", np.ones(len(times))), np.float32))
    return SpikeTrains(np.concatenate(neuron), np.concatenate(step), np.concatenate(amplitude), tuple(shape), steps)


def to_pyspike(trains: SpikeTrains, neurons: npt.ArrayLike | None = None) -> list[pyspike.SpikeTrain]:
    """Convert spike trains to PySpike, one `pyspike.SpikeTrain` per neuron.

    PySpike stores spike times only, neither neurons nor amplitudes, so there is no
    conversion back.

    Parameters
    ----------
    trains : SpikeTrains
        Spikes of a layer.
    neurons : sequence of int, optional
        Indices of the neurons to convert, in this order; silent ones become empty
        trains. By default, all neurons that fired.

    Returns
    -------
    list of pyspike.SpikeTrain
        Times in ms, with the edges 0 and T.

    Raises
    ------
    InputError
        If PySpike is not installed, or a neuron does not exist.
    """
    try:
        import pyspike
    except ImportError:
        raise InputError("PySpike objects need PySpike: pip install 'brian_siamsnn[spikes]'") from None
    return [
        pyspike.SpikeTrain(steps.astype(float), edges=(0.0, float(trains.steps)))
        for _, steps, _ in _train_by_train(trains, neurons, "pyspike.SpikeTrain")
    ]


def _train_by_train(trains, neurons, kind):
    """Yield neuron, steps and amplitudes of each train, with a progress bar."""
    fired, bounds, steps = trains.by_neuron()
    amplitudes = trains.amplitude[np.lexsort((trains.step, trains.neuron))]
    neurons = fired if neurons is None else np.asarray(neurons, int)
    if len(neurons) and not (0 <= neurons.min() and neurons.max() < trains.size):
        raise InputError(
            f"neurons: expected numbers from 0 to {trains.size - 1}, got {neurons.min()} to {neurons.max()}"
        )
    # left and right differ by one for a neuron that fired, and are equal for a silent one
    first, last = (np.searchsorted(fired, neurons, side) for side in ("left", "right"))
    bar = tqdm(neurons, f"{len(neurons):,} objects {kind}", delay=2, disable=None)
    for neuron, start, stop in zip(bar, bounds[first], bounds[last], strict=True):
        yield int(neuron), steps[start:stop], amplitudes[start:stop]
