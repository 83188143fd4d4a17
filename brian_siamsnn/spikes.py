"""The spikes that a layer fired for one image."""

from dataclasses import dataclass

import numpy as np

from .errors import InputError

__all__ = ["SpikeTrains"]


@dataclass(frozen=True)
class SpikeTrains:
    """Spikes of a layer of neurons over T steps.

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
    """

    neuron: np.ndarray
    step: np.ndarray
    amplitude: np.ndarray
    shape: tuple
    steps: int

    def __post_init__(self):
        lengths = {len(self.neuron), len(self.step), len(self.amplitude)}
        if len(lengths) > 1:
            raise InputError(f"spike trains: neuron, step and amplitude differ in length: {sorted(lengths)}")
        size = int(np.prod(self.shape))
        if len(self.neuron) and not (0 <= self.neuron.min() and self.neuron.max() < size):
            raise InputError(f"spike trains: neurons must be 0 to {size - 1} in a layer {self.shape}, "
                             f"got {self.neuron.min()} to {self.neuron.max()}")  # fmt: skip
        if len(self.step) and not (0 <= self.step.min() and self.step.max() < self.steps):
            raise InputError(f"spike trains: steps must be 0 to {self.steps - 1}, "
                             f"got {self.step.min()} to {self.step.max()}")  # fmt: skip

    def __len__(self):
        return len(self.neuron)

    def dense(self):
        """Amplitudes as an array (T, H, W, C), zero where nothing was fired; single precision."""
        result = np.zeros((self.steps, int(np.prod(self.shape))), np.float32)
        result[self.step, self.neuron] = self.amplitude
        return result.reshape(self.steps, *self.shape)

    def counts(self):
        """Number of spikes of each neuron, shape (H, W, C)."""
        return np.bincount(self.neuron, minlength=int(np.prod(self.shape))).reshape(self.shape)

    def firing_rates(self):
        """Spikes a step of each neuron, N / T (Eq. 5), shape (H, W, C)."""
        return self.counts() / self.steps
