"""A memory of templates: the target in the first frame, and as it looked in later ones.

All similarities of spike trains, and the CNN's, are linear in the exemplar. So the mean of the responses of several
templates is the response of their mean, and a memory of any size costs no more to match than one template. The template
of K exemplars z_1 (first frame), z_2 ... z_K is

    z = (z_1 + mean of z_2 ... z_K) / 2

Which exemplars are kept follows THOR (Sauer 2019): those that differ most from each other, measured by the determinant
of the Gram matrix of their directions. An exemplar less similar to the first than `LEAST_SIMILARITY` is not kept.
"""

from __future__ import annotations

import numpy as np

__all__ = ["LEAST_SIMILARITY", "TemplateMemory"]

#: Cosine between a later exemplar and the first one below which it is not kept: it hardly shows the target.
LEAST_SIMILARITY = 0.5


class TemplateMemory:
    """The first exemplar of a target and the most diverse of later ones.

    Parameters
    ----------
    first : ndarray
        Features of the exemplar in the first frame, as `Matcher.describe` returns them.
    size : int
        K, the largest number of exemplars, the first included.
    """

    def __init__(self, first: np.ndarray, size: int) -> None:
        self._size = size
        self._features, self._directions = [first], [_direction(first)]

    def __len__(self) -> int:
        return len(self._features)

    @property
    def template(self) -> np.ndarray:
        """The combined exemplar z, of the shape and type of the features."""
        first, *later = self._features
        return (first + np.mean(later, axis=0)) / 2 if later else first

    def offer(self, features: np.ndarray) -> bool:
        """Keep an exemplar if it adds to what is known of the target.

        While there is room it is kept. After that, it replaces the later exemplar without which the determinant grows
        most, if it grows at all.

        Parameters
        ----------
        features : ndarray
            Features of a later exemplar.

        Returns
        -------
        bool
            Whether it was kept.
        """
        direction = _direction(features)
        if self._directions[0] @ direction < LEAST_SIMILARITY:
            return False
        if len(self) < self._size:
            self._features.append(features)
            self._directions.append(direction)
            return True
        best, place = _diversity(self._directions), 0
        for k in range(1, len(self)):
            diversity = _diversity([*self._directions[:k], direction, *self._directions[k + 1 :]])
            if diversity > best:
                best, place = diversity, k
        if place:
            self._features[place], self._directions[place] = features, direction
        return bool(place)


def _diversity(directions):
    stacked = np.stack(directions)
    return np.linalg.det(stacked @ stacked.T)


def _direction(features):
    flat = np.asarray(features, np.float64).ravel()
    return flat / max(float(np.linalg.norm(flat)), np.finfo(float).tiny)
