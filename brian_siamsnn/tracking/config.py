"""One configuration of the tracker: everything that its boxes depend on, as a value.

A configuration can be sent to another process, written into a manifest, and
told apart from every other one by its hash, which covers the content of the
model file and of the neuron equations as well as the settings.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..errors import InputError
from ..files import find
from ..matching.similarity import MATCHINGS
from .tracker import SCALES

if TYPE_CHECKING:
    from ..matching.matchers import ConvolutionalMatcher, SpikingMatcher

__all__ = ["PAPER_CONFIGS", "TrackerConfig"]

#: Settings that name neuron equations, and all that mean nothing to the CNN.
_EQUATIONS = ("coding", "hidden_coding", "pooling")
_SPIKING = (
    *("steps", "matching", "tau", "lambda_v", "lambda_t", "v_init", "threshold_scale", "early_stop"),
    *_EQUATIONS,
)


@dataclass(frozen=True)
class TrackerConfig:
    """Settings of a tracker.

    Parameters
    ----------
    model : str
        A model that ships, or the path of a model file.
    tracker : {"snn", "cnn"}
    steps : int
        T, time steps that an image is shown for.
    matching : {"hsm", "psm", "tsm"}
        Eq. 6-9, see `matching_kernel`.
    coding, hidden_coding, pooling : str
        Neuron models of the output layer, of the layers before it and of the
        pools, see `load_equations`.
    tau : int
        Response period threshold of Eq. 8, in steps.
    lambda_v, lambda_t : float
        Weights of potential and temporal matching in Eq. 9.
    v_init : float, optional
        Membrane potential before the first step; by default the model's.
    threshold_scale : float
        All thresholds are multiplied by it.
    early_stop : int, optional
        End a frame when the response has peaked in one place for so many steps.
    scales : {1, 3, 5}
        Sizes of the search region.
    frames : int, optional
        First frames of each sequence; all by default.

    Raises
    ------
    InputError
        If a setting is none of those, or the model file or the equations are
        not there.
    """

    model: str = "compact"
    tracker: str = "snn"
    steps: int = 20
    matching: str = "hsm"
    coding: str = "rate"
    tau: int = 1
    lambda_v: float = 1.0
    lambda_t: float = 20.0
    hidden_coding: str = "rate"
    pooling: str = "max_pool"
    v_init: float | None = None
    threshold_scale: float = 1.0
    early_stop: int | None = None
    scales: int = 3
    frames: int | None = None

    def __post_init__(self) -> None:
        for name, allowed in {"tracker": ("snn", "cnn"), "matching": MATCHINGS, "scales": tuple(SCALES)}.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"{name}: expected one of {list(allowed)}, got {getattr(self, name)!r}")
        if self.steps < 1 or (self.frames is not None and self.frames < 1):
            raise InputError(f"configuration: expected 1 step and 1 frame or more, got {self.steps} and {self.frames}")
        find("weights", self.model, ".safetensors")
        self._equations()

    def _equations(self):
        """Files of the neuron equations, by setting."""
        from ..neurons.equations import split_values

        return {name: find("equations", split_values(getattr(self, name))[0], ".toml") for name in _EQUATIONS}

    @property
    def identity(self) -> dict[str, Any]:
        """What the boxes depend on, as a dict for JSON: settings, checksums of the files behind them, own version."""
        settings = {
            key: None if self.tracker == "cnn" and key in _SPIKING else value for key, value in asdict(self).items()
        }
        settings["model_sha256"] = _sha256(find("weights", self.model, ".safetensors"))
        # where a file lies changes no box
        settings["model"] = Path(self.model).stem
        if self.tracker == "snn":
            files = self._equations()
            settings |= {name: Path(str(settings[name])).name for name in files if Path(str(settings[name])).is_file()}
            settings["equations_sha256"] = {name: _sha256(path) for name, path in files.items()}
        settings["brian_siamsnn"] = __version__
        return settings

    @property
    def hash(self) -> str:
        """SHA-256 of `identity`, in hexadecimal."""
        return hashlib.sha256(json.dumps(self.identity, sort_keys=True).encode()).hexdigest()

    @property
    def label(self) -> str:
        """Short name for tables and plots: SiamFC, SiamSNN+HSM, SiamSNN+HSM+TS, and what differs from the defaults."""
        if self.tracker == "cnn":
            parts = ["SiamFC"]
        else:
            defaults = {field.name: field.default for field in fields(self)}
            coding, _, rest = Path(self.coding).name.partition(":")
            parts = [f"SiamSNN+{self.matching.upper()}"]
            if coding != "rate":
                parts[0] += "+TS" if coding == "two_status" else f"+{coding.removesuffix('.toml')}"
            parts += [rest] if rest else []
            parts += [
                f"{'T' if name == 'steps' else name}={_short(getattr(self, name))}"
                for name in _SPIKING
                if name not in ("matching", "coding") and getattr(self, name) != defaults[name]
            ]
        if self.scales != 3:
            parts.append(f"{self.scales} scale{'s' * (self.scales > 1)}")
        return ", ".join(parts)

    def arguments(self) -> list[str]:
        """Options of the command line that give this configuration, but for ``--frames``; whole paths of files."""
        options = {name: value for name, value in asdict(self).items() if name != "frames" and value is not None}
        for name in ("model", *_EQUATIONS):
            if Path(options[name]).is_file():
                options[name] = Path(options[name]).resolve()
        return [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", str(value))]

    def matcher(self, threads: int | None = None) -> SpikingMatcher | ConvolutionalMatcher:
        """Make the matcher.

        Parameters
        ----------
        threads : int, optional
            Of the kernels.

        Returns
        -------
        SpikingMatcher or ConvolutionalMatcher
        """
        from ..matching.matchers import ConvolutionalMatcher, SpikingMatcher
        from ..model.conversion import scale_thresholds
        from ..model.files import load_model

        if self.tracker == "cnn":
            return ConvolutionalMatcher(load_model(self.model))
        constants = {name: getattr(self, name) for name in _SPIKING if name not in ("steps", "threshold_scale")}
        model = scale_thresholds(load_model(self.model), self.threshold_scale)
        return SpikingMatcher(model, self.steps, threads=threads, crops=self.scales, **constants)


def _short(value):
    return f"{value:g}" if isinstance(value, float) else Path(str(value)).name


def _sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


#: The rows of the paper's Table I: Eq. 6 alone, Eq. 8 alone, both (Eq. 9), and both with Eq. 12 at the output.
PAPER_CONFIGS = {
    "SiamFC": {"tracker": "cnn"},
    "SiamSNN+PSM": {"matching": "psm"},
    "SiamSNN+TSM": {"matching": "tsm"},
    "SiamSNN+HSM": {"matching": "hsm"},
    "SiamSNN+HSM+TS": {"matching": "hsm", "coding": "two_status"},
}
