"""What few levels cost: rounding and clipping of each layer's activations, and which p and scales would cost less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..model.activation_scales import ActivationScales
from ..model.layers import convolutions
from ..model.numpy_cnn import cnn_activations

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..model.files import SiameseModel

__all__ = ["LevelCost", "level_costs"]


@dataclass(frozen=True)
class LevelCost:
    """Error of one layer's activations when they are expressed by p levels, each layer for itself.

    Attributes
    ----------
    name : str
        Name of the layer.
    error : float
        Root mean square error with the model's scale and p levels, relative to the activations'.
    best_factor : float
        Scale with the least error at p levels, in units of the model's scale.
    best_error : float
        The error with it.
    by_levels : dict of int to float
        The least error, with the best scale for each, at other numbers of levels.
    """

    name: str
    error: float
    best_factor: float
    best_error: float
    by_levels: dict[int, float]


def level_costs(model: SiameseModel, crops: Iterable[np.ndarray], p: int) -> list[LevelCost]:
    """Measure what p levels cost in each convolution.

    Parameters
    ----------
    model : SiameseModel
        A converted model. A layer with several scales is measured at their mean.
    crops : iterable of ndarray, shape (H, H, 3)
        Images, RGB, 0 to 255.
    p : int
        Levels besides zero.

    Returns
    -------
    list of LevelCost
        One entry per convolution, in order; ``by_levels`` has p/2, p and 2p.
    """
    names = [layer.name for layer in convolutions(model.layers)]
    statistics = ActivationScales()
    for image in crops:
        activations = cnn_activations(model, image)
        statistics.add({name: np.moveaxis(activations[name], -1, 0) for name in names})
    result = []
    for name in names:
        scale = float(np.mean(model.scales[name]))
        best, best_error = statistics.least_squares(name, p)
        others = {levels: statistics.least_squares(name, levels)[1] for levels in sorted({max(1, p // 2), p, 2 * p})}
        error = statistics.least_squares(name, p, scale)[1]
        result.append(LevelCost(name, error, best / scale, best_error, others))
    return result
