"""Cost models: what an operation costs on a piece of hardware, and how many chips a network needs.

The figures are data in ``cost_models.toml``, each with its source and whether it was measured. A file of the user has
the same form, and adds to the shipped models or replaces them.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..connectivity.views import synapses_of
from ..errors import InputError
from ..model.graph import sources_of
from ..model.graph_layers import Neurons
from ..model.layers import Convolution
from ..model.projection import Projection

if TYPE_CHECKING:
    from ..aliases import FilePath
    from ..model.layers import Layer

__all__ = ["Constant", "CostModel", "Fit", "load_cost_models"]

_SHIPPED = Path(__file__).with_name("cost_models.toml")
_TEXTS = ("title", "runs", "note")
_RUNS = ("spikes", "arrays", "both")
_STATUS = ("measured", "estimated")
_ENERGIES = ("synaptic_operation", "neuron_update", "spike", "mac", "static_power")
_COUNTS = ("cores", "neurons_per_core", "fan_in", "synapses_per_core")
_CONSTANTS = (*_ENERGIES, "tick", "mac_rate", *_COUNTS)


@dataclass(frozen=True)
class Constant:
    """A figure of a cost model, with its source.

    Attributes
    ----------
    value : float
        Value in SI units (J, W, s, 1/s), or a count.
    status : {"measured", "estimated"}
        ``"measured"`` if it was measured on silicon and published, ``"estimated"`` otherwise.
    source : str
        Where the figure is from.
    """

    value: float
    status: str
    source: str


@dataclass(frozen=True)
class Fit:
    """A lower bound for the cores and chips that a network needs.

    Attributes
    ----------
    cores : int
        Smallest possible number of cores.
    chips : int
        Smallest possible number of chips.
    reasons : tuple of str
        Why one chip is not enough; empty if it may be.
    """

    cores: int
    chips: int
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class CostModel:
    """Figures of one piece of hardware.

    Attributes
    ----------
    name : str
        Name in the TOML file.
    title : str
        Name in tables and figures.
    runs : {"spikes", "arrays", "both"}
        What the hardware runs: a spiking network, a CNN, or both.
    note : str
        Conditions under which the figures hold; may be empty.
    constants : dict of str to Constant
        The figures; ``cost_models.toml`` explains their names and units.
    """

    name: str
    title: str
    runs: str
    note: str = ""
    constants: dict[str, Constant] = field(default_factory=dict)

    def value(self, name: str, default: float = 0.0) -> float:
        """Return the value of a constant.

        Parameters
        ----------
        name : str
            Name of the constant.
        default : float
            Value if the hardware does not have the constant; 0 by default.

        Returns
        -------
        float
            Value in SI units.
        """
        return self.constants[name].value if name in self.constants else default

    @property
    def status(self) -> str:
        """``"measured"`` if every energy of the model was measured, ``"estimated"`` otherwise."""
        energies = [self.constants[name].status for name in _ENERGIES if name in self.constants]
        return "measured" if set(energies) == {"measured"} else "estimated"

    def fit(self, layers: tuple[Layer, ...], shapes: dict[str, tuple]) -> Fit | None:
        """Compute how many cores and chips a spiking branch needs at least.

        A neuron with more inputs than ``fan_in`` takes ceil(inputs / fan_in) of the chip's neurons, each of which sums
        a part of them. The inputs of the first layer are not spikes and are not counted. Layers do not share cores.

        Parameters
        ----------
        layers : tuple of Convolution and MaxPool
            The branch.
        shapes : dict of str to (int, int, int)
            Output shape (height, width, channels) of each layer.

        Returns
        -------
        Fit or None
            The lower bound; None if the cost model has no number of cores or of neurons per core.
        """
        if "cores" not in self.constants or "neurons_per_core" not in self.constants:
            return None
        cores, neurons, synapses, widest = 0, 0, 0, 0
        sources = sources_of(layers)
        for layer in layers:
            count = math.prod(shapes[layer.name])
            inputs = _inputs(layer) if sources[layer.name] else 0
            incoming = sum(
                synapses_of(Projection(layer, shapes[source], shapes[layer.name], source, k))
                for k, source in enumerate(sources[layer.name])
            )
            parts = max(1, math.ceil(inputs / self.value("fan_in", math.inf)))
            needed = math.ceil(count * parts / self.value("neurons_per_core"))
            if "synapses_per_core" in self.constants:
                needed = max(needed, math.ceil(incoming / self.value("synapses_per_core")))
            cores += needed
            neurons, synapses, widest = neurons + count, synapses + incoming, max(widest, inputs)
        return Fit(cores, math.ceil(cores / self.value("cores")), tuple(self._reasons(neurons, synapses, widest)))

    def _reasons(self, neurons, synapses, widest):
        cores = self.value("cores")
        capacity = cores * self.value("neurons_per_core")
        if neurons > capacity:
            yield f"{neurons:,} neurons where {capacity:,.0f} fit"
        if synapses > cores * self.value("synapses_per_core", math.inf):
            yield f"{synapses:,} synapses where {cores * self.value('synapses_per_core'):,.0f} fit"
        if widest > self.value("fan_in", math.inf):
            yield f"up to {widest:,} inputs per neuron where {self.value('fan_in'):,.0f} are possible"


def _inputs(layer):
    """Return the number of incoming synapses of a neuron."""
    if isinstance(layer, Neurons):
        return layer.weight_shape[1]
    channels = layer.in_channels // layer.groups if isinstance(layer, Convolution) else 1
    return channels * layer.kernel**2


def load_cost_models(path: FilePath | None = None) -> dict[str, CostModel]:
    """Load the shipped cost models, and optionally those of a file.

    Parameters
    ----------
    path : str or path, optional
        TOML file in the form that ``cost_models.toml`` describes. Its models replace shipped ones of the same name.

    Returns
    -------
    dict of str to CostModel
        Cost models by name.

    Raises
    ------
    InputError
        If the file cannot be read or has another form; the message names the model and the constant.
    """
    models = _read(_SHIPPED)
    if path is not None:
        models.update(_read(Path(path)))
    return models


def _read(path):
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML file ({error})") from None
    if not content:
        raise InputError(f"{path}: expected at least one cost model, a table [NAME] with its constants, got none")
    return {name: _model(path, name, entry) for name, entry in content.items()}


def _model(path, name, entry):
    where = f"{path}: [{name}]"
    if not isinstance(entry, dict):
        raise InputError(f"{where}: expected a cost model, a table [{name}] with its constants, got {entry!r}")
    texts = {key: entry.get(key, "") for key in _TEXTS}
    for key, text in texts.items():
        if not isinstance(text, str) or (not text and key != "note"):
            raise InputError(f"{where}: {key}: expected text, got {entry.get(key)!r}")
    if texts["runs"] not in _RUNS:
        raise InputError(f"{where}: runs: expected one of {', '.join(_RUNS)}, got {texts['runs']!r}")
    constants = {key: _constant(f"{where}: {key}", key, item) for key, item in entry.items() if key not in _TEXTS}
    needed = {"spikes": ("synaptic_operation", "tick"), "arrays": ("mac",), "both": ("synaptic_operation", "mac")}
    for key in needed[texts["runs"]]:
        if key not in constants:
            raise InputError(f"{where}: hardware that runs {texts['runs']} needs {key}; it has {sorted(constants)}")
    return CostModel(name, constants=constants, **texts)


def _constant(where, key, item):
    if key not in _CONSTANTS:
        raise InputError(f"{where}: not a constant of a cost model; known constants are {', '.join(_CONSTANTS)}")
    if not isinstance(item, dict) or set(item) != {"value", "status", "source"}:
        raise InputError(f"{where}: expected value, status and source, got {item!r}")
    value, status, source = item["value"], item["status"], item["source"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not (0 < value < math.inf):
        raise InputError(f"{where}: value: expected a positive number, got {value!r}")
    if status not in _STATUS:
        raise InputError(f"{where}: status: expected measured or estimated, got {status!r}")
    if not isinstance(source, str) or not source.strip():
        raise InputError(f"{where}: source: expected text that says where the figure is from, got {source!r}")
    return Constant(float(value), status, source)
