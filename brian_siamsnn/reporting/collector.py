"""Records what a report shows of a run, within a fixed memory budget.

A few numbers are kept for every frame. Pictures are kept as JPEG within a budget
of bytes: when it is exceeded, every second picture is dropped, and from then on
only half as many are kept. So neither memory nor the report grows without bound,
however long the run, and the pictures are spread evenly over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..crops import SEARCH_SIZE, STRIDE
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

__all__ = ["ReportCollector"]

#: Budget for all pictures of a report, in bytes; base64 makes them a third larger in the file.
PICTURE_BYTES = 15 * 2**20

#: Longest side of a picture, in pixels. Small frames are enlarged up to twice, so that the lines of a box hide less.
_LONGEST_SIDE = 640

#: Side of the picture of a response map, in pixels.
_RESPONSE_SIDE = 170

_JPEG_QUALITY = 80


class ReportCollector:
    """Records a run when passed to `track` as its watcher.

    Parameters
    ----------
    meter : OperationCounter, optional
        The tracker's matcher if it is spiking, from which spikes, synaptic
        operations and energies are taken. Its frames are cleared after each frame.
        None, the default, for a tracker without spikes.
    picture_bytes : int
        Budget for all pictures, in bytes; 15 MiB by default.

    Attributes
    ----------
    boxes : list
        Tracked box x, y, w, h of each frame, in pixels.
    truth : list
        Ground-truth box of each frame; None where there is none.
    overlap : list
        Overlap of both boxes in each frame; None where there is no ground truth.
    score : list
        Highest response in each frame; None where nothing was searched.
    lost : list of bool
        Whether the target seems to be gone in each frame.
    rates : dict of str to list
        Firing rate by layer, for each frame; None in the first one, in which
        nothing is searched.
    operations : dict of str to list
        Synaptic operations by postsynaptic layer and of ``matching``, for each
        frame; None in the first one.
    energy : dict of str to list
        Energy in joules by hardware title, for each frame; None in the first one.
    pictures : list of dict
        ``frame``, ``size`` (width, height), and as bytes ``image`` (JPEG),
        ``response`` (PNG) and ``raster`` (one bit per neuron, step by step).
    stride : int
        Distance in frames from one picture to the next.
    layer : str or None
        Name of the layer that the raster shows.
    neurons : list of int
        Indices of the neurons that the raster shows.
    steps : int
        Number of time steps of the raster.
    hardware : list of dict
        ``title`` and ``status`` of each hardware in ``energy``.
    """

    def __init__(self, meter: OperationCounter | None = None, picture_bytes: int = PICTURE_BYTES) -> None:
        self._meter, self._budget, self._size = meter, picture_bytes, 0
        self.boxes: list[Any] = []
        self.truth: list[Any] = []
        self.overlap: list[float | None] = []
        self.score: list[float | None] = []
        self.lost: list[bool] = []
        self.rates: dict[str, list[float | None]] = {}
        self.operations: dict[str, list[float | None]] = {}
        self.energy: dict[str, list[float | None]] = {}
        self.pictures: list[dict[str, Any]] = []
        self.stride = 1
        self.response_reach = 0
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
        """Record a frame. Returns nothing, so it never stops the run.

        Parameters
        ----------
        k : int
            Index of the frame, from 0.
        frame : ndarray of uint8, shape (H, W, 3)
            The frame.
        box : array_like, shape (4,)
            Tracked box x, y, w, h in pixels.
        tracker : SiameseTracker
            Tracker, for its response map and score.
        truth : array_like of shape (4,), or None
            Ground-truth box; None or NaN where there is none.
        """
        known = truth is not None and np.isfinite(truth).all()
        self.boxes.append(_rounded_box(box))
        self.truth.append(_rounded_box(truth) if known else None)
        self.overlap.append(round(float(overlap(np.array([box]), np.array([truth]))[0]), 4) if known else None)
        self.score.append(_rounded(tracker.score) if np.isfinite(tracker.score) else None)
        self.lost.append(tracker.lost)
        activity = None if self._meter is None else self._count(k, self._meter)
        if k % self.stride == 0:
            self._keep(k, frame, box, tracker.response, truth if known else None, activity)

    def _count(self, k, meter):
        """Record the counts of the spiking network, and return its activity if the frame was searched."""
        if k == 0:
            for numbers in (*self.rates.values(), *self.operations.values(), *self.energy.values()):
                numbers.append(None)
            return None
        work, activity = meter.mean_frame(), take_snapshot(meter.search_branch)
        meter.frames.clear()
        meter.later.clear()
        for name, rate in activity.rates.items():
            self.rates[name].append(_rounded(rate))
        for layer in work.layers[1:]:
            self.operations[layer.name].append(_rounded(layer.operations.sum()))
        self.operations["matching"].append(_rounded(work.matching.sum()))
        for cost, chips in self._costs:
            self.energy[cost.title].append(_rounded(price(work, cost, self._host, chips).total))
        self.layer, self.neurons, self.steps = activity.layer, activity.neurons.tolist(), len(activity.raster)
        return activity

    def _keep(self, k, frame, box, response, truth, activity):
        if response is not None:
            self.response_reach = STRIDE * (len(response) - 1) // 2
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
        self._size += _picture_size(entry)
        while self._size > self._budget and len(self.pictures) > 1:
            self.stride *= 2
            self.pictures = [entry for entry in self.pictures if entry["frame"] % self.stride == 0]
            self._size = sum(map(_picture_size, self.pictures))


def _picture_size(entry):
    return sum(len(value) for value in entry.values() if isinstance(value, bytes))


def _encoded(kind, picture):
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if kind == ".jpg" else []
    return cv2.imencode(kind, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def _coloured(response):
    """Response map in viridis colours, scaled to its range."""
    levels = np.rint(255 * (response - response.min()) / (np.ptp(response) or 1)).astype(np.uint8)
    levels = cv2.resize(levels, (_RESPONSE_SIDE, _RESPONSE_SIDE), interpolation=cv2.INTER_NEAREST)
    return cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)


def _rounded_box(box):
    return [round(float(value), 2) for value in box]


def _rounded(value):
    """Value rounded to four significant digits, as many as a plot can show."""
    return float(f"{float(value):.4g}")
