"""Batches of a training run: which pairs a step sees, which window of each, and each cut while the last is used.

Nothing is padded in the network, so a response cell sees the same pixels in a
window as in the whole crop; a window costs a third less and is another one in
each epoch.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from ..crops import SEARCH_SIZE, STRIDE
from ..model.cnn import torch
from .pair_store import cut_windows, images_to_tensor
from .pairs import MAX_SHIFT
from .run import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from .pair_store import PairPool
    from .pairs import PairSampler
    from .recipe import Recipe

__all__ = ["ahead", "new_batch", "pooled_batch", "to_tensors", "windows"]

#: Side of the search crops that are trained on, pixels.
WINDOW = 207
_ROOM = (SEARCH_SIZE - WINDOW) // STRIDE


def windows(displacements: npt.ArrayLike, rng: np.random.Generator) -> np.ndarray:
    """A window of each search crop that keeps its target where the response can show it.

    Parameters
    ----------
    displacements : ndarray, shape (B, 2)
        Of the targets from the middle of their crops (x, y), pixels.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (B, 2)
        First cell (x, y) of each, in strides from the crop's corner.
    """
    cells = np.arange(_ROOM + 1)
    left = np.asarray(displacements)[..., None] - (cells - _ROOM / 2) * STRIDE
    # the middle one always does
    return np.array([[rng.choice(cells[np.abs(axis) <= MAX_SHIFT]) for axis in row] for row in left])


def pooled_batch(pool: PairPool, recipe: Recipe, step: int) -> tuple[np.ndarray, ...]:
    """Pairs of a pool, with what the teacher said of them; the same for a step whenever it is asked for.

    Returns
    -------
    exemplars, searches, displacements, exemplar features, search features : ndarray
    """
    rng = np.random.default_rng((recipe.seed, 1, step))
    indices = np.sort(rng.choice(pool.size, recipe.batch, replace=False))
    return pool.batch(indices, windows(pool.displacements(indices), rng), WINDOW)


def new_batch(sampler: PairSampler, recipe: Recipe, step: int) -> tuple[np.ndarray, ...]:
    """Pairs that were not seen before; the same for a step whenever it is asked for.

    Returns
    -------
    exemplars, searches, displacements : ndarray
    """
    pairs = [sampler(index) for index in range(step * recipe.batch, (step + 1) * recipe.batch)]
    exemplars, searches, displacements = (np.stack(part) for part in zip(*pairs, strict=True))
    starts = windows(displacements, np.random.default_rng((recipe.seed, 1, step)))
    return exemplars, *cut_windows(searches, displacements, starts, WINDOW)


def to_tensors(arrays: tuple[np.ndarray, ...], device: str) -> Batch:
    """The arrays of `new_batch` or `pooled_batch` on a device; displacements in response cells."""
    exemplars, searches, displacements, *teacher = arrays
    features = tuple(torch.from_numpy(values).to(device).permute(0, 3, 1, 2) for values in teacher)
    cells = torch.from_numpy(displacements / STRIDE).float().to(device)
    return Batch(images_to_tensor(exemplars, device), images_to_tensor(searches, device), cells, features or None)


def ahead(cut: Callable[[int], tuple[np.ndarray, ...]], start: int, stop: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Batches number ``start`` to ``stop``, each cut in a second thread while the one before is used."""
    if start >= stop:
        return
    with ThreadPoolExecutor(1) as thread:
        upcoming = thread.submit(cut, start)
        for step in range(start, stop):
            current = upcoming.result()
            if step + 1 < stop:
                upcoming = thread.submit(cut, step + 1)
            yield current
