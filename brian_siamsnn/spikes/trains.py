"""The spikes that a layer fired for one image.

One step is 1 ms. Steps count from 0, and step k is at time k ms, wherever spike
trains leave this program; T steps last from 0 to T ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..aliases import Shape

__all__ = ["SpikeTrains"]


@dataclass(frozen=True, eq=False)
class SpikeTrains:
    """Spikes of a layer of neurons over T steps.

    A value: nothing in it changes, and two of them are equal if they hold the
    same spikes in layers of one shape and over as many steps, in whatever order
    the spikes are listed.

    Attributes
    ----------
    neuron : ndarray of int
        Index of the neuron of each spike, channels-last: (y*W + x)*C + c.
    step : ndarray of int
        When it fired, 0 to T-1 (the paper's t is one more).
    amplitude : ndarray
        What it carried: the threshold that was reached (Eq. 3).
    shape : tuple
        (H, W, C) of the layer.
    steps : int
        T.

    Raises
    ------
    InputError
        If the three arrays differ in length, or a spike lies outside the layer
        or the T steps.
    """

    neuron: np.ndarray
    step: np.ndarray
    amplitude: np.ndarray
    shape: Shape
    steps: int

    def __post_init__(self) -> None:
        lengths = {len(self.neuron), len(self.step), len(self.amplitude)}
        if len(lengths) > 1:
            raise InputError(f"spike trains: neuron, step and amplitude differ in length: {sorted(lengths)}")
        if len(self.neuron) and not (0 <= self.neuron.min() and self.neuron.max() < self.size):
            raise InputError(
                f"spike trains: neurons must be 0 to {self.size - 1} in a layer {self.shape}, "
                f"got {self.neuron.min()} to {self.neuron.max()}"
            )
        if len(self.step) and not (0 <= self.step.min() and self.step.max() < self.steps):
            raise InputError(
                f"spike trains: steps must be 0 to {self.steps - 1}, got {self.step.min()} to {self.step.max()}"
            )

    @classmethod
    def empty(cls, shape: Shape, steps: int) -> SpikeTrains:
        """Trains of a layer that never fired.

        Parameters
        ----------
        shape : tuple of int
            (H, W, C) of the layer.
        steps : int
            T.
        """
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.float32), shape, steps)

    def __len__(self) -> int:
        return len(self.neuron)

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, SpikeTrains):
            return NotImplemented
        if (tuple(self.shape), self.steps, len(self)) != (tuple(other.shape), other.steps, len(other)):
            return False
        pairs = zip(self._sorted(), other._sorted(), strict=True)
        return all(np.array_equal(mine, others) for mine, others in pairs)

    def _sorted(self):
        """Neuron, step and amplitude of all spikes, neuron by neuron and in time."""
        order = np.lexsort((self.step, self.neuron))
        return self.neuron[order], self.step[order], self.amplitude[order]

    def dense(self) -> np.ndarray:
        """Amplitudes as an array (T, H, W, C), zero where nothing was fired; single precision."""
        result = np.zeros((self.steps, self.size), np.float32)
        result[self.step, self.neuron] = self.amplitude
        return result.reshape(self.steps, *self.shape)

    @property
    def size(self) -> int:
        """Number of neurons, H W C, silent ones among them."""
        return int(np.prod(self.shape))

    def counts(self) -> np.ndarray:
        """Number of spikes of each neuron, shape (H, W, C)."""
        return np.bincount(self.neuron, minlength=self.size).reshape(self.shape)

    def firing_rates(self) -> np.ndarray:
        """Spikes a step of each neuron, N / T (Eq. 5), shape (H, W, C)."""
        return self.counts() / self.steps

    def channel_rates(self) -> np.ndarray:
        """Spikes a step of each channel's average neuron, shape (C,): the mean of Eq. 5 over all places."""
        channels = self.shape[2]
        return np.bincount(self.neuron % channels, minlength=channels) / (self.steps * self.size / channels)

    def mean_rate(self) -> float:
        """Spikes a step of the layer's average neuron, number of spikes / (T H W C)."""
        return len(self) / (self.steps * self.size)

    def coordinates(self) -> tuple[np.ndarray, ...]:
        """Row y, column x and channel c of each spike's neuron: three arrays as long as the spikes are many."""
        return np.unravel_index(self.neuron, self.shape)

    def times_of(self, neuron: int | tuple[int, ...]) -> np.ndarray:
        """Steps in which one neuron fired, in order.

        Parameters
        ----------
        neuron : int or tuple
            Its index, or its place (y, x, c).

        Raises
        ------
        InputError
            If there is no such neuron.
        """
        try:
            place = neuron if isinstance(neuron, tuple) else np.unravel_index(neuron, self.shape)
            index = np.ravel_multi_index(place, self.shape)
        except (ValueError, TypeError):
            raise InputError(
                f"spike trains: expected a neuron 0 to {self.size - 1} or (y, x, c) within {self.shape}, got {neuron!r}"
            ) from None
        return np.sort(self.step[self.neuron == index])

    def by_neuron(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The trains one by one, in compressed rows: as a sparse matrix (neuron, time) is kept.

        Returns
        -------
        neurons : ndarray of int, shape (n,)
            The neurons that fired, in order.
        bounds : ndarray of int, shape (n + 1,)
        steps : ndarray of int
            Neuron ``neurons[k]`` fired in ``steps[bounds[k]:bounds[k + 1]]``, in order.
        """
        neuron, step, _ = self._sorted()
        neurons, first = np.unique(neuron, return_index=True)
        return neurons, np.append(first, len(step)), step

    def select(
        self,
        rows: slice | npt.ArrayLike = slice(None),
        columns: slice | npt.ArrayLike = slice(None),
        channels: slice | npt.ArrayLike = slice(None),
        steps: slice | npt.ArrayLike = slice(None),
    ) -> SpikeTrains:
        """Spikes of a part of the layer or of the time, as a smaller layer of its own.

        ``trains.select(rows, columns, channels, steps).dense()`` is
        ``trains.dense()[steps][:, rows][:, :, columns][..., channels]``: places,
        channels and steps are counted anew from 0.

        Parameters
        ----------
        rows, columns, channels, steps : slice, or sequence of int
            What to keep, all by default.

        Returns
        -------
        SpikeTrains

        Raises
        ------
        InputError
            If nothing is left of a dimension, or one of its entries is named
            twice or is not there.
        """
        wanted = {"rows": rows, "columns": columns, "channels": channels, "steps": steps}
        lookups = [
            _lookup(name, choice, size)
            for (name, choice), size in zip(wanted.items(), (*self.shape, self.steps), strict=True)
        ]
        new = [lookup[old] for lookup, old in zip(lookups, (*self.coordinates(), self.step), strict=True)]
        keep = np.logical_and.reduce([index >= 0 for index in new])
        y, x, c, step = (index[keep] for index in new)
        *shape, count = (int(lookup.max()) + 1 for lookup in lookups)
        return SpikeTrains(np.ravel_multi_index((y, x, c), shape), step, self.amplitude[keep], tuple(shape), count)


def _lookup(name, choice, size):
    """New index of each old one, -1 where it is left out."""
    try:
        chosen = np.arange(size)[choice].reshape(-1)
    except (IndexError, TypeError, ValueError):
        chosen = np.array([], int)
    if len(chosen) == 0 or len(np.unique(chosen)) < len(chosen):
        raise InputError(
            f"select: expected {name} as a slice or a list of different numbers that leaves some of "
            f"the {size} there are, got {choice!r}"
        )
    lookup = np.full(size, -1)
    lookup[chosen] = np.arange(len(chosen))
    return lookup
