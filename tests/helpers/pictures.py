"""Images, videos and folders of images, written by OpenCV."""

import cv2
import numpy as np


def noise(height, width, channels=3, dtype=np.uint8):
    """Noise, identical in every run."""
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(height * 1000 + width).integers(0, np.iinfo(dtype).max, shape).astype(dtype)


def write_images(folder, names):
    """One gray image per name, with the levels 10, 11, ... in order."""
    folder.mkdir(parents=True, exist_ok=True)
    for level, name in enumerate(names, start=10):
        cv2.imwrite(str(folder / name), np.full((24, 32, 3), level, np.uint8))


def write_otb(folder, numbers, lines, annotation="groundtruth_rect.txt"):
    """A sequence in OTB's layout, with these lines of boxes."""
    write_images(folder / "img", [f"{number:04d}.png" for number in numbers])
    (folder / annotation).write_text("".join(f"{line}\n" for line in lines))
    return folder


def levels(sequence):
    """The gray level of each frame."""
    return [int(frame[0, 0, 0]) for frame in sequence]


def rgb(colour):
    """A colour such as #0072b2 as numbers."""
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
