"""What the conversion loses, layer by layer: spikes against the activations that they stand for.

A layer with the scale lambda should, after t steps, have sent

    estimate(t) = lambda / t * (sum of the amplitudes of its spikes up to t)  ->  clip(a, 0, lambda),

with a the activation of the CNN: with rate coding the firing rate (Eq. 5) times
the scale. Activations above the scale cannot be expressed, so a is compared
both clipped (what the spikes are at fault for) and as it is (what the scale is).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from ..crops import EXEMPLAR_SIZE, SEARCH_SIZE, box_centre, crop, exemplar_side, rgb_image
from ..model.conversion import SpikingModel
from ..model.layers import Convolution
from ..model.numpy_cnn import cnn_activations
from ..network.runtime import SpikingBranch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..model.files import SiameseModel
    from ..neurons.equations import Coding, Codings
    from ..sequences.frames import Sequence

__all__ = ["DENSITY_RANGE", "LayerInspection", "inspect_conversion", "inspection_crops"]

#: Activation and estimate of a density, in units of the scale; what is outside counts in the last bin.
DENSITY_RANGE = ((0.0, 1.5), (-0.0125, 1.2375))
_BINS = (60, 50)


@dataclass(frozen=True)
class LayerInspection:
    """One layer, over all images.

    Attributes
    ----------
    name : str
    correlation, correlation_unclipped : float
        Pearson correlation of the estimate after T steps with the clipped
        activation, and with the activation as it is; NaN if one is constant.
    error, error_unclipped : float
        Mean absolute difference, in units of the activation.
    relative_error : float
        ``error`` in units of the layer's scale.
    rate : float
        Mean firing rate N / T (Eq. 5).
    spikes : int
    silent, saturated : float
        Share of neurons that never fired, and that fired in every step.
    relative_error_by_step : ndarray, shape (T,)
        ``relative_error`` after each step.
    density : ndarray, shape (60, 50)
        Neurons by activation and estimate, over `DENSITY_RANGE`.
    """

    name: str
    correlation: float
    correlation_unclipped: float
    error: float
    error_unclipped: float
    relative_error: float
    rate: float
    spikes: int
    silent: float
    saturated: float
    relative_error_by_step: np.ndarray
    density: np.ndarray


def inspection_crops(sequence: Sequence, count: int = 4) -> Iterator[np.ndarray]:
    """Search crops around the true boxes, or whole images where there are none.

    Parameters
    ----------
    sequence : Sequence
    count : int
        How many at the most, spread evenly where the length is known.

    Yields
    ------
    ndarray of uint8, shape (255, 255, 3)
    """
    step = max(1, (sequence.frame_count or count) // count)
    for k, frame in enumerate(islice(sequence, 0, step * count, step)):
        image = rgb_image(frame)
        height, width = image.shape[:2]
        centre, side = np.array([height - 1, width - 1]) / 2, float(min(height, width))
        if (
            sequence.boxes is not None
            and k * step < len(sequence.boxes)
            and np.isfinite(sequence.boxes[k * step]).all()
        ):
            box = sequence.boxes[k * step]
            centre, side = box_centre(box)[::-1], exemplar_side(*box[2:]) * SEARCH_SIZE / EXEMPLAR_SIZE
        yield crop(image, centre, side, SEARCH_SIZE, image.mean((0, 1)))


def inspect_conversion(
    model: SiameseModel,
    crops: Iterable[np.ndarray],
    steps: int = 20,
    coding: Coding = "rate",
    hidden_coding: Codings = "rate",
    pooling: Codings = "max_pool",
    v_init: float | None = None,
    progress: Callable[..., Any] | None = None,
) -> list[LayerInspection]:
    """Compare every layer of the spiking network with the CNN that it was converted from.

    Parameters
    ----------
    model : SiameseModel
        Converted; see also `scale_thresholds`.
    crops : iterable of ndarray, shape (H, H, 3)
        RGB, 0 to 255; all of one size.
    steps, coding, hidden_coding, pooling
        See `SpikingBranch`.
    v_init : float, optional
        See `from_model`.
    progress : callable, optional
        Called after each crop.

    Returns
    -------
    list of LayerInspection

    Raises
    ------
    InputError
        If the model is not converted, or an argument is off.
    """
    spiking = SpikingModel.from_model(model, v_init)
    branch, tallies = None, {}
    for image in crops:
        if branch is None:
            names = [layer.name for layer in model.layers]
            branch = SpikingBranch(spiking, len(image), steps, coding, hidden_coding, pooling, record=names)
            tallies = {name: _Tally(name, scale, steps) for name, scale in _scales(model).items()}
        branch.run(image)
        for name, activation in cnn_activations(model, image).items():
            tallies[name].add(activation, branch.trains(name))
        if progress is not None:
            progress()
    return [tally.result() for tally in tallies.values()]


def _scales(model):
    """Scale of each layer's channels; a pool has that of the convolution before it."""
    result, scale = {}, None
    for layer in model.layers:
        if isinstance(layer, Convolution):
            scale = np.asarray(model.scales[layer.name], np.float64)
        result[layer.name] = scale
    return result


class _Tally:
    """Sums over images from which a layer's inspection follows."""

    def __init__(self, name, scale, steps):
        self.name, self.scale, self.steps = name, scale, steps
        self.neurons = self.spikes = self.silent = self.saturated = 0
        self.moments = {"clipped": np.zeros(6), "unclipped": np.zeros(6)}
        self.errors = {"clipped": 0.0, "unclipped": 0.0}
        self.by_step = np.zeros(steps)
        self.density = np.zeros(_BINS)

    def add(self, activation, trains):
        """Count one image: activations (H, W, C) and the spike trains of the same neurons."""
        scale = np.broadcast_to(self.scale, activation.shape).ravel()
        a = activation.ravel().astype(np.float64)
        expected = np.clip(a / scale, 0, 1)
        sent = np.zeros(a.size)
        for t in range(self.steps):
            now = trains.step == t
            sent[trains.neuron[now]] += trains.amplitude[now]
            self.by_step[t] += np.abs(sent / (t + 1) - expected).sum()
        estimate = scale * sent / self.steps
        for kind, value in {"clipped": scale * expected, "unclipped": a}.items():
            self.errors[kind] += np.abs(estimate - value).sum()
            self.moments[kind] += [
                a.size,
                value.sum(),
                estimate.sum(),
                (value**2).sum(),
                (estimate**2).sum(),
                (value * estimate).sum(),
            ]
        (low, high), (bottom, top) = DENSITY_RANGE
        self.density += np.histogram2d(
            np.clip(a / scale, low, high), np.clip(sent / self.steps, bottom, top), _BINS, DENSITY_RANGE
        )[0]
        counts = trains.counts()
        self.neurons += a.size
        self.spikes += int(counts.sum())
        self.silent += int((counts == 0).sum())
        self.saturated += int((counts == self.steps).sum())

    def result(self):
        """The layer over all images."""
        return LayerInspection(
            self.name,
            correlation=_pearson(*self.moments["clipped"]),
            correlation_unclipped=_pearson(*self.moments["unclipped"]),
            error=self.errors["clipped"] / self.neurons,
            error_unclipped=self.errors["unclipped"] / self.neurons,
            relative_error=self.by_step[-1] / self.neurons,
            rate=self.spikes / self.neurons / self.steps,
            spikes=self.spikes,
            silent=self.silent / self.neurons,
            saturated=self.saturated / self.neurons,
            relative_error_by_step=self.by_step / self.neurons,
            density=self.density,
        )


def _pearson(n, x, y, xx, yy, xy):
    """Correlation from sums; NaN without variation."""
    variation = (n * xx - x**2) * (n * yy - y**2)
    return float((n * xy - x * y) / np.sqrt(variation)) if variation > 1e-12 * n**2 * xx * yy else float("nan")
