"""pytest fixture for testing neuron models, available wherever this package is installed.

See docs/testing_neurons.md. Nothing is imported until a test uses the fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .neurons.single_neuron import NeuronRun

__all__ = ["neuron"]


@pytest.fixture
def neuron() -> Callable[..., NeuronRun]:
    """Simulate a single neuron: the function `probe`.

    ``neuron("mine.toml", input=[0.4] * 10, v_th=1.0)`` returns a `NeuronRun`
    with ``spike_steps`` (counted from 0) and ``amplitudes``, and with ``v`` and
    ``threshold`` for each time step.

    Returns
    -------
    callable
        `brian_siamsnn.neurons.single_neuron.probe`.
    """
    from .neurons.single_neuron import probe

    return probe
