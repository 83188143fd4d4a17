"""Measure the conversion error, layer by layer: spikes compared with the activations that they stand for.

After t steps, the spikes of a neuron give an estimate of its activation a in the CNN:

    estimate(t) = lambda / t * (sum of the amplitudes of its spikes up to t)  ->  clip(a, 0, lambda)

where lambda is the scale of the layer. With rate coding, the estimate is the firing rate (Eq. 5) times the scale.
Activations above the scale cannot be expressed. The estimate is compared with both the clipped activation, which shows
the error of the spikes, and the unclipped one, which adds the error of the scale.

A wave fires for p steps only, so t is p there. What it computes is the quantised CNN (see `quantised_cnn`): spike
counts are compared with that too, and all of them must be equal. What is left between the estimate and the activation
is then the cost of p levels, see `quantisation`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from ..crops import EXEMPLAR_SIZE, SEARCH_SIZE, box_centre, crop, exemplar_side, rgb_image
from ..model.conversion import SpikingModel
from ..model.graph import sources_of
from ..model.graph_layers import Gates
from ..model.layers import Convolution
from ..model.numpy_cnn import cnn_activations
from ..model.quantised_cnn import quantised_counts
from ..network.runtime import SpikingBranch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..model.files import SiameseModel
    from ..neurons.equations import Coding, Codings
    from ..sequences.frames import Sequence

__all__ = ["DENSITY_RANGE", "LayerInspection", "inspect_conversion", "inspection_crops"]

#: Range of activation and of estimate in a density, in units of the scale; values outside fall into the outermost bins.
DENSITY_RANGE = ((0.0, 1.5), (-0.0125, 1.2375))
_BINS = (60, 50)


@dataclass(frozen=True)
class LayerInspection:
    """Conversion error of one layer, over all images.

    Attributes
    ----------
    name : str
        Name of the layer.
    correlation : float
        Pearson correlation of the estimate after T steps with the clipped activation; NaN if one of them is constant.
    correlation_unclipped : float
        The same with the unclipped activation.
    error : float
        Mean absolute difference between the estimate after T steps and the clipped activation, in units of the
        activation.
    error_unclipped : float
        The same with the unclipped activation.
    relative_error : float
        Like `error`, but in units of the scale.
    rate : float
        Mean firing rate N / T (Eq. 5); T is the number of steps in which a layer of a wave can fire.
    spikes : int
        Number of spikes.
    silent : float
        Fraction of neurons that never fired.
    saturated : float
        Fraction of neurons that fired in every step in which they could.
    differing : int or None
        Neurons whose spike count differs from the quantised CNN's, over all images; None unless the network is a wave
        in which the image is shown once and spikes carry 1.
    relative_error_by_step : ndarray, shape (T,)
        `relative_error` after each step.
    density : ndarray, shape (60, 50)
        Number of neurons by activation and estimate, over `DENSITY_RANGE`.
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
    differing: int | None
    relative_error_by_step: np.ndarray
    density: np.ndarray


def inspection_crops(sequence: Sequence, count: int = 4) -> Iterator[np.ndarray]:
    """Take search crops around the annotated boxes, or of whole images if there are none.

    Parameters
    ----------
    sequence : Sequence
        Source of images.
    count : int
        Maximum number of crops; 4 by default. If the length of the sequence is known, they are spread evenly over it.

    Yields
    ------
    ndarray of uint8, shape (255, 255, 3)
        Search crops, RGB.
    """
    step = max(1, (sequence.frame_count or count) // count)
    boxes: Any = () if sequence.boxes is None else sequence.boxes
    for k, frame in enumerate(islice(sequence, 0, step * count, step)):
        image = rgb_image(frame)
        height, width = image.shape[:2]
        centre, side = np.array([height - 1, width - 1]) / 2, float(min(height, width))
        if k * step < len(boxes) and np.isfinite(boxes[k * step]).all():
            box = boxes[k * step]
            centre, side = box_centre(box)[::-1], exemplar_side(*box[2:]) * SEARCH_SIZE / EXEMPLAR_SIZE
        yield crop(image, centre, side, SEARCH_SIZE, image.mean((0, 1)))


def inspect_conversion(
    model: SiameseModel,
    crops: Iterable[np.ndarray],
    steps: int | None = None,
    coding: Coding | None = None,
    hidden_coding: Codings | None = None,
    pooling: Codings | None = None,
    v_init: float | None = None,
    progress: Callable[..., Any] | None = None,
) -> list[LayerInspection]:
    """Compare every layer of a spiking network with the CNN that it was converted from.

    Parameters
    ----------
    model : SiameseModel
        A converted model; see also `scale_thresholds`.
    crops : iterable of ndarray, shape (H, H, 3)
        Images, RGB, 0 to 255, all of the same size.
    steps : int, optional
        Number of time steps T; by default as many as a wave takes, or 20 with another coding.
    coding : str, path or NeuronEquations, optional
        Neuron model of the last layer; by default ``"wave"``, the coding of all layers, or ``"rate"`` if `steps` is
        given.
    hidden_coding : str, path, NeuronEquations or dict, optional
        Neuron model of the other convolutions, or a mapping from layer name to neuron model; the wave by
        default, and ``"rate"`` with a coding that is no wave.
    pooling : str, path, NeuronEquations or dict, optional
        Neuron model of the pooling gates, or a mapping from layer name to neuron model; ``"or_pool"`` by default, and
        ``"max_pool"`` with a coding that is no wave.
    v_init : float, optional
        Initial membrane potential, in units of the threshold; that of the model by default.
    progress : callable, optional
        Called without arguments after each crop; none by default.

    Returns
    -------
    list of LayerInspection
        One entry per layer, in order; empty without crops.

    Raises
    ------
    InputError
        If the model is not converted, or an argument is not valid.
    """
    spiking = SpikingModel.from_model(model, v_init)
    branch, statistics = None, {}
    for image in crops:
        if branch is None:
            names = [layer.name for layer in model.layers]
            branch = SpikingBranch(
                spiking, len(image), steps, coding, hidden_coding=hidden_coding, pooling=pooling, record=names
            )
            statistics = {name: _Statistics(name, scale, branch) for name, scale in _scales(model).items()}
        branch.run(image)
        quantised: dict[str, Any] = {}
        last = branch.equations[branch.last_layer]
        if branch.wave is not None and branch.wave.waves == 1 and last.parameters.get(last.amplitude) == 1:
            cnn = replace(spiking, initial_potential=last.initial.get("v", 0.0))
            quantised = quantised_counts(cnn, branch.first_layer.current(image), branch.wave.p)
        for name, activation in cnn_activations(model, image).items():
            statistics[name].add(activation, branch.trains(name), quantised.get(name))
        if progress is not None:
            progress()
    return [layer.result() for layer in statistics.values()]


def _scales(model):
    """Return the channel scales of each layer; a pooling layer has those of the convolution before it."""
    result, sources = {}, sources_of(model.layers)
    for layer in model.layers:
        if isinstance(layer, Convolution):
            result[layer.name] = np.asarray(model.scales[layer.name], np.float64)
        else:
            scales = result[sources[layer.name][0]]
            one = layer.input if isinstance(layer, Gates) else None
            result[layer.name] = scales if one is None else scales[one.first : one.first + one.channels]
    return result


class _Statistics:
    """Sums over images, from which the conversion error of a layer is computed."""

    def __init__(self, name, scale, branch):
        self.name, self.scale, self.steps = name, scale, branch.steps
        wave = branch.wave
        # steps over which a neuron's spikes are a mean: all so far, or all in which a layer of a wave can fire
        self.over = np.arange(1, self.steps + 1) if wave is None else np.full(self.steps, wave.p * wave.waves)
        self.differing = None
        self.neurons = self.spikes = self.silent = self.saturated = 0
        self.moments = {"clipped": np.zeros(6), "unclipped": np.zeros(6)}
        self.errors = {"clipped": 0.0, "unclipped": 0.0}
        self.by_step = np.zeros(self.steps)
        self.density = np.zeros(_BINS)

    def add(self, activation, trains, quantised):
        """Add one image: activations (H, W, C), spike trains of the same neurons, and perhaps the counts expected."""
        scale = np.broadcast_to(self.scale, activation.shape).ravel()
        a = activation.ravel().astype(np.float64)
        expected = np.clip(a / scale, 0, 1)
        sent = np.zeros(a.size)
        for t in range(self.steps):
            now = trains.step == t
            sent[trains.neuron[now]] += trains.amplitude[now]
            self.by_step[t] += np.abs(sent / self.over[t] - expected).sum()
        mean = sent / self.over[-1]
        estimate = scale * mean
        for kind, value in {"clipped": scale * expected, "unclipped": a}.items():
            self.errors[kind] += np.abs(estimate - value).sum()
            squares = (value**2).sum(), (estimate**2).sum(), (value * estimate).sum()
            self.moments[kind] += [a.size, value.sum(), estimate.sum(), *squares]
        x, y = (np.clip(z, *limits) for z, limits in zip((a / scale, mean), DENSITY_RANGE, strict=True))
        self.density += np.histogram2d(x, y, _BINS, DENSITY_RANGE)[0]
        counts = trains.counts()
        self.neurons += a.size
        self.spikes += int(counts.sum())
        self.silent += int((counts == 0).sum())
        self.saturated += int((counts == self.over[-1]).sum())
        if quantised is not None:
            self.differing = (self.differing or 0) + int((counts != quantised).sum())

    def result(self):
        """Return the conversion error over all images."""
        return LayerInspection(
            self.name,
            correlation=_pearson(*self.moments["clipped"]),
            correlation_unclipped=_pearson(*self.moments["unclipped"]),
            error=self.errors["clipped"] / self.neurons,
            error_unclipped=self.errors["unclipped"] / self.neurons,
            relative_error=self.by_step[-1] / self.neurons,
            rate=self.spikes / self.neurons / int(self.over[-1]),
            spikes=self.spikes,
            silent=self.silent / self.neurons,
            saturated=self.saturated / self.neurons,
            differing=self.differing,
            relative_error_by_step=self.by_step / self.neurons,
            density=self.density,
        )


def _pearson(n, x, y, xx, yy, xy):
    """Compute the Pearson correlation from sums; NaN if x or y is constant."""
    variation = (n * xx - x**2) * (n * yy - y**2)
    return float((n * xy - x * y) / np.sqrt(variation)) if variation > 1e-12 * n**2 * xx * yy else float("nan")
