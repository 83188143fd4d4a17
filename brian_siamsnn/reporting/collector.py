"""What a report shows of a run, kept small while it goes on.

Of every frame a few numbers are kept. Pictures are kept as JPEG within a budget
of bytes: when they exceed it every second one is dropped, and from there on half
as many are kept. So neither memory nor the report grows without end, however long
the run is, and what is left is spread evenly over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..crops import SEARCH_SIZE
from ..energy.cost_models import load_cost_models
from ..energy.pricing import price
from ..energy.report import HOST
from ..metrics import overlap
from ..network.snapshot import take_snapshot
from ..tracking.overlay import scaled_overlay

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from ..energy.cost_models import CostModel
    from ..energy.counter import OperationCounter
    from ..tracking.tracker import SiameseTracker

__all__ = ["Recorder"]

#: Bytes of all pictures together; a report writes four characters for three of them.
PICTURE_BYTES = 15 * 2**20
_LONGEST_SIDE = 640  # small frames become up to twice as large, so that lines do not hide what is under them
_RESPONSE_SIDE = 170
_QUALITY = 80


class Recorder:
    """Collects a run, as a watcher of `tracking.track`.

    Parameters
    ----------
    meter : OperationCounter, optional
        The tracker's matcher, where it is the spiking network's; spikes, synaptic operations and energies are taken
        from it. It is emptied after every frame.
    picture_bytes : int
        Budget of all pictures.

    Attributes
    ----------
    boxes, truth, overlap, score : list
        One entry a frame; None where there is none.
    rates, operations, energy : dict of str to list
        Firing rate by layer; synaptic operations into each layer and of ``matching``; joules by the title of the
        hardware. None in the first frame, in which nothing is searched.
    pictures : list of dict
        ``frame``, and as bytes ``image`` (JPEG), ``response`` (PNG) and ``raster`` (bits, step by step).
    stride : int
        Every so many-th frame has a picture.
    layer : str
        That the raster is of, with ``neurons`` (their indices) and ``steps``.
    hardware : list of dict
        ``title`` and ``status`` of that which ``energy`` is for.
    """

    def __init__(self, meter: OperationCounter | None = None, picture_bytes: int = PICTURE_BYTES) -> None:
        self._meter, self._budget, self._size = meter, picture_bytes, 0
        self.boxes: list[Any] = []
        self.truth: list[Any] = []
        self.overlap: list[float | None] = []
        self.score: list[float | None] = []
        self.rates: dict[str, list[float | None]] = {}
        self.operations: dict[str, list[float | None]] = {}
        self.energy: dict[str, list[float | None]] = {}
        self.pictures: list[dict[str, Any]] = []
        self.stride = 1
        self.layer: str | None = None
        self.neurons: list[int] = []
        self.steps = 0
        self._costs: list[tuple[CostModel, int]] = []
        self.hardware: list[dict[str, str]] = []
        if meter is not None:
            self._prepare(meter.search_branch)

    def _prepare(self, branch):
        costs = load_cost_models()
        self._host = costs[HOST]
        for cost in costs.values():
            if cost.runs != "arrays":
                fit = cost.fit(branch.model.layers, branch.model.shapes(SEARCH_SIZE))
                self._costs.append((cost, fit.chips if fit else 1))
                self.hardware.append({"title": cost.title, "status": cost.status})
        names = [layer.name for layer in branch.model.layers]
        self.rates = {name: [] for name in names}
        self.operations = {name: [] for name in (*names[1:], "matching")}
        self.energy = {cost.title: [] for cost, _ in self._costs}

    def __call__(
        self, k: int, frame: np.ndarray, box: npt.ArrayLike, tracker: SiameseTracker, truth: npt.ArrayLike | None
    ) -> None:
        """Take a frame; never ends the run."""
        known = truth is not None and np.isfinite(truth).all()
        self.boxes.append(_rounded(box))
        self.truth.append(_rounded(truth) if known else None)
        self.overlap.append(round(float(overlap(np.array([box]), np.array([truth]))[0]), 4) if known else None)
        self.score.append(_short(tracker.score) if np.isfinite(tracker.score) else None)
        activity = None if self._meter is None else self._count(k, self._meter)
        if k % self.stride == 0:
            self._keep(k, frame, box, tracker.response, truth if known else None, activity)

    def _count(self, k, meter):
        """Numbers of the spiking network, and its activity where the frame was searched."""
        if k == 0:
            for numbers in (*self.rates.values(), *self.operations.values(), *self.energy.values()):
                numbers.append(None)
            return None
        work, activity = meter.mean_frame(), take_snapshot(meter.search_branch)
        meter.frames.clear()
        for name, rate in activity.rates.items():
            self.rates[name].append(_short(rate))
        for layer in work.layers[1:]:
            self.operations[layer.name].append(_short(layer.operations.sum()))
        self.operations["matching"].append(_short(work.matching.sum()))
        for cost, chips in self._costs:
            self.energy[cost.title].append(_short(price(work, cost, self._host, chips).total))
        self.layer, self.neurons, self.steps = activity.layer, activity.neurons.tolist(), len(activity.raster)
        return activity

    def _keep(self, k, frame, box, response, truth, activity):
        factor = min(2.0, _LONGEST_SIDE / max(frame.shape[:2]))
        picture = scaled_overlay(frame, factor, box, truth)
        entry = {
            "frame": k,
            "size": picture.shape[1::-1],
            "image": _encoded(".jpg", picture),
            "response": None if response is None else _encoded(".png", _coloured(response)),
            "raster": None if activity is None else np.packbits(activity.raster).tobytes(),
        }
        self.pictures.append(entry)
        self._size += _bytes(entry)
        while self._size > self._budget and len(self.pictures) > 1:
            self.stride *= 2
            self.pictures = [entry for entry in self.pictures if entry["frame"] % self.stride == 0]
            self._size = sum(map(_bytes, self.pictures))


def _bytes(entry):
    return sum(len(value) for value in entry.values() if isinstance(value, bytes))


def _encoded(kind, picture):
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY] if kind == ".jpg" else []
    return cv2.imencode(kind, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def _coloured(response):
    """A response map from its least to its greatest value in the colours of viridis."""
    levels = np.rint(255 * (response - response.min()) / (np.ptp(response) or 1)).astype(np.uint8)
    levels = cv2.resize(levels, (_RESPONSE_SIDE, _RESPONSE_SIDE), interpolation=cv2.INTER_NEAREST)
    return cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)


def _rounded(box):
    return [round(float(value), 2) for value in box]


def _short(value):
    """Four digits: as many as a plot can show."""
    return float(f"{float(value):.4g}")
