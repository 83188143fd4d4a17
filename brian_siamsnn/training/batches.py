"""Assemble the batches of a training run: choose the pairs of a step, and cut a window from each search crop.

The network does not pad, so a cell of the response map sees the same pixels in a window as in the whole crop. A window
costs a third less, and differs from epoch to epoch.
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

#: Side of the windows cut from search crops, in pixels.
WINDOW = 207
#: Largest offset of a window in its crop, in strides.
_LARGEST_OFFSET = (SEARCH_SIZE - WINDOW) // STRIDE


def windows(displacements: npt.ArrayLike, rng: np.random.Generator) -> np.ndarray:
    """Choose a window of each search crop, with its target inside the response map.

    Parameters
    ----------
    displacements : ndarray, shape (B, 2)
        Displacement (x, y) of each target from the centre of its crop, in pixels.
    rng : numpy.random.Generator
        Random number generator.

    Returns
    -------
    ndarray of int, shape (B, 2)
        Offset (x, y) of each window from the corner of its crop, in strides.
    """
    offsets = np.arange(_LARGEST_OFFSET + 1)
    remaining = np.asarray(displacements)[..., None] - (offsets - _LARGEST_OFFSET / 2) * STRIDE
    # never empty, because the central window keeps the displacement
    return np.array([[rng.choice(offsets[np.abs(axis) <= MAX_SHIFT]) for axis in row] for row in remaining])


def pooled_batch(pool: PairPool, recipe: Recipe, step: int) -> tuple[np.ndarray, ...]:
    """Take the pairs of one step from a pool, with the features of the teacher.

    The result depends on the step and the seed only.

    Parameters
    ----------
    pool : PairPool
        The pool.
    recipe : Recipe
        Settings of the training run.
    step : int
        Number of the step.

    Returns
    -------
    exemplars : ndarray of uint8, shape (B, 127, 127, 3)
        Exemplar crops.
    searches : ndarray of uint8, shape (B, 207, 207, 3)
        Windows of the search crops.
    displacements : ndarray, shape (B, 2)
        Displacement (x, y) of each target from the centre of its window, in pixels.
    targets : ndarray of int, shape (B,)
        Numbers of the targets, see `Pair`.
    exemplar_features : ndarray, shape (B, h, h, 64)
        Features of the teacher for the exemplars.
    search_features : ndarray, shape (B, H, H, 64)
        Features of the teacher for the windows.
    """
    rng = np.random.default_rng((recipe.seed, 1, step))
    couples = np.sort(rng.choice(pool.size // 2, recipe.batch // 2, replace=False))
    indices = np.stack([2 * couples, 2 * couples + 1], 1).ravel()
    return pool.batch(indices, windows(pool.displacements(indices), rng), WINDOW)


def new_batch(sampler: PairSampler, recipe: Recipe, step: int) -> tuple[np.ndarray, ...]:
    """Create new pairs for one step.

    The result depends on the step and the seed only.

    Parameters
    ----------
    sampler : PairSampler
        Source of the pairs.
    recipe : Recipe
        Settings of the training run.
    step : int
        Number of the step.

    Returns
    -------
    exemplars : ndarray of uint8, shape (B, 127, 127, 3)
        Exemplar crops.
    searches : ndarray of uint8, shape (B, 207, 207, 3)
        Windows of the search crops.
    displacements : ndarray, shape (B, 2)
        Displacement (x, y) of each target from the centre of its window, in pixels.
    targets : ndarray of int, shape (B,)
        Numbers of the targets, see `Pair`.
    """
    pairs = [sampler(index) for index in range(step * recipe.batch, (step + 1) * recipe.batch)]
    exemplars, searches, displacements, targets = (np.stack(part) for part in zip(*pairs, strict=True))
    starts = windows(displacements, np.random.default_rng((recipe.seed, 1, step)))
    return exemplars, *cut_windows(searches, displacements, starts, WINDOW), targets


def to_tensors(arrays: tuple[np.ndarray, ...], device: str) -> Batch:
    """Move the arrays of `new_batch` or `pooled_batch` to a device.

    Parameters
    ----------
    arrays : tuple of ndarray
        Result of `new_batch` or `pooled_batch`.
    device : str
        PyTorch device.

    Returns
    -------
    Batch
        Tensors, with displacements in cells of the response map.
    """
    exemplars, searches, displacements, targets, *teacher = arrays
    features = tuple(torch.from_numpy(values).to(device).permute(0, 3, 1, 2) for values in teacher)
    cells = torch.from_numpy(displacements / STRIDE).float().to(device)
    return Batch(
        images_to_tensor(exemplars, device),
        images_to_tensor(searches, device),
        cells,
        torch.from_numpy(targets).to(device),
        features or None,
    )


def ahead(cut: Callable[[int], tuple[np.ndarray, ...]], start: int, stop: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Prefetch batches: each is cut in a second thread while the one before it is used.

    Parameters
    ----------
    cut : callable
        Returns the batch of a step, given its number.
    start : int
        First step.
    stop : int
        Step after the last one.

    Yields
    ------
    tuple of ndarray
        Result of `cut` for each step.
    """
    if start >= stop:
        return
    with ThreadPoolExecutor(1) as thread:
        pending = thread.submit(cut, start)
        for step in range(start, stop):
            current = pending.result()
            if step + 1 < stop:
                pending = thread.submit(cut, step + 1)
            yield current
