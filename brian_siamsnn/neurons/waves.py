"""When the layers of a wave gather and fire.

In wave coding (``wave.toml``) each layer has the two statuses of Eq. 12, one window of p steps later than the layer
before it. While convolution k, counted from 0, fires, convolution k+1 gathers:

    convolution k fires in steps    k p ... (k+1) p - 1,    and again 2p, 4p, ... steps later with waves > 1

The gates of a pooling layer fire with the convolution before them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..defaults import CODING, MATCHING, POOLING, STEPPED_CODING, STEPS, WAVE_MATCHING, WAVE_POOLING
from ..errors import InputError, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Wave", "default_coding", "default_matching", "default_pooling", "resolved_steps", "wave_of"]


@dataclass(frozen=True)
class Wave:
    """The timetable of a wave.

    Parameters
    ----------
    p : int
        Steps of a window; also the number of levels that the spike count of a neuron can express besides zero.
    waves : int
        How often the image crosses the network, 2p steps apart; 1 by default.
    """

    p: int
    waves: int = 1

    def onset(self, convolution: int) -> int:
        """First step in which a convolution fires.

        Parameters
        ----------
        convolution : int
            Number of the convolution, counted from 0.

        Returns
        -------
        int
            k p, counted from 0.
        """
        return convolution * self.p

    def steps(self, convolutions: int) -> int:
        """T, the steps until the last convolution has fired.

        Parameters
        ----------
        convolutions : int
            Convolutions of the network.

        Returns
        -------
        int
            (convolutions + 2 (waves - 1)) p.
        """
        return (convolutions + 2 * (self.waves - 1)) * self.p

    def fires(self, onset: int, steps: int) -> np.ndarray:
        """Steps in which a layer is in potentiation.

        Parameters
        ----------
        onset : int
            First step in which it fires.
        steps : int
            T.

        Returns
        -------
        ndarray of bool, shape (T,)
            True where it may fire.
        """
        works, turn = self._turns(onset, steps)
        return works & (turn >= self.p)

    def gathers(self, onset: int, steps: int) -> np.ndarray:
        """Steps in which the input current of a layer is added to its potentials.

        Parameters
        ----------
        onset : int
            First step in which it fires.
        steps : int
            T.

        Returns
        -------
        ndarray of bool, shape (T,)
            True for the windows before those in which it fires. What would have been added before step 0 is added in
            step 0.
        """
        works, turn = self._turns(onset, steps)
        gathers = works & (turn < self.p)
        gathers[:1] |= onset < self.p
        return gathers

    def _turns(self, onset, steps):
        """Whether a layer gathers or fires in each step, and the step's number within its 2p steps of doing so."""
        since = np.arange(steps) - onset + self.p
        return (since >= 0) & (since < 2 * self.p * self.waves), since % (2 * self.p)


def wave_of(parameters: Mapping[str, float], name: str) -> Wave | None:
    """Read the timetable from the parameters of a neuron model.

    Parameters
    ----------
    parameters : mapping of str to number
        Values by name. A model with a parameter ``onset`` takes part in a wave.
    name : str
        Name of the model, for messages.

    Returns
    -------
    Wave or None
        None if the model has no onset.

    Raises
    ------
    InputError
        If it has an onset, but no window ``p``.
    """
    if "onset" not in parameters:
        return None
    if "p" not in parameters:
        raise InputError(
            f"{name}: a neuron model with a parameter 'onset' takes part in a wave and needs its window; "
            "expected a parameter 'p', the number of steps, with a whole number as its default"
        )
    return Wave(int(parameters["p"]), int(parameters.get("waves", 1)))


def resolved_steps(steps: int | None, wave: Wave | None, convolution_count: int) -> int:
    """T, the steps that an image is shown for.

    Parameters
    ----------
    steps : int or None
        What was asked for; None for the default: 20, or as many as the wave takes.
    wave : Wave or None
        Timetable of the network.
    convolution_count : int
        Number of its convolutions.

    Returns
    -------
    int
        T.

    Raises
    ------
    InputError
        If the number is not a whole number from 1, or another one than the wave takes.
    """
    steps = None if steps is None else whole_number("steps", steps)
    if wave is None:
        return STEPS if steps is None else steps
    needed = wave.steps(convolution_count)
    if steps is not None and steps != needed:
        windows = f"{convolution_count}" if wave.waves == 1 else f"({convolution_count} + 2*{wave.waves - 1})"
        raise InputError(
            f"steps: a wave of p={wave.p} crosses {convolution_count} convolutions in "
            f"{windows} * {wave.p} = {needed} steps, got {steps}; leave steps out, choose another p, "
            "or a coding that is no wave"
        )
    return needed


def default_coding(steps: int | None) -> str:
    """Neuron equations of the output layer, unless others are given.

    Parameters
    ----------
    steps : int or None
        The time steps that were asked for, if any. A wave takes its own number, so whoever gives one wants a network
        whose layers all work in every step.

    Returns
    -------
    str
        ``"wave"``, or ``"rate"`` if steps are given.
    """
    return CODING if steps is None else STEPPED_CODING


def default_pooling(wave: Wave | None) -> str:
    """Neuron equations of the pooling layers, unless others are given.

    Parameters
    ----------
    wave : Wave or None
        Timetable of the network.

    Returns
    -------
    str
        ``"or_pool"`` in a wave, else ``"max_pool"``.
    """
    return POOLING if wave is None else WAVE_POOLING


def default_matching(wave: Wave | None) -> str:
    """Similarity of spike trains, unless another one is given.

    Parameters
    ----------
    wave : Wave or None
        Timetable of the network.

    Returns
    -------
    str
        ``"psm"`` in a wave, else ``"hsm"``.
    """
    return MATCHING if wave is None else WAVE_MATCHING
