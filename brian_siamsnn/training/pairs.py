"""Pairs of an exemplar and a search crop, cut from annotated videos and from still photos.

Images are RGB, uint8, (H, W, 3); positions (x, y) and boxes (x, y, width,
height) are zero-based pixels.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from ..crops import EXEMPLAR_SIZE, SEARCH_SIZE, box_centre, exemplar_side
from ..errors import InputError
from ..sequences.annotations import read_boxes

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..aliases import FilePath

__all__ = [
    "Pair",
    "PairSampler",
    "Video",
    "crop",
    "held_out_pairs",
    "read_photos",
    "read_videos",
]

#: Largest displacement of the target from the centre of a search crop (pixels).
MAX_SHIFT = 32
#: Most frames between exemplar and search crop, as in siamfc-pytorch.
MAX_GAP = 100
#: Boxes with a shorter side than this (pixels) show too little to learn from.
MIN_SIDE = 8


class Video(NamedTuple):
    """Frames and boxes of one annotated video; boxes of shape (N, 4), NaN where the target is absent."""

    name: str
    files: tuple[str, ...]
    boxes: np.ndarray


class Pair(NamedTuple):
    """Exemplar (127, 127, 3), search crop (255, 255, 3), and the target's displacement from its centre (pixels)."""

    exemplar: np.ndarray
    search: np.ndarray
    displacement: np.ndarray


def read_videos(folder: FilePath) -> list[Video]:
    """Videos ``folder/NAME/img/*.jpg`` with ``groundtruth_rect.txt``, sorted by name.

    Raises
    ------
    InputError
        When there is none, an annotation file is malformed, or boxes and frames
        differ in number.
    """
    videos = []
    for annotation in sorted(Path(folder).glob("*/groundtruth_rect.txt")):
        files = tuple(str(file) for file in sorted((annotation.parent / "img").glob("*.jpg")))
        boxes = read_boxes(annotation, origin=1)
        if len(boxes) != len(files):
            raise InputError(f"{annotation}: expected a box for each of {len(files)} frames, got {len(boxes)}")
        videos.append(Video(annotation.parent.name, files, boxes))
    if not videos:
        raise InputError(f"{folder}: expected folders with img/*.jpg and groundtruth_rect.txt, found none")
    return videos


def read_photos(folder: FilePath) -> list[str]:
    """Paths of ``folder/*.jpg``, sorted; raises `InputError` when there is none."""
    files = sorted(str(file) for file in Path(folder).glob("*.jpg"))
    if not files:
        raise InputError(f"{folder}: expected photos *.jpg, found none")
    return files


# decoding costs more than cropping; 4096 frames of the usual 480x270 are 1.6 GB
@lru_cache(maxsize=4096)
def _read_image(file):
    image = cv2.imread(file)
    if image is None:
        raise InputError(f"{file}: not an image that OpenCV can decode")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def crop(
    image: np.ndarray,
    centre: npt.ArrayLike,
    transform: npt.ArrayLike,
    size: int,
    displacement: npt.ArrayLike = (0.0, 0.0),
) -> np.ndarray:
    """Square crop with ``centre`` of the image at ``displacement`` from the crop's centre.

    Crop pixel u shows image position centre + transform (u - (size - 1)/2 -
    displacement); what lies outside the image has its mean colour.

    Parameters
    ----------
    image : numpy.ndarray
        Shape (H, W, 3), uint8.
    centre : array_like
        Position (x, y) in the image, pixels.
    transform : array_like
        Shape (2, 2), image pixels per crop pixel.
    size : int
        Side of the crop, pixels.
    displacement : array_like
        (x, y), crop pixels.

    Returns
    -------
    numpy.ndarray
        Shape (size, size, 3), uint8.
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


def _usable(boxes):
    """Indices of boxes that show something; a comparison with NaN is false."""
    return np.flatnonzero((boxes[:, 2:] >= MIN_SIDE).all(axis=1))


def _frame_pair(video, rng):
    """Two usable frame numbers of a video, at most MAX_GAP apart."""
    usable = _usable(video.boxes)
    first = rng.choice(usable)
    return first, rng.choice(usable[np.abs(usable - first) <= MAX_GAP])


def held_out_pairs(videos: list[Video], per_video: int, seed: int = 0) -> list[Pair]:
    """Pairs without augmentation, ``per_video`` of each video, the target displaced by up to MAX_SHIFT.

    Returns
    -------
    list of Pair
    """
    rng = np.random.default_rng(seed)
    pairs = []
    for video in videos:
        for _ in range(per_video):
            first, second = _frame_pair(video, rng)
            shift = rng.uniform(-MAX_SHIFT, MAX_SHIFT, 2)
            crops = []
            for frame, size, displacement in ((first, EXEMPLAR_SIZE, np.zeros(2)), (second, SEARCH_SIZE, shift)):
                box = video.boxes[frame]
                transform = np.eye(2) * exemplar_side(*box[2:]) / EXEMPLAR_SIZE
                crops.append(crop(_read_image(video.files[frame]), box_centre(box), transform, size, displacement))
            exemplar, search = crops
            pairs.append(Pair(exemplar, search, shift))
    return pairs


class PairSampler:
    """Augmented pairs for training: pair number ``index`` is the same whenever it is asked for.

    Half of the pairs are two frames of one video.  The others take a random
    part of a photo as the target of both crops, which are two views of it.
    In a third of the cases another photo is behind that target, or around the
    frame of the video, which is often smaller than the search region.

    Parameters
    ----------
    videos : list of Video
    photos : list of str
    seed : int

    Raises
    ------
    InputError
        When there is no video, or one never shows its target.
    """

    def __init__(self, videos: list[Video], photos: list[str], seed: int) -> None:
        if not videos:
            raise InputError("videos: expected at least one to train on, got none; hold fewer out")
        for video in videos:
            if not len(_usable(video.boxes)):
                raise InputError(f"video {video.name}: no box has sides of at least {MIN_SIDE} pixels")
        self.videos, self.photos, self.seed = videos, photos, seed

    def __call__(self, index: int) -> Pair:
        """Pair number ``index``."""
        rng = np.random.default_rng((self.seed, index))
        shift = rng.uniform(-MAX_SHIFT, MAX_SHIFT, 2)
        mirror = np.diag([rng.choice([-1.0, 1.0]), 1.0])
        from_video = rng.random() < 0.5
        if from_video:
            video = self.videos[rng.integers(len(self.videos))]
            first, second = _frame_pair(video, rng)
            views = [(_read_image(video.files[frame]), video.boxes[frame]) for frame in (first, second)]
            change = _change(rng, stretch=0.05, turn=0.0)
        else:
            image = _read_image(self.photos[rng.integers(len(self.photos))])
            views = [(image, _photo_box(image, rng))] * 2
            change = _change(rng, stretch=0.15, turn=0.2)
        (first, first_box), (second, second_box) = views
        transform = mirror * exemplar_side(*first_box[2:]) / EXEMPLAR_SIZE
        exemplar = crop(first, box_centre(first_box), transform, EXEMPLAR_SIZE)
        transform = change @ mirror * exemplar_side(*second_box[2:]) / EXEMPLAR_SIZE
        search = crop(second, box_centre(second_box), transform, SEARCH_SIZE, shift)
        if rng.random() < 1 / 3:
            # what stays of a video is the frame, of a photo the target alone
            x, y, width, height = (0, 0, *second.shape[1::-1]) if from_video else second_box
            corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) + (x - 0.5, y - 0.5)
            corners = (corners - box_centre(second_box)) @ np.linalg.inv(transform).T + shift + (SEARCH_SIZE - 1) / 2
            search = self._before_another_photo(search, corners, rng)
        search = _disturb(search, second_box[2:] / np.sqrt(abs(np.linalg.det(transform))), shift, rng)
        if rng.random() < 0.25:
            exemplar, search = (
                cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
                for image in (exemplar, search)
            )
        return Pair(exemplar, search, shift)

    def _before_another_photo(self, search, corners, rng):
        """Keep the quadrangle ``corners`` (4, 2), with soft edges, before a random part of another photo."""
        photo = _read_image(self.photos[rng.integers(len(self.photos))])
        height, width = photo.shape[:2]
        side = rng.uniform(0.6, 1.0) * min(width, height)
        centre = np.array([width, height]) / 2 + rng.uniform(-0.5, 0.5, 2) * (np.array([width, height]) - side)
        background = crop(photo, centre, np.eye(2) * side / SEARCH_SIZE, SEARCH_SIZE)
        mask = np.zeros((SEARCH_SIZE, SEARCH_SIZE), np.float32)
        cv2.fillConvexPoly(mask, np.rint(corners).astype(np.int32), 1.0)
        mask = cv2.GaussianBlur(mask, (9, 9), 0)
        return cv2.blendLinear(search, background, mask, 1 - mask)


def _change(rng, stretch, turn):
    """Random scale and aspect of up to ``stretch`` (log) and rotation of up to ``turn`` (radians), shape (2, 2)."""
    zoom = np.exp(rng.uniform(-stretch, stretch) + rng.uniform(-stretch, stretch) * np.array([0.5, -0.5]))
    angle = rng.uniform(-turn, turn)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return rotation * zoom


def _photo_box(image, rng):
    """Random part of a photo as a box: the one of three with most contrast, because a plain part is found anywhere."""
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


def _disturb(search, target_size, shift, rng):
    """Occlude, blur and recolour a search crop, each with some probability.

    ``target_size`` (width, height) and ``shift`` are in pixels of the crop.
    """
    if rng.random() < 0.2:
        # something from elsewhere in the crop hides up to half of the target's width and height
        size = np.maximum(rng.uniform(0.2, 0.5, 2) * target_size, 1).astype(int)
        source = rng.integers(0, SEARCH_SIZE - size)
        place = SEARCH_SIZE / 2 + shift + rng.uniform(-0.5, 0.5, 2) * target_size - size / 2
        place = np.clip(place, 0, SEARCH_SIZE - size).astype(int)
        rows, columns = (slice(place[i], place[i] + size[i]) for i in (1, 0))
        search[rows, columns] = search[source[1] : source[1] + size[1], source[0] : source[0] + size[0]].copy()
    if rng.random() < 0.2:
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
