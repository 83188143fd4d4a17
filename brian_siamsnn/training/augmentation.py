"""Augmentation of training pairs: crops under random transforms, other backgrounds, occlusion, blur and colour.

Images are RGB, uint8, (H, W, 3). Positions (x, y) and boxes (x, y, width, height) are in zero-based pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..crops import SEARCH_SIZE

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["choose_photo_box", "crop", "disturb", "put_before_photo", "random_transform"]


def crop(
    image: np.ndarray,
    centre: npt.ArrayLike,
    transform: npt.ArrayLike,
    size: int,
    displacement: npt.ArrayLike = (0.0, 0.0),
) -> np.ndarray:
    """Cut a square crop in which `centre` of the image is at `displacement` from the centre of the crop.

    Pixel u of the crop shows image position centre + transform (u - (size - 1)/2 - displacement). Positions outside the
    image have its mean colour.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
        The image.
    centre : array_like, shape (2,)
        Position (x, y) in the image, in pixels.
    transform : array_like, shape (2, 2)
        Linear map from crop pixels to image pixels.
    size : int
        Side of the crop, in pixels.
    displacement : array_like, shape (2,)
        Displacement (x, y) in crop pixels; (0, 0) by default.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
        The crop.
    """
    transform = np.asarray(transform, dtype=float)
    origin = np.asarray(centre) - transform @ ((size - 1) / 2 + np.asarray(displacement))
    return cv2.warpAffine(
        image,
        np.column_stack([transform, origin]),
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=cv2.mean(image),
    )


def random_transform(rng: np.random.Generator, stretch: float, turn: float) -> np.ndarray:
    """Draw a random scale, aspect ratio and rotation.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random number generator.
    stretch : float
        Largest logarithm of scale and of aspect ratio.
    turn : float
        Largest rotation, in radians.

    Returns
    -------
    ndarray, shape (2, 2)
        Linear map of pixel positions.
    """
    zoom = np.exp(rng.uniform(-stretch, stretch) + rng.uniform(-stretch, stretch) * np.array([0.5, -0.5]))
    angle = rng.uniform(-turn, turn)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return rotation * zoom


def choose_photo_box(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Choose a random part of a photo as a target.

    Of three random boxes it is the one with the highest contrast, because a uniform area looks the same everywhere.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
        The photo.
    rng : numpy.random.Generator
        Random number generator.

    Returns
    -------
    ndarray, shape (4,)
        The box.
    """
    height, width = image.shape[:2]
    candidates = []
    for _ in range(3):
        largest = 0.4 * min(width, height)
        side = np.exp(rng.uniform(np.log(min(20, largest)), np.log(largest)))
        ratio = np.exp(rng.uniform(-0.35, 0.35))
        size = np.rint([side * ratio, side / ratio])
        corner = np.floor(rng.uniform(0, np.array([width, height]) - size))
        x, y, w, h = np.concatenate([corner, size]).astype(int)
        contrast = cv2.meanStdDev(image[y : y + h, x : x + w])[1].mean()
        candidates.append((contrast, float(x), float(y), float(w), float(h)))
    return np.array(max(candidates)[1:])


def put_before_photo(
    search: np.ndarray, corners: np.ndarray, photo: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Keep a quadrangle of a search crop, with soft edges, and show a random part of a photo around it.

    Parameters
    ----------
    search : ndarray of uint8, shape (255, 255, 3)
        The search crop.
    corners : ndarray, shape (4, 2)
        Corners (x, y) of the quadrangle, in pixels of the crop.
    photo : ndarray of uint8, shape (H, W, 3)
        The photo.
    rng : numpy.random.Generator
        Random number generator.

    Returns
    -------
    ndarray of uint8, shape (255, 255, 3)
        The search crop with its new background.
    """
    height, width = photo.shape[:2]
    side = rng.uniform(0.6, 1.0) * min(width, height)
    centre = np.array([width, height]) / 2 + rng.uniform(-0.5, 0.5, 2) * (np.array([width, height]) - side)
    background = crop(photo, centre, np.eye(2) * side / SEARCH_SIZE, SEARCH_SIZE)
    mask = np.zeros((SEARCH_SIZE, SEARCH_SIZE), np.float32)
    cv2.fillConvexPoly(mask, np.rint(corners).astype(np.int32), 1.0)
    mask = cv2.GaussianBlur(mask, (9, 9), 0)
    return cv2.blendLinear(search, background, mask, 1 - mask)


def disturb(search: np.ndarray, target_size: np.ndarray, shift: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Occlude, blur and recolour a search crop, each with some probability.

    Parameters
    ----------
    search : ndarray of uint8, shape (255, 255, 3)
        The search crop, which is changed in place.
    target_size : ndarray, shape (2,)
        Width and height of the target, in pixels of the crop.
    shift : ndarray, shape (2,)
        Displacement (x, y) of the target from the centre of the crop, in pixels of the crop.
    rng : numpy.random.Generator
        Random number generator.

    Returns
    -------
    ndarray of uint8, shape (255, 255, 3)
        The changed crop.
    """
    if rng.random() < 0.2:
        # another part of the crop hides up to half of the target's width and height
        size = np.maximum(rng.uniform(0.2, 0.5, 2) * target_size, 1).astype(int)
        source = rng.integers(0, SEARCH_SIZE - size)
        corner = SEARCH_SIZE / 2 + shift + rng.uniform(-0.5, 0.5, 2) * target_size - size / 2
        corner = np.clip(corner, 0, SEARCH_SIZE - size).astype(int)
        rows, columns = (slice(corner[i], corner[i] + size[i]) for i in (1, 0))
        search[rows, columns] = search[source[1] : source[1] + size[1], source[0] : source[0] + size[0]].copy()
    if rng.random() < 0.2:
        # motion blur
        length = int(rng.integers(3, 10))
        kernel = np.zeros((length, length), np.float32)
        direction = rng.uniform(-1, 1, 2) * length
        middle = (length - 1) / 2
        ends = np.clip(np.rint([middle - direction, middle + direction]), 0, length - 1).astype(int)
        cv2.line(kernel, tuple(map(int, ends[0])), tuple(map(int, ends[1])), 1.0)
        search = cv2.filter2D(search, -1, kernel / kernel.sum())
    if rng.random() < 0.7:
        gain, offset = rng.uniform(0.8, 1.2, 3), rng.uniform(-15, 15, 3)
        table = np.clip(np.arange(256)[:, None] * gain + offset, 0, 255).astype(np.uint8)
        search = cv2.LUT(search, table.reshape(256, 1, 3))
    return search
