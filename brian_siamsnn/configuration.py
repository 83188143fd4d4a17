"""One configuration of the tracker: everything that its boxes depend on, as a value.

A configuration can be sent to another process, written into a manifest, and
told apart from every other one by its hash, which covers the content of the
model file and of the neuron equations as well as the settings.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from . import __version__
from .errors import InputError
from .matching import MATCHINGS
from .resources import find
from .tracker import SCALES

__all__ = ["PAPER_CONFIGURATIONS", "Configuration"]

#: Settings that mean nothing to the CNN.
_SPIKING = ("steps", "matching", "coding", "tau", "lambda_v", "lambda_t")


@dataclass(frozen=True)
class Configuration:
    """Settings of a tracker.

    Parameters
    ----------
    model : str
        A model that ships, or the path of a model file.
    tracker : {"snn", "cnn"}
    steps : int
        T, time steps that an image is shown for.
    matching : {"hsm", "psm", "tsm"}
        Eq. 6-9, see :func:`brian_siamsnn.matching.matching_kernel`.
    coding : str
        Neuron model of the output layer, see :func:`brian_siamsnn.neurons.load_equations`.
    tau : int
        Response period threshold of Eq. 8, in steps.
    lambda_v, lambda_t : float
        Weights of potential and temporal matching in Eq. 9.
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
    scales: int = 3
    frames: int | None = None

    def __post_init__(self):
        for name, allowed in {"tracker": ("snn", "cnn"), "matching": MATCHINGS, "scales": tuple(SCALES)}.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"{name}: expected one of {list(allowed)}, got {getattr(self, name)!r}")
        if self.steps < 1 or (self.frames is not None and self.frames < 1):
            raise InputError(f"configuration: expected 1 step and 1 frame or more, got {self.steps} and {self.frames}")
        find("weights", self.model, ".safetensors")
        self._equations()

    def _equations(self):
        name = self.coding if Path(self.coding).is_file() else self.coding.partition(":")[0]
        return find("equations", name, ".toml")

    @property
    def identity(self):
        """What the boxes depend on, as a dict for JSON: settings, checksums of the files behind them, own version."""
        settings = {
            key: None if self.tracker == "cnn" and key in _SPIKING else value for key, value in asdict(self).items()
        }
        settings["model_sha256"] = _sha256(find("weights", self.model, ".safetensors"))
        settings["equations_sha256"] = None if self.tracker == "cnn" else _sha256(self._equations())
        # where a file lies changes no box
        settings["model"] = Path(self.model).stem
        if settings["coding"] is not None and Path(self.coding).is_file():
            settings["coding"] = Path(self.coding).name
        settings["brian_siamsnn"] = __version__
        return settings

    @property
    def hash(self):
        """SHA-256 of :attr:`identity`, in hexadecimal."""
        return hashlib.sha256(json.dumps(self.identity, sort_keys=True).encode()).hexdigest()

    @property
    def label(self):
        """Short name for tables and plots: SiamFC, SiamSNN+HSM, SiamSNN+HSM+TS, and what differs from the defaults."""
        if self.tracker == "cnn":
            parts = ["SiamFC"]
        else:
            coding, _, rest = Path(self.coding).name.partition(":")
            parts = [f"SiamSNN+{self.matching.upper()}"]
            if coding != "rate":
                parts[0] += "+TS" if coding == "two_status" else f"+{coding.removesuffix('.toml')}"
            parts += [rest] if rest else []
            defaults = {field.name: field.default for field in fields(self)}
            parts += [
                f"{'T' if name == 'steps' else name}={getattr(self, name):g}"
                for name in ("steps", "tau", "lambda_v", "lambda_t")
                if getattr(self, name) != defaults[name]
            ]
        if self.scales != 3:
            parts.append(f"{self.scales} scale{'s' * (self.scales > 1)}")
        return ", ".join(parts)

    def arguments(self):
        """Options of the command line that give this configuration, but for ``--frames``; whole paths of files."""
        options = {"model": self.model, "tracker": self.tracker, "steps": self.steps, "matching": self.matching,
                   "tau": self.tau, "lambda-v": self.lambda_v, "lambda-t": self.lambda_t, "coding": self.coding,
                   "scales": self.scales}  # fmt: skip
        for name in ("model", "coding"):
            if Path(options[name]).is_file():
                options[name] = Path(options[name]).resolve()
        return [text for name, value in options.items() for text in (f"--{name}", str(value))]

    def matcher(self, threads=None):
        """Make the matcher.

        Parameters
        ----------
        threads : int, optional
            Of the kernels.

        Returns
        -------
        SpikingMatcher or ConvolutionalMatcher
        """
        from .matchers import ConvolutionalMatcher, SpikingMatcher
        from .weights import load

        if self.tracker == "cnn":
            return ConvolutionalMatcher(load(self.model))
        return SpikingMatcher(
            load(self.model),
            self.steps,
            self.matching,
            self.coding,
            threads=threads,
            crops=self.scales,
            tau=self.tau,
            lambda_v=self.lambda_v,
            lambda_t=self.lambda_t,
        )


def _sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


#: The rows of the paper's Table I: Eq. 6 alone, Eq. 8 alone, both (Eq. 9), and both with Eq. 12 at the output.
PAPER_CONFIGURATIONS = {
    "SiamFC": {"tracker": "cnn"},
    "SiamSNN+PSM": {"matching": "psm"},
    "SiamSNN+TSM": {"matching": "tsm"},
    "SiamSNN+HSM": {"matching": "hsm"},
    "SiamSNN+HSM+TS": {"matching": "hsm", "coding": "two_status"},
}
