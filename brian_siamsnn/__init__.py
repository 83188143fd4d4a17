"""A spiking Siamese network, written as Brian2 equations, that tracks an object through a video.

>>> import brian_siamsnn as bs
>>> tracker = bs.TrackerConfig(model="compact").build_tracker()  # doctest: +SKIP
>>> bs.track(bs.open_sequence("synthetic"), tracker)                       # doctest: +SKIP

Track: `TrackerConfig`, `SiameseTracker`, `SpikingMatcher`, `track`, `open_sequence`, `evaluate`, `OperationCounter`.

Simulate: `load_model`, `convert`, `SpikingModel`, `SpikingBranch`, `build_branch`, `survey_devices`.

Look at spikes: `SpikeTrains`, `record_spikes`, `read_spikes`, `write_spikes`.

Write neurons: `load_equations`, `probe`.

Every function raises `InputError` for invalid user input. A name is imported when it is first used, so
``import brian_siamsnn`` itself loads neither NumPy nor Brian2.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .energy.counter import OperationCounter
    from .errors import InputError
    from .evaluation.run import evaluate
    from .matching.spiking import SpikingMatcher
    from .model.calibration import convert
    from .model.conversion import SpikingModel
    from .model.files import load_model
    from .network.devices import build_branch, survey_devices
    from .network.recording import record_spikes
    from .network.runtime import SpikingBranch
    from .neurons.equations import load_equations
    from .neurons.single_neuron import probe
    from .sequences.sources import open_sequence
    from .spikes.files import read_spikes, write_spikes
    from .spikes.trains import SpikeTrains
    from .tracking.config import TrackerConfig
    from .tracking.run import track
    from .tracking.tracker import SiameseTracker

#: Module of each public name.
_MODULES = {
    "InputError": "errors",
    "OperationCounter": "energy.counter",
    "SiameseTracker": "tracking.tracker",
    "SpikeTrains": "spikes.trains",
    "SpikingBranch": "network.runtime",
    "SpikingMatcher": "matching.spiking",
    "SpikingModel": "model.conversion",
    "TrackerConfig": "tracking.config",
    "build_branch": "network.devices",
    "convert": "model.calibration",
    "evaluate": "evaluation.run",
    "load_equations": "neurons.equations",
    "load_model": "model.files",
    "open_sequence": "sequences.sources",
    "probe": "neurons.single_neuron",
    "read_spikes": "spikes.files",
    "record_spikes": "network.recording",
    "survey_devices": "network.devices",
    "track": "tracking.run",
    "write_spikes": "spikes.files",
}

__all__ = [
    "InputError",
    "OperationCounter",
    "SiameseTracker",
    "SpikeTrains",
    "SpikingBranch",
    "SpikingMatcher",
    "SpikingModel",
    "TrackerConfig",
    "build_branch",
    "convert",
    "evaluate",
    "load_equations",
    "load_model",
    "open_sequence",
    "probe",
    "read_spikes",
    "record_spikes",
    "survey_devices",
    "track",
    "write_spikes",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("brian_siamsnn")
    elif name in _MODULES:
        value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value  # the next use finds it at once
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
