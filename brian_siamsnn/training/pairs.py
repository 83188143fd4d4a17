"""Pairs of an exemplar and a search crop, cut from annotated videos, from tracks of people and from photos.

Images are RGB, uint8, (H, W, 3). Positions (x, y) and boxes (x, y, width, height) are in zero-based pixels.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from ..crops import EXEMPLAR_SIZE, SEARCH_SIZE, box_centre, exemplar_side
from ..errors import InputError
from ..sequences.annotations import read_boxes
from ..sequences.images import read_image
from .augmentation import choose_photo_box, crop, disturb, put_before_photo, random_transform

if TYPE_CHECKING:
    from ..aliases import FilePath

__all__ = ["Pair", "PairSampler", "Video", "held_out_pairs", "read_photos", "read_videos"]

#: Shares of pairs whose target is from a video, from a track and from a photo.
SHARES = (0.35, 0.25, 0.4)

#: Largest displacement of the target from the centre of a search crop, in pixels.
MAX_SHIFT = 32
#: Largest number of frames between exemplar and search crop, as in siamfc-pytorch.
MAX_GAP = 100
#: Boxes with a shorter side, in pixels, are not used, because they show too little to learn from.
MIN_SIDE = 8


class Video(NamedTuple):
    """Frames and boxes of an annotated video.

    Attributes
    ----------
    name : str
        Name of its folder.
    files : tuple of str
        Paths of the frames, in order.
    boxes : ndarray, shape (N, 4)
        Box of the target in each frame; NaN where it is absent.
    """

    name: str
    files: tuple[str, ...]
    boxes: np.ndarray

    @property
    def scene(self) -> str:
        """What it shares with videos of other targets at the same place: its name without ``_012`` or ``_b``."""
        return re.sub(r"_(\d+|[a-z])$", "", self.name)


class Pair(NamedTuple):
    """An exemplar and a search crop of the same target.

    Attributes
    ----------
    exemplar : ndarray of uint8, shape (127, 127, 3)
        Exemplar crop, centred on the target.
    search : ndarray of uint8, shape (255, 255, 3)
        Search crop.
    displacement : ndarray, shape (2,)
        Displacement (x, y) of the target from the centre of the search crop, in pixels.
    target : int
        Number of the target: pairs with the same number show the same one. Targets of photos have negative numbers.
    """

    exemplar: np.ndarray
    search: np.ndarray
    displacement: np.ndarray
    target: int


def read_videos(folder: FilePath) -> list[Video]:
    """Find annotated videos, ``NAME/img/*.jpg`` with ``NAME/groundtruth_rect.txt``.

    Parameters
    ----------
    folder : str or path
        Folder of the videos.

    Returns
    -------
    list of Video
        The videos, sorted by name.

    Raises
    ------
    InputError
        If there are none, an annotation file is malformed, or the number of boxes differs from that of frames.
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
    """Find photos, ``*.jpg``.

    Parameters
    ----------
    folder : str or path
        Folder of the photos.

    Returns
    -------
    list of str
        Paths, sorted.

    Raises
    ------
    InputError
        If there are none.
    """
    files = sorted(str(file) for file in Path(folder).glob("*.jpg"))
    if not files:
        raise InputError(f"{folder}: expected photos *.jpg, found none")
    return files


# decoding costs more than cropping; 4096 frames of the usual 480x270 are 1.6 GB
_read_image = lru_cache(maxsize=4096)(read_image)


def _usable(boxes):
    """Return the indices of boxes that are large enough; NaN compares as too small."""
    return np.flatnonzero((boxes[:, 2:] >= MIN_SIDE).all(axis=1))


def _frame_pair(video, rng):
    """Choose two frames of a video with usable boxes, at most MAX_GAP apart."""
    usable = _usable(video.boxes)
    first = rng.choice(usable)
    return first, rng.choice(usable[np.abs(usable - first) <= MAX_GAP])


def held_out_pairs(videos: list[Video], per_video: int, seed: int = 0) -> list[Pair]:
    """Create pairs without augmentation, with targets displaced by up to `MAX_SHIFT`.

    Parameters
    ----------
    videos : list of Video
        The videos.
    per_video : int
        Number of pairs per scene, drawn from its videos in turn.
    seed : int
        Seed of frames and displacements; 0 by default.

    Returns
    -------
    list of Pair
        The pairs, scene by scene.
    """
    rng = np.random.default_rng(seed)
    scenes: dict[str, list[tuple[int, Video]]] = {}
    for number, video in enumerate(videos):
        scenes.setdefault(video.scene, []).append((number, video))
    return [_plain_pair(*members[k % len(members)], rng) for members in scenes.values() for k in range(per_video)]


def _plain_pair(number, video, rng):
    """A pair without augmentation."""
    first, second = _frame_pair(video, rng)
    shift = rng.uniform(-MAX_SHIFT, MAX_SHIFT, 2)

    def shown(frame, size, displacement):
        box = video.boxes[frame]
        transform = np.eye(2) * exemplar_side(*box[2:]) / EXEMPLAR_SIZE
        return crop(_read_image(video.files[frame]), box_centre(box), transform, size, displacement)

    return Pair(shown(first, EXEMPLAR_SIZE, np.zeros(2)), shown(second, SEARCH_SIZE, shift), shift, number)


class PairSampler:
    """Augmented pairs for training; a pair depends on its number and the seed only.

    The target of a pair is from a video (35 %), a track (25 %) or a photo (40 %), of which a random part is shown in
    two different views. In a third of all pairs another photo is put behind the target of a photo, or around the frame
    of a video, which is often smaller than the search region.

    Pairs 2k and 2k + 1 are a couple: if they show tracks, they show two people of the same scene, so that each is a
    hard negative for the exemplar of the other.

    Parameters
    ----------
    videos : list of Video
        Videos to train on.
    tracks : list of Video
        Tracks of people, see `Video.scene`. Without any, their share is that of the videos.
    photos : list of str
        Paths of photos.
    seed : int
        Seed of all random choices.

    Raises
    ------
    InputError
        If there are no videos, or a video has no usable box.
    """

    def __init__(self, videos: list[Video], tracks: list[Video], photos: list[str], seed: int) -> None:
        if not videos:
            raise InputError("videos: expected at least one to train on, got none; hold out fewer")
        for video in (*videos, *tracks):
            if not len(_usable(video.boxes)):
                raise InputError(f"video {video.name}: no box has sides of at least {MIN_SIDE} pixels")
        self.videos, self.tracks, self.photos, self.seed = videos, tracks, photos, seed

    def __call__(self, index: int) -> Pair:
        """Create a pair.

        Parameters
        ----------
        index : int
            Number of the pair.

        Returns
        -------
        Pair
            The pair.
        """
        rng = np.random.default_rng((self.seed, index))
        shift = rng.uniform(-MAX_SHIFT, MAX_SHIFT, 2)
        mirror = np.diag([rng.choice([-1.0, 1.0]), 1.0])
        target = self._target(index, rng)
        if target >= 0:
            video = (*self.videos, *self.tracks)[target]
            first, second = _frame_pair(video, rng)
            views = [(_read_image(video.files[frame]), video.boxes[frame]) for frame in (first, second)]
            change = random_transform(rng, stretch=0.05, turn=0.0)
        else:
            image = self._random_photo(rng)
            views = [(image, choose_photo_box(image, rng))] * 2
            change = random_transform(rng, stretch=0.15, turn=0.2)
        (first, first_box), (second, second_box) = views
        transform = mirror * exemplar_side(*first_box[2:]) / EXEMPLAR_SIZE
        exemplar = crop(first, box_centre(first_box), transform, EXEMPLAR_SIZE)
        transform = change @ mirror * exemplar_side(*second_box[2:]) / EXEMPLAR_SIZE
        search = crop(second, box_centre(second_box), transform, SEARCH_SIZE, shift)
        if rng.random() < 1 / 3:
            # of a video the whole frame is kept, of a photo only the target
            x, y, width, height = (0, 0, *second.shape[1::-1]) if target >= 0 else second_box
            corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) + (x - 0.5, y - 0.5)
            corners = (corners - box_centre(second_box)) @ np.linalg.inv(transform).T + shift + (SEARCH_SIZE - 1) / 2
            search = put_before_photo(search, corners, self._random_photo(rng), rng)
        search = disturb(search, second_box[2:] / np.sqrt(abs(np.linalg.det(transform))), shift, rng)
        if rng.random() < 0.25:
            exemplar, search = (
                cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
                for image in (exemplar, search)
            )
        return Pair(exemplar, search, shift, target)

    def _target(self, index, rng):
        """Number of the target: a video, a track after all videos, or negative for a photo."""
        couple, second = divmod(index, 2)
        of_couple = np.random.default_rng((self.seed, 2, couple))
        kind = of_couple.choice(3, p=SHARES)
        if kind == 2:
            return -1 - index
        if kind == 0 or not self.tracks:
            return int(rng.integers(len(self.videos)))
        one = int(of_couple.integers(len(self.tracks)))
        others = [k for k, track in enumerate(self.tracks) if track.scene == self.tracks[one].scene and k != one]
        # a scene may have one track only
        chosen = int(of_couple.choice(others)) if second and others else one
        return len(self.videos) + chosen

    def _random_photo(self, rng):
        return _read_image(self.photos[rng.integers(len(self.photos))])
