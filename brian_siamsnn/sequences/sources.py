"""Opens anything that can be tracked, with one function.

A source is a video file, a stream, a camera, a folder of images, a benchmark
sequence, or ``"synthetic"``. Folders are recognised by their contents:

==============  ========================================  =======================================
source          images in                                 ground truth
==============  ========================================  =======================================
OTB folder      ``img/``                                  ``groundtruth_rect.txt``, one-based
VOT folder      ``color/``, ``imgs/`` or the folder       ``groundtruth.txt``, polygons or boxes
GOT-10k folder  the folder                                ``groundtruth.txt``, boxes
image folder    ``img/``, ``color/``, ``imgs/`` or the    none
                folder
==============  ========================================  =======================================

An OTB folder with two targets has ``groundtruth_rect.1.txt`` and
``groundtruth_rect.2.txt``; ``Jogging-2`` (or ``Jogging.2``, ``Jogging_2``) is the
second target of the folder ``Jogging``. Frames outside OTB's evaluated range
(`otb.FRAME_WINDOWS`) are dropped. An annotation file with a single line gives the
box of the first frame only.
"""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError, InputWarning
from ..files import printable
from .annotations import read_boxes
from .captures import camera_sequence, is_stream, pipe_sequence, stream_sequence, video_sequence
from .frames import Sequence, image_sequence
from .images import IMAGE_SUFFIXES, image_files, read_image
from .otb import ATTRIBUTES, FRAME_WINDOWS, canonical
from .synthetic import SyntheticSequence

if TYPE_CHECKING:
    from ..aliases import FilePath

__all__ = ["Sequence", "folder_name", "open_sequence"]

_IMAGE_FOLDERS = ("img", "color", "imgs")
_OTB_BOXES = "groundtruth_rect.txt"
#: A folder has no number of a target.
_OTB_FOLDERS = {name.partition("-")[0] for name in ATTRIBUTES}


def open_sequence(source: FilePath | int) -> Sequence:
    """Open a source of frames.

    Parameters
    ----------
    source : str, path-like or int
        Path to a video file or a folder, address of a stream
        (``"rtsp://camera/1"``), ``"-"`` for the standard input, index of a
        camera (``0`` or ``"0"``), or ``"synthetic"``.

    Returns
    -------
    Sequence
        The frames, with the ground truth if there is any.

    Raises
    ------
    InputError
        If the source does not exist or holds no frames, or if its annotations
        are malformed or do not match its frames.
    """
    text = os.fspath(source) if isinstance(source, os.PathLike) else str(source)
    path = Path(text)
    if text == "synthetic":
        return SyntheticSequence()
    if text == "-":
        return pipe_sequence()
    if is_stream(text):
        return stream_sequence(text)
    # os.path.exists returns False where Path.exists raises: for too long a name, or in an unreadable folder
    exists = text and os.path.exists(path)
    if isinstance(source, int) or (re.fullmatch("[0-9]{1,9}", text) and not exists):
        return camera_sequence(int(text))
    if exists and path.is_dir():
        try:
            return _open_folder(path)
        except OSError as error:
            raise InputError(f"{text}: expected a readable folder, but it cannot be read ({error.strerror})") from None
    if exists and path.suffix.lower() in IMAGE_SUFFIXES:
        raise InputError(f"{path}: expected a video or a folder, got one image; give its folder, {path.parent}")
    if exists and path.suffix.lower() == ".safetensors":
        raise InputError(f"{path}: expected a video or a folder, got a model file; give it as --model {path}")
    if exists and path.is_fifo():
        return pipe_sequence(path)
    if exists:
        return video_sequence(path)
    target = re.fullmatch(r"(.+)[-._](\d)", path.name)
    if target:
        annotation = path.parent / target[1] / f"groundtruth_rect.{target[2]}.txt"
        if os.path.isfile(annotation):
            return _open_otb(annotation.parent, annotation)
    raise InputError(
        f"{text or repr(text)}: expected a video file, a folder of images, the folder of a benchmark sequence, an "
        "address such as rtsp://..., - for the standard input, a camera index, or 'synthetic'; no such file or folder"
    )


def folder_name(folder: FilePath) -> str:
    """Name of a sequence in a folder, as text.

    Parameters
    ----------
    folder : str or path
        The folder, or a link to it.

    Returns
    -------
    str
        The folder's name, or the link's. Where only the target of a link has the name of an OTB sequence, that name,
        which stands for the sequence's window and attributes.
    """
    name, target = (printable(Path(path).name) for path in (os.path.abspath(folder), os.path.realpath(folder)))
    return target if canonical(name) not in _OTB_FOLDERS and canonical(target) in _OTB_FOLDERS else name


def _open_folder(folder):
    if (folder / _OTB_BOXES).is_file():
        return _open_otb(folder, folder / _OTB_BOXES)
    # Human4 comes with an empty file for its first target
    targets = [path for path in sorted(folder.glob("groundtruth_rect.[0-9].txt")) if path.stat().st_size]
    if len(targets) > 1:
        given = os.path.abspath(folder)
        choices = " or ".join(f"{given}-{path.name.split('.')[1]}" for path in targets)
        raise InputError(f"{folder}: expected one target, got {len(targets)}; give {choices}")
    if targets:
        return _open_otb(folder, targets[0])
    images = _images(folder)
    annotation = folder / "groundtruth.txt"
    boxes = _box_per_image(read_boxes(annotation), images, annotation) if annotation.is_file() else None
    return image_sequence(folder_name(folder), images, boxes=boxes)


def _open_otb(folder, annotation):
    name = _otb_name(annotation)
    images = _images(folder)
    boxes = read_boxes(annotation, origin=1)
    first, last = FRAME_WINDOWS.get(canonical(folder_name(folder)), (-np.inf, np.inf))
    inside = np.array([first <= _file_number(path) <= last for path in images])
    if inside.any():
        # depending on the copy of the data set, the annotations cover the window or all images
        if len(boxes) == len(images):
            boxes = boxes[inside]
        images = [path for path, kept in zip(images, inside, strict=True) if kept]
    boxes = _box_per_image(boxes, images, annotation)
    return image_sequence(name, images, boxes=boxes, attributes=ATTRIBUTES.get(canonical(name), ()))


def _otb_name(annotation):
    """Name in the benchmark's tables: the folder's name, plus -1 or -2 if it has two targets."""
    target = annotation.name.split(".")[1]
    return folder_name(annotation.parent) + (f"-{target}" if target.isdecimal() else "")


def _images(folder):
    """Image files of a sequence in natural order, from the usual subfolders or the folder itself."""
    for candidate in [*(folder / name for name in _IMAGE_FOLDERS), folder]:
        if candidate.is_dir():
            images = image_files(candidate)
            if images:
                return images
    raise InputError(
        f"{folder}: expected images ({', '.join(sorted(IMAGE_SUFFIXES))}) in it or in its img/, color/ or imgs/, "
        "found none; give the folder of one sequence"
    )


def _file_number(path):
    numbers = re.findall(r"\d+", path.stem)
    return int(numbers[-1]) if numbers else 0


def _box_per_image(boxes, images, annotation):
    if len(boxes) == 1:
        boxes = np.concatenate([boxes, np.full((len(images) - 1, 4), np.nan)])
    if len(boxes) != len(images):
        raise InputError(
            f"{annotation}: expected one line for each of the {len(images)} images, got {len(boxes)}; remove the "
            "surplus, or write NaN,NaN,NaN,NaN for frames without a box"
        )
    _check_corners(boxes, images[0], annotation)
    return boxes


def _check_corners(boxes, image, annotation):
    """Warn if boxes look like two corners: they leave the frame, whereas the corners would be inside and in order."""
    boxes = boxes[~np.isnan(boxes).any(axis=1)]
    if not len(boxes):
        return
    try:
        height, width = read_image(image).shape[:2]
    except InputError:  # raised again when the sequence reaches it
        return
    x, y, third, fourth = boxes.T
    # a pixel more, because some annotations count from 1
    leave = (x + third > width + 1) | (y + fourth > height + 1)
    corners = (third > x) & (fourth > y) & (third <= width + 1) & (fourth <= height + 1)
    if leave.mean() > 0.5 and corners.all():
        warnings.warn(
            f"{annotation}: {leave.sum()} of {len(boxes)} boxes leave the frame of {width} x {height} pixels; they are "
            "read as x, y, width, height, but look like the corners x1, y1, x2, y2: subtract the first from the second",
            InputWarning,
            stacklevel=2,
        )
