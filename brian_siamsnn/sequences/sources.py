"""Everything that a tracker can be shown, behind one function.

A source is a video file, a camera, a folder of images, a sequence of a
benchmark, or ``"synthetic"``:

==============  ======================================  =========================================
source          images                                  true boxes
==============  ======================================  =========================================
OTB folder      ``img/``                                ``groundtruth_rect.txt``, 1-based
VOT folder      ``color/``, ``imgs/`` or the folder     ``groundtruth.txt``, polygons or boxes
GOT-10k folder  the folder                              ``groundtruth.txt``, boxes
image folder    the folder, ``img/``, ``imgs/``,        none
                ``color/``
==============  ======================================  =========================================

OTB folders with two targets have ``groundtruth_rect.1.txt`` and ``.2.txt``;
``Jogging-2`` (or ``Jogging.2``, ``Jogging_2``) is the second target of the
folder ``Jogging``.  Frame windows are those of `otb`.
An annotation file of a single line gives the first box only.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .annotations import read_boxes
from .frames import Sequence, camera_sequence, image_sequence, video_sequence
from .otb import ATTRIBUTES, FRAME_WINDOWS
from .synthetic import SyntheticSequence

if TYPE_CHECKING:
    from ..aliases import FilePath

__all__ = ["Sequence", "open_sequence"]

_IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp"}
_IMAGE_FOLDERS = ("img", "color", "imgs")
_OTB_BOXES = "groundtruth_rect.txt"


def open_sequence(source: FilePath | int) -> Sequence:
    """Open a source of frames.

    Parameters
    ----------
    source : str, path-like or int
        A path to a video file or a folder, the index of a camera (``0`` or
        ``"0"``), or ``"synthetic"``.

    Returns
    -------
    Sequence

    Raises
    ------
    InputError
        If there is no such source, it holds no frames, or its annotations are
        malformed or do not go with its frames.
    """
    text = os.fspath(source) if isinstance(source, os.PathLike) else str(source)
    path = Path(text)
    if text == "synthetic":
        return SyntheticSequence()
    # os.path says no where Path raises: a name that is too long, a folder that may not be read
    there = text and os.path.exists(path)
    if isinstance(source, int) or (re.fullmatch("[0-9]{1,9}", text) and not there):
        return camera_sequence(int(text))
    if there and path.is_dir():
        try:
            return _open_folder(path)
        except OSError as error:
            raise InputError(f"{text}: expected a folder that can be read, but {error.strerror}") from None
    if there and path.suffix.lower() in _IMAGE_SUFFIXES:
        raise InputError(f"{path}: expected a video or a folder, got one image; give its folder, {path.parent}")
    if there and path.is_fifo():
        raise InputError(f"{path}: expected a video file, got a pipe, which can be read once only; write it to a file")
    if there:
        return video_sequence(path)
    target = re.fullmatch(r"(.+)[-._](\d)", path.name)
    if target:
        annotation = path.with_name(target[1]) / f"groundtruth_rect.{target[2]}.txt"
        if os.path.isfile(annotation):
            return _open_otb(annotation.parent, annotation)
    raise InputError(
        f"{text or repr(text)}: expected a video file, a folder of images or of a benchmark sequence, the index of a "
        "camera, or 'synthetic'; there is nothing of that name"
    )


def _open_folder(folder):
    if (folder / _OTB_BOXES).is_file():
        return _open_otb(folder, folder / _OTB_BOXES)
    # Human4 comes with an empty file for its first target
    targets = [path for path in sorted(folder.glob("groundtruth_rect.[0-9].txt")) if path.stat().st_size]
    if len(targets) > 1:
        choices = " or ".join(_otb_name(path) for path in targets)
        raise InputError(f"{folder}: expected one target, got {len(targets)}; give {folder.parent / choices}")
    if targets:
        return _open_otb(folder, targets[0])
    images = _images(folder)
    annotation = folder / "groundtruth.txt"
    boxes = _one_each(read_boxes(annotation), images, annotation) if annotation.is_file() else None
    return image_sequence(folder.resolve().name, images, boxes=boxes)


def _open_otb(folder, annotation):
    name = _otb_name(annotation)
    images = _images(folder)
    boxes = read_boxes(annotation, origin=1)
    first, last = FRAME_WINDOWS.get(folder.resolve().name, (-np.inf, np.inf))
    inside = np.array([first <= _number(path) <= last for path in images])
    if inside.any():
        # the annotations cover the window or all images, depending on where the copy comes from
        if len(boxes) == len(images):
            boxes = boxes[inside]
        images = [path for path, kept in zip(images, inside, strict=True) if kept]
    boxes = _one_each(boxes, images, annotation)
    return image_sequence(name, images, boxes=boxes, attributes=ATTRIBUTES.get(name, ()))


def _otb_name(annotation):
    """Name as in the benchmark's tables: the folder's, with -1 or -2 where it holds two targets."""
    target = annotation.name.split(".")[1]
    return annotation.parent.resolve().name + (f"-{target}" if target.isdecimal() else "")


def _images(folder):
    """Images of a folder, or of the one in it that the benchmarks use, in natural order."""
    for place in [*(folder / name for name in _IMAGE_FOLDERS), folder]:
        if place.is_dir():
            images = [
                p
                for p in place.iterdir()
                if p.suffix.lower() in _IMAGE_SUFFIXES and not p.name.startswith(".") and not p.is_dir()
            ]
            if images:
                return sorted(images, key=_natural)
    raise InputError(
        f"{folder}: expected images ({', '.join(sorted(_IMAGE_SUFFIXES))}) in it or in its img/, color/ or imgs/, "
        "found none; give the folder of one sequence"
    )


def _natural(path):
    """Sort key that puts 2.jpg before 10.jpg."""
    return [(int(part), part) if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", path.name)]


def _number(path):
    numbers = re.findall(r"\d+", path.stem)
    return int(numbers[-1]) if numbers else 0


def _one_each(boxes, images, annotation):
    if len(boxes) == 1:
        boxes = np.concatenate([boxes, np.full((len(images) - 1, 4), np.nan)])
    if len(boxes) != len(images):
        raise InputError(
            f"{annotation}: expected one line for each of the {len(images)} images, got {len(boxes)}; "
            "remove what has no partner, or write NaN,NaN,NaN,NaN for frames without a box"
        )
    return boxes
