"""Fixture for tests of neuron models; pytest finds it where this package is installed.

See docs/testing_neurons.md. Nothing is imported before a test asks for it.
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
    """A function that simulates one neuron: `probe`.

    ``neuron("mine.toml", input=[0.4] * 10, v_th=1.0)`` returns its ``spike_steps`` (counted from 0), the
    ``amplitudes`` of these spikes, and ``v`` and ``threshold`` in each step.
    """
    from .neurons.single_neuron import probe

    return probe
