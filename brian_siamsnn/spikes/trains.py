"""The spikes that a layer fires for one image.

A time step lasts 1 ms. Steps count from 0 and step k is at time k ms, here and in
everything that the package exports; T steps span 0 to T ms.
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


@dataclass(frozen=True, eq=False, repr=False)
class SpikeTrains:
    """Spikes of a layer of neurons over T time steps.

    An immutable value. Two are equal if they hold the same spikes, for layers of
    the same shape and the same number of steps; the order in which the spikes are
    listed does not matter. ``len`` gives the number of spikes.

    Attributes
    ----------
    neuron : ndarray of int, shape (N,)
        Neuron index of each spike, channels-last: (y*W + x)*C + c.
    step : ndarray of int, shape (N,)
        Time step of each spike, 0 to T-1 (the paper's t is one more).
    amplitude : ndarray, shape (N,)
        Amplitude of each spike: the threshold that was reached (Eq. 3).
    shape : tuple of int
        Shape (H, W, C) of the layer.
    steps : int
        Number of time steps, T.

    Raises
    ------
    InputError
        If the three arrays differ in length, a neuron or step is not a whole
        number, or a spike lies outside the layer or the T steps.
    """

    neuron: np.ndarray
    step: np.ndarray
    amplitude: np.ndarray
    shape: Shape
    steps: int

    def __post_init__(self) -> None:
        for name in ("neuron", "step"):
            numbers = getattr(self, name)
            if numbers.dtype.kind not in "iu":
                if (wrong := numbers[~np.isfinite(numbers) | (np.floor(numbers) != numbers)]).size:
                    raise InputError(f"spike trains: {name}: expected whole numbers, got {wrong[0]}")
                object.__setattr__(self, name, numbers.astype(np.int64))
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

        Returns
        -------
        SpikeTrains
            Without any spike.
        """
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.float32), shape, steps)

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.shape))
        return f"<SpikeTrains {shape} neurons, T={self.steps}, {len(self):,} spikes>"

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
        """Neuron, step and amplitude of all spikes, sorted by neuron and then by time."""
        order = np.lexsort((self.step, self.neuron))
        return self.neuron[order], self.step[order], self.amplitude[order]

    def dense(self, steps: np.ndarray | None = None) -> np.ndarray:
        """Amplitudes as a dense array.

        Parameters
        ----------
        steps : ndarray of int, shape (n,), optional
            Only these steps, each once; all T by default.

        Returns
        -------
        ndarray of float32, shape (n, H, W, C)
            Amplitude of each neuron in each step; zero where it did not fire.
        """
        steps = np.arange(self.steps) if steps is None else steps
        row = np.full(self.steps, -1)
        row[steps] = np.arange(len(steps))
        rows = row[self.step]
        shown = rows >= 0
        result = np.zeros((len(steps), self.size), np.float32)
        result[rows[shown], self.neuron[shown]] = self.amplitude[shown]
        return result.reshape(len(steps), *self.shape)

    @property
    def size(self) -> int:
        """Number of neurons, H W C, including silent ones."""
        return int(np.prod(self.shape))

    def counts(self) -> np.ndarray:
        """Number of spikes of each neuron.

        Returns
        -------
        ndarray of int, shape (H, W, C)
            Spike counts.
        """
        return np.bincount(self.neuron, minlength=self.size).reshape(self.shape)

    def firing_rates(self) -> np.ndarray:
        """Firing rate of each neuron, N / T (Eq. 5).

        Returns
        -------
        ndarray of float, shape (H, W, C)
            Spikes per time step.
        """
        return self.counts() / self.steps

    def channel_rates(self) -> np.ndarray:
        """Firing rate of each channel: the mean of Eq. 5 over all positions.

        Returns
        -------
        ndarray of float, shape (C,)
            Spikes per neuron and time step.
        """
        channels = self.shape[2]
        return np.bincount(self.neuron % channels, minlength=channels) / (self.steps * self.size / channels)

    def mean_rate(self) -> float:
        """Mean firing rate of the layer, number of spikes / (T H W C).

        Returns
        -------
        float
            Spikes per neuron and time step.
        """
        return len(self) / (self.steps * self.size)

    def coordinates(self) -> tuple[np.ndarray, ...]:
        """Position of each spike's neuron in the layer.

        Returns
        -------
        y : ndarray of int, shape (N,)
            Row of each spike.
        x : ndarray of int, shape (N,)
            Column of each spike.
        c : ndarray of int, shape (N,)
            Channel of each spike.
        """
        return np.unravel_index(self.neuron, self.shape)

    def times_of(self, neuron: int | tuple[int, ...]) -> np.ndarray:
        """Time steps in which one neuron fired.

        Parameters
        ----------
        neuron : int or tuple of int
            Index of the neuron, or its position (y, x, c).

        Returns
        -------
        ndarray of int
            The steps, in ascending order.

        Raises
        ------
        InputError
            If the layer has no such neuron.
        """
        try:
            position = neuron if isinstance(neuron, tuple) else np.unravel_index(neuron, self.shape)
            index = np.ravel_multi_index(position, self.shape)
        except (ValueError, TypeError):
            raise InputError(
                f"spike trains: expected a neuron 0 to {self.size - 1} or (y, x, c) within {self.shape}, got {neuron!r}"
            ) from None
        return np.sort(self.step[self.neuron == index])

    def by_neuron(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Spike times grouped by neuron, in compressed sparse row form.

        Neuron ``neurons[k]`` fired in ``steps[bounds[k]:bounds[k + 1]]``.

        Returns
        -------
        neurons : ndarray of int, shape (n,)
            Neurons that fired, in ascending order.
        bounds : ndarray of int, shape (n + 1,)
            Start of each neuron's spikes in ``steps``, and the end of the last
            one's.
        steps : ndarray of int, shape (N,)
            Time step of each spike, by neuron and then by time.
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
        """Spikes of part of the layer or of part of the time, as a smaller layer.

        ``trains.select(rows, columns, channels, steps).dense()`` equals
        ``trains.dense()[steps][:, rows][:, :, columns][..., channels]``: rows,
        columns, channels and steps are renumbered from 0.

        Parameters
        ----------
        rows : slice or sequence of int
            Rows y to keep; all by default.
        columns : slice or sequence of int
            Columns x to keep; all by default.
        channels : slice or sequence of int
            Channels c to keep; all by default.
        steps : slice or sequence of int
            Time steps to keep; all by default.

        Returns
        -------
        SpikeTrains
            The selected spikes.

        Raises
        ------
        InputError
            If a selection is empty, lists an index twice, or lists one that does
            not exist.
        """
        choices = {"rows": rows, "columns": columns, "channels": channels, "steps": steps}
        sizes = (*self.shape, self.steps)
        lookups = [_lookup(name, choice, size) for (name, choice), size in zip(choices.items(), sizes, strict=True)]
        new = [lookup[old] for lookup, old in zip(lookups, (*self.coordinates(), self.step), strict=True)]
        keep = np.logical_and.reduce([index >= 0 for index in new])
        y, x, c, step = (index[keep] for index in new)
        *shape, count = (int(lookup.max()) + 1 for lookup in lookups)
        return SpikeTrains(np.ravel_multi_index((y, x, c), shape), step, self.amplitude[keep], tuple(shape), count)


def _lookup(name, choice, size):
    """New index for each old one, -1 where it is dropped."""
    try:
        chosen = np.arange(size)[choice].reshape(-1)
    except (IndexError, TypeError, ValueError):
        chosen = np.array([], int)
    if len(chosen) == 0 or len(np.unique(chosen)) < len(chosen):
        raise InputError(
            f"select: expected {name} as a slice or a list of different numbers that keeps at least one of {size}, "
            f"got {choice!r}"
        )
    lookup = np.full(size, -1)
    lookup[chosen] = np.arange(len(chosen))
    return lookup
