"""How a network is trained: every setting that its weights depend on."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InputError
from ..model.layers import architecture

__all__ = ["HELD_OUT", "Recipe"]

#: Videos that never train: what the held-out score is measured on.
HELD_OUT = ("biker", "davis_car-shadow", "davis_libby", "davis_parkour", "tld_pedestrian3")

#: Names of what can stand behind a rectifier in the last part of a run; "relu" for nothing.
_ACTIVATIONS = ("clip_floor_shift", "clip_noise", "relu")


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run.

    Parameters
    ----------
    architecture : str
        A name or channels, see `architecture`.
    steps : int
        Batches in all.
    batch : int
        Pairs in a batch.
    learning_rate : float
        The first one of AdamW; it falls to a hundredth.
    activation : {"clip_floor_shift", "clip_noise", "relu"}
        What stands behind the rectifiers in the last part, see
        `quantisation`; ``"relu"`` trains an ordinary network.
    spiking_share : float
        Share of the steps, the last ones, that are trained with it.
    levels : int
        T, time steps of the spiking network that the last part stands for.
    operations_weight : float
        Weight in the loss of the share of synapses that carry a spike in a step.
    response_weight, feature_weight : float
        Weights of the teacher's responses and features, where there is a teacher.
    pairs : int
        Pairs that a teacher is shown; without one every pair is new.
    seed : int
        Of weights and pairs.
    held_out : tuple of str
        Names of the videos that only score.
    report_every : int
        Steps between two reports.

    Raises
    ------
    InputError
        When a setting is not as described; the message names it.
    """

    architecture: str = "compact"
    steps: int = 12000
    batch: int = 16
    learning_rate: float = 2e-3
    activation: str = "clip_floor_shift"
    spiking_share: float = 0.4
    levels: int = 20
    operations_weight: float = 0.0
    response_weight: float = 1.0
    feature_weight: float = 1.0
    pairs: int = 6000
    seed: int = 0
    held_out: tuple[str, ...] = HELD_OUT
    report_every: int = 500

    def __post_init__(self) -> None:
        architecture(self.architecture)
        if self.activation not in _ACTIVATIONS:
            raise InputError(f"activation: expected one of {', '.join(_ACTIVATIONS)}, got {self.activation!r}")
        for name in ("steps", "batch", "levels", "pairs", "report_every", "learning_rate"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name}: expected a positive number, got {getattr(self, name)}")
        for name in ("operations_weight", "response_weight", "feature_weight", "seed"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name}: expected 0 or more, got {getattr(self, name)}")
        if not 0 <= self.spiking_share <= 1:
            raise InputError(f"spiking_share: expected 0 to 1, got {self.spiking_share}")
        if self.pairs < self.batch:
            raise InputError(f"pairs: expected at least a batch of {self.batch}, got {self.pairs}")
        if not self.held_out:
            raise InputError("held_out: expected names of videos, got none")

    @property
    def spiking_from(self) -> int:
        """The step from which on activations are those that spikes can express."""
        return self.steps if self.activation == "relu" else round(self.steps * (1 - self.spiking_share))
