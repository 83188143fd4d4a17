"""The settings of a tracker: everything that its boxes depend on, as one value.

The command line, evaluation, energy and report all build their tracker from a
`TrackerConfig`. It can be sent to another process and written into a manifest,
and its hash, which covers the content of the model file and of the neuron
equations, tells it apart from every other configuration.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .. import __version__
from ..defaults import HIDDEN_CODING, LAMBDA_T, LAMBDA_V, MODEL, TAU, TEMPLATES
from ..defaults import SCALES as DEFAULT_SCALES
from ..errors import InputError, whole_number
from ..files import find
from ..matching.similarity import MATCHINGS
from ..model.graph import depths
from ..neurons.waves import default_coding, default_matching, default_pooling, resolved_steps, wave_of
from .labels import SPIKING, label_of
from .tracker import SCALES, SiameseTracker

if TYPE_CHECKING:
    from ..aliases import FilePath
    from ..matching.convolutional import ConvolutionalMatcher
    from ..matching.protocol import Matcher
    from ..matching.spiking import SpikingMatcher
    from ..model.files import SiameseModel
    from ..neurons.waves import Wave

__all__ = ["TrackerConfig", "identity_hash"]

#: Settings that name neuron equations.
_EQUATIONS = ("coding", "hidden_coding", "pooling")


@dataclass(frozen=True, repr=False)
class TrackerConfig:
    """Settings of a tracker.

    Parameters
    ----------
    model : str, path or SiameseModel
        Name of a shipped model, a model file, or a loaded model; ``"compact"`` by default.
    tracker : {"snn", "cnn"}
        The spiking network (default), or the CNN that it was converted from.
    steps : int, optional
        T, the time steps that an image is shown for; by default as many as the wave takes, or 20 with another coding.
    matching : {"hsm", "psm", "tsm"}, optional
        Similarity of spike trains (Eq. 6-9); ``"psm"`` by default, ``"hsm"`` with a coding that is no wave. See
        `similarity.matching_kernel`.
    coding : str or path, optional
        Neuron equations of the output layer; see `load_equations`. By default ``"wave"``, which is the coding of all
        layers (``"wave:p=4,waves=1"`` with values), or ``"rate"`` if `steps` is given.
    tau : int
        Response period threshold of Eq. 8, in steps; 1 by default.
    lambda_v : float
        Weight of potential matching in Eq. 9, 1 by default.
    lambda_t : float
        Weight of temporal matching in Eq. 9, 20 by default.
    hidden_coding : str or path, optional
        Neuron equations of the convolutions before the output layer; those of the wave by default, and ``"rate"`` with
        a coding that is no wave.
    pooling : str or path, optional
        Gate of the pooling layers; ``"or_pool"`` by default, ``"max_pool"`` with a coding that is no wave.
    v_init : float, optional
        Membrane potential before the first step, in thresholds; the model's own by default.
    threshold_scale : float
        Factor of all thresholds, 1 by default.
    early_stop : int, optional
        End a frame once the response has peaked at one position for this many steps; never by default.
    scales : {1, 3, 5}
        Sizes of the search region in each frame, 3 by default.
    templates : int
        Exemplars that the tracker remembers, 4 by default; 1 for that of the first frame only, as in SiamFC. See
        `TemplateMemory`.
    seed : int, optional
        Seed of the random numbers of neuron models with noise, set for every sequence; none by default.

    Raises
    ------
    InputError
        If a setting is invalid, or the model file or the equations do not exist.

    Examples
    --------
    >>> tracker = TrackerConfig(steps=10, matching="psm").build_tracker()  # doctest: +SKIP
    """

    model: FilePath | SiameseModel = MODEL
    tracker: str = "snn"
    steps: int | None = None
    matching: str | None = None
    coding: str | None = None
    tau: int = TAU
    lambda_v: float = LAMBDA_V
    lambda_t: float = LAMBDA_T
    hidden_coding: str | None = None
    pooling: str | None = None
    v_init: float | None = None
    threshold_scale: float = 1.0
    early_stop: int | None = None
    scales: int = DEFAULT_SCALES
    templates: int = TEMPLATES
    seed: int | None = None

    def __post_init__(self) -> None:
        matchings = (*MATCHINGS, None)
        for name, allowed in {"tracker": ("snn", "cnn"), "matching": matchings, "scales": tuple(SCALES)}.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"{name}: expected one of {list(allowed)}, got {getattr(self, name)!r}")
        for name, least in {"steps": 1, "tau": 0, "early_stop": 1, "scales": 1, "templates": 1}.items():
            if getattr(self, name) is not None:
                object.__setattr__(self, name, whole_number(name, getattr(self, name), least))
        self._model_file()
        self._equation_files()
        if self.steps is not None and self.tracker == "snn":
            self._steps()

    def __repr__(self) -> str:
        changed = (f for f in fields(self) if getattr(self, f.name) != f.default)
        return f"TrackerConfig({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in changed)})"

    @cached_property
    def wave(self) -> Wave | None:
        """Timetable of the layers; None unless the coding is a wave."""
        from ..neurons.equation_files import EquationFile
        from ..neurons.equations import split_values

        name, given = split_values(self._coding)
        parameters, _ = EquationFile.read(name).values({}, dict(given))
        return wave_of(parameters, name)

    @property
    def _coding(self):
        return default_coding(self.steps) if self.coding is None else self.coding

    def _steps(self):
        """T, which for a wave follows from the model."""
        from ..model.files import load_model

        # the file is not read for nothing
        count = max(depths(load_model(self.model).layers).values()) + 1 if self.wave else 0
        return resolved_steps(self.steps, self.wave, count)

    @cached_property
    def implied(self) -> dict[str, str]:
        """Values of those settings that follow from the coding alone, for when they are not given."""
        return {
            "coding": self._coding,
            "matching": default_matching(self.wave),
            "hidden_coding": self._coding if self.wave else HIDDEN_CODING,
            "pooling": default_pooling(self.wave),
        }

    def _model_file(self):
        """Path of the model file; None for a model that is an object."""
        from ..model.files import SiameseModel

        return None if isinstance(self.model, SiameseModel) else find("weights", self.model, ".safetensors")

    def _equation_files(self):
        """Paths of the neuron equations, by setting."""
        from ..neurons.equations import split_values

        given = {name: getattr(self, name) or self.implied[name] for name in _EQUATIONS}
        return {name: find("equations", split_values(value)[0], ".toml") for name, value in given.items()}

    @property
    def settings(self) -> dict[str, Any]:
        """All settings by name, as plain values; None for those that mean nothing to the CNN.

        Settings that were left to follow from the coding have the values that follow.
        """
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values |= {name: value for name, value in self.implied.items() if values[name] is None}
        values["steps"] = self._steps() if self.tracker == "snn" else None
        values["model"] = "object" if self._model_file() is None else str(self.model)
        return {name: None if self.tracker == "cnn" and name in SPIKING else value for name, value in values.items()}

    @property
    def identity(self) -> dict[str, Any]:
        """What the boxes depend on: settings, checksums of the files, and this package's version; for JSON."""
        settings, model, file = self.settings, cast("SiameseModel", self.model), self._model_file()
        settings["model_sha256"] = model.digest() if file is None else _sha256(file)
        # the location of a file changes no box
        settings["model"] = Path(settings["model"]).stem
        if self.tracker == "snn":
            files = self._equation_files()
            settings |= {name: Path(str(settings[name])).name for name in files if Path(str(settings[name])).is_file()}
            settings["equations_sha256"] = {name: _sha256(path) for name, path in files.items()}
        if self.seed is None:
            del settings["seed"]
        settings["brian_siamsnn"] = __version__
        return settings

    @property
    def hash(self) -> str:
        """SHA-256 of `identity`, in hexadecimal."""
        return identity_hash(self.identity)

    @property
    def label(self) -> str:
        """Short name for tables and plots, such as ``SiamFC`` or ``SiamSNN+HSM+TS, T=10``."""
        return label_of(self)

    def arguments(self) -> list[str]:
        """Options of the command line that give this configuration, with absolute paths.

        Returns
        -------
        list of str
            Such as ``["--model", "compact", "--steps", "20"]``.

        Raises
        ------
        InputError
            If the model is an object, which has no name on the command line.
        """
        if self._model_file() is None:
            raise InputError("model: expected a name or a file for the command line, got an object; save it first")
        options = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}
        for name in {"model", *_EQUATIONS} & options.keys():
            if Path(options[name]).is_file():
                options[name] = Path(options[name]).resolve()
        return [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", str(value))]

    def build_spiking_matcher(self, crops: int | None = None, threads: int | None = None) -> SpikingMatcher:
        """Build the matcher of the spiking network.

        Parameters
        ----------
        crops : int, optional
            Crops that the spiking network simulates side by side; by default as many as there are scales.
        threads : int, optional
            Threads of the kernels; by default all processors that this process may use.

        Returns
        -------
        SpikingMatcher
            A new matcher.

        Raises
        ------
        InputError
            If the configuration is one of the CNN.
        """
        # imported here: the command line makes configurations before anything needs Brian2
        from ..matching.spiking import SpikingMatcher
        from ..model.conversion import scale_thresholds
        from ..model.files import load_model

        if self.tracker == "cnn":
            raise InputError("tracker: expected 'snn' to build the spiking network, got 'cnn'")
        constants = {name: getattr(self, name) for name in SPIKING if name != "threshold_scale"}
        model = scale_thresholds(load_model(self.model), self.threshold_scale)
        return SpikingMatcher(model, crops=crops or self.scales, threads=threads, **constants)

    def build_matcher(self, threads: int | None = None) -> SpikingMatcher | ConvolutionalMatcher:
        """Build the matcher of the spiking network, or of the CNN.

        Parameters
        ----------
        threads : int, optional
            Threads of the spiking network's kernels; by default all processors that this process may use.

        Returns
        -------
        SpikingMatcher or ConvolutionalMatcher
            A new matcher.
        """
        if self.tracker == "cnn":
            from ..matching.convolutional import ConvolutionalMatcher

            return ConvolutionalMatcher(self.model)
        return self.build_spiking_matcher(threads=threads)

    def build_tracker(self, threads: int | None = None) -> SiameseTracker:
        """Build the tracker.

        Parameters
        ----------
        threads : int, optional
            Threads of the kernels; by default all processors that this process may use.

        Returns
        -------
        SiameseTracker
            A new tracker with a matcher of its own.
        """
        return self.tracker_with(self.build_matcher(threads=threads))

    def tracker_with(self, matcher: Matcher) -> SiameseTracker:
        """Build a tracker around a matcher of this configuration, or one that wraps it.

        Parameters
        ----------
        matcher : Matcher
            The matcher.

        Returns
        -------
        SiameseTracker
            A new tracker.
        """
        return SiameseTracker(matcher, self.scales, self.templates)


def identity_hash(identity: dict[str, Any]) -> str:
    """SHA-256 of an identity, in hexadecimal.

    Parameters
    ----------
    identity : dict
        Values for JSON; their order does not matter.

    Returns
    -------
    str
        64 digits.
    """
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
