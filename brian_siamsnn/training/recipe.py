"""Settings of a training run: everything that the trained weights depend on."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InputError
from ..model.layers import architecture

__all__ = ["HELD_OUT", "Recipe"]

#: Videos that are excluded from training, on which the held-out score is measured.
HELD_OUT = ("biker", "davis_car-shadow", "davis_libby", "davis_parkour", "tld_pedestrian3")

#: Activation functions for the last part of a run; "relu" adds none to the rectifier.
_ACTIVATIONS = ("clip_floor_shift", "clip_noise", "relu")


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run.

    Parameters
    ----------
    architecture : str
        Name of an architecture, or its channels, see `architecture`; ``"compact"`` by default.
    steps : int
        Number of batches; 12,000 by default.
    batch : int
        Pairs per batch; 16 by default.
    learning_rate : float
        Initial learning rate of AdamW, which decays to one hundredth; 0.002 by default.
    activation : {"clip_floor_shift", "clip_noise", "relu"}
        Activation function behind the rectifiers in the last part of the run, see `quantised_activations`. ``"relu"``
        trains an ordinary network.
    spiking_share : float
        Fraction of the steps, at the end of the run, that use this activation function; 0.4 by default.
    levels : int
        Number of time steps T of the spiking network for which the last part trains; 20 by default.
    operations_weight : float
        Weight of the operations term of the loss: the fraction of synapses that transmit a spike in a time step; 0 by
        default.
    response_weight : float
        Weight of the loss on the teacher's responses, if there is a teacher; 1 by default.
    feature_weight : float
        Weight of the loss on the teacher's features, if there is a teacher; 1 by default.
    pairs : int
        Number of pairs that the teacher processes; 6,000 by default. Without a teacher every pair is new.
    seed : int
        Seed of the initial weights and the pairs; 0 by default.
    held_out : tuple of str
        Names of the videos that are used only for the held-out score; `HELD_OUT` by default.
    report_every : int
        Steps between two reports; 500 by default.

    Raises
    ------
    InputError
        If a setting is not valid; the message names it.
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
            raise InputError(f"pairs: expected at least one batch of {self.batch}, got {self.pairs}")
        if not self.held_out:
            raise InputError("held_out: expected names of videos, got none")

    @property
    def spiking_from(self) -> int:
        """First step in which the activations are those that spikes can express."""
        return self.steps if self.activation == "relu" else round(self.steps * (1 - self.spiking_share))
