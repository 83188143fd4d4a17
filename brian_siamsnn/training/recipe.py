"""Settings of a training run: everything that the trained weights depend on."""

from __future__ import annotations

from dataclasses import dataclass

from ..crops import EXEMPLAR_SIZE
from ..errors import InputError
from ..model.ciresnet_names import ciresnet22_width
from ..model.layers import architecture, sizes

__all__ = ["HELD_OUT", "Recipe"]

#: Scenes that are excluded from training, on which the held-out score is measured: videos, and tracks of two places.
HELD_OUT = (
    *("biker", "davis_car-shadow", "davis_drift-straight", "davis_kite-surf", "davis_libby", "davis_parkour"),
    *("segtrack2_monkey", "tld_pedestrian3", "KITTI-17", "TUD-Campus"),
)


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run.

    Parameters
    ----------
    architecture : str
        Name of an architecture, or its channels and kernels, see `architecture`; ``"compact"`` by default.
        ``"ciresnet22:16"`` is SiamDW's residual network with 16 channels in its first convolution.
    steps : int
        Number of batches; 12,000 by default.
    batch : int
        Pairs per batch; 16 by default.
    learning_rate : float
        Initial learning rate of AdamW, which decays to one hundredth; 0.002 by default. The last part of the run starts
        again with a quarter of it.
    spiking_share : float
        Fraction of the steps, at the end of the run, in which the branch is that of a wave, see `quantised_branch`; 0.4
        by default. With 0 an ordinary network is trained, which CIResNet22 has to be.
    levels : int
        Levels p of the wave for which the last part trains; 4 by default.
    operations_weight : float
        Weight of the operations term of the loss: the fraction of synapses that transmit a spike in a step of their
        window; 0 by default.
    peak_weight : float
        Weight of the loss on the peak of the response; 0 by default. See `peak_loss`.
    absence_weight : float
        Weight of the loss on search crops of other targets; 0.05 by default. See `absence_loss`.
    response_weight : float
        Weight of the loss on the teacher's responses, if there is a teacher; 1 by default.
    feature_weight : float
        Weight of the loss on the teacher's features, if there is a teacher; 1 by default.
    pairs : int
        Number of pairs that the teacher processes; 6,000 by default. Without a teacher every pair is new.
    seed : int
        Seed of the initial weights and the pairs; 0 by default.
    held_out : tuple of str
        Scenes that are used only for the held-out score, see `Video.scene`; `HELD_OUT` by default.
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
    spiking_share: float = 0.4
    levels: int = 4
    operations_weight: float = 0.0
    peak_weight: float = 0.0
    absence_weight: float = 0.05
    response_weight: float = 1.0
    feature_weight: float = 1.0
    pairs: int = 6000
    seed: int = 0
    held_out: tuple[str, ...] = HELD_OUT
    report_every: int = 500

    def __post_init__(self) -> None:
        residual = ciresnet22_width(self.architecture) is not None
        if not residual:
            sizes(architecture(self.architecture), EXEMPLAR_SIZE)  # the layers fit
        for name in ("steps", "batch", "levels", "pairs", "report_every", "learning_rate"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name}: expected a positive number, got {getattr(self, name)}")
        for name in ("operations_weight", "peak_weight", "absence_weight", "response_weight", "feature_weight", "seed"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name}: expected 0 or more, got {getattr(self, name)}")
        if not 0 <= self.spiking_share <= 1:
            raise InputError(f"spiking_share: expected 0 to 1, got {self.spiking_share}")
        if residual and self.spiking_share:
            raise InputError(
                f"spiking_share: expected 0 for {self.architecture}, got {self.spiking_share}; only chains of layers "
                "are trained as a wave, the scales of a residual network are chosen for the levels after training"
            )
        if self.batch % 2:
            raise InputError(f"batch: expected an even number, because pairs come in couples, got {self.batch}")
        if self.pairs < self.batch:
            raise InputError(f"pairs: expected at least one batch of {self.batch}, got {self.pairs}")
        if not self.held_out:
            raise InputError("held_out: expected names of videos, got none")

    @property
    def spiking_from(self) -> int:
        """First step in which the branch is that of a wave."""
        return round(self.steps * (1 - self.spiking_share))
