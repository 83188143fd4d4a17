"""Image files: reading one as 8-bit RGB, and those of a folder in order."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..aliases import FilePath

__all__ = ["IMAGE_SUFFIXES", "image_files", "read_image", "read_images", "used_bits"]

#: Suffixes of the files that are frames in a folder.
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}

#: Images of a folder that are looked at to find how many bits its data have.
_SAMPLES = 5


def read_image(path: FilePath, bits: int = 16) -> np.ndarray:
    """Read an image file.

    Parameters
    ----------
    path : path-like
        File in any format that OpenCV decodes, with 8 or 16 bits a channel.
    bits : int
        Bits that the data in a file of 16 bits have, 8 to 16; 16 by default. Of
        a 12-bit camera the largest number is 4095, which becomes 255 with 12.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        The image, with the channels R, G, B.

    Raises
    ------
    InputError
        If the file cannot be read or decoded, is a truncated JPEG, or has
        numbers of another type.
    """
    image = _decode(path)
    if image.dtype == np.uint16:
        image = np.minimum(image >> (bits - 8), 255).astype(np.uint8)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def read_images(paths: Sequence[FilePath]) -> Iterator[np.ndarray]:
    """Read image files one at a time, all with the same number of bits.

    Parameters
    ----------
    paths : sequence of path-like
        The files, in order.

    Yields
    ------
    ndarray of uint8, shape (H, W, 3)
        Each image, with the channels R, G, B.

    Raises
    ------
    InputError
        If a file cannot be read, when it is reached.
    """
    bits = used_bits(paths)
    for path in paths:
        yield read_image(path, bits)


def used_bits(paths: Sequence[FilePath]) -> int:
    """Find how many bits the data in files of 16 bits a channel have.

    Cameras with 10, 12 or 14 bits are stored in 16, with the upper ones zero.

    Parameters
    ----------
    paths : sequence of path-like
        The files of a sequence, of which a few are read.

    Returns
    -------
    int
        8, 10, 12, 14 or 16; 16 if the files have 8 bits a channel.
    """
    largest = 0
    for k in sorted({round(k) for k in np.linspace(0, len(paths) - 1, _SAMPLES)} if paths else ()):
        try:
            image = _decode(paths[k])
        except InputError:  # raised again when the sequence reaches it
            continue
        if image.dtype != np.uint16:
            return 16
        largest = max(largest, int(image.max()))
    return max(8, largest.bit_length() + largest.bit_length() % 2) if largest else 16


def _decode(path):
    """Return the pixels of an image file, B, G, R, as uint8 or uint16."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: expected an image, but it cannot be read ({reason})") from None
    # OpenCV fills the missing part of a truncated JPEG with gray, and only warns on stderr
    truncated = data.startswith(b"\xff\xd8") and _is_truncated(data)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    try:
        image = None if truncated or not data else cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # the header declares more pixels than OpenCV accepts
        image = None
    if image is None:
        problem = "are truncated" if truncated else "cannot be decoded"
        raise InputError(f"{path}: expected an image, but its {len(data)} bytes {problem}; replace or remove the file")
    if image.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{path}: expected an image of 8 or 16 bits a channel, got {image.dtype}; convert it")
    return image


def _is_truncated(jpeg):
    """Whether a JPEG has no end-of-image marker after its start of scan; an embedded thumbnail has one before it."""
    position = 2
    while position + 4 <= len(jpeg) and jpeg[position] == 0xFF and jpeg[position + 1] != 0xDA:
        is_fill_byte = jpeg[position + 1] == 0xFF  # any number of these may precede a marker
        position += 1 if is_fill_byte else 2 + int.from_bytes(jpeg[position + 2 : position + 4], "big")
    return b"\xff\xd9" not in jpeg[position:]


def image_files(folder: FilePath) -> list[Path]:
    """Find the images of a folder, in natural order: 2.jpg before 10.jpg, and t1.25.jpg before t1.5.jpg.

    Parameters
    ----------
    folder : path-like
        The folder.

    Returns
    -------
    list of Path
        Its images; none if there are none. Hidden files are left out.

    Raises
    ------
    InputError
        If two images have the same number, such as a frame and its mask, because
        both kinds would be taken for frames in turn.
    """
    paths = [path for path in Path(folder).iterdir() if _is_image(path)]
    by_number: dict[tuple[int, ...], Path] = {}
    for path in sorted(paths):
        number = tuple(int(digits) for digits in re.findall(r"\d+", path.stem))
        other = by_number.setdefault(number, path)
        if number and other is not path:
            raise InputError(
                f"{folder}: expected one image for each number, got {other.name} and {path.name}; move those that are "
                "not frames, such as masks or a second camera's, to another folder"
            )
    decimals = [re.fullmatch(r"(.*?)(\d+)\.(\d+)", path.stem) for path in paths]
    if _are_decimal(decimals):
        return sorted(paths, key=lambda path: Decimal(re.findall(r"\d+\.\d+", path.stem)[-1]))
    return sorted(paths, key=_natural_order)


def _is_image(path):
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and not path.is_dir()


def _are_decimal(numbers):
    """Whether 1.5 and 1.25 in names are decimal numbers, such as times, rather than two counters.

    A counter with several digits reaches 10, whereas a decimal number is written without zeros at its end.
    """
    if not all(numbers) or len({number[1] for number in numbers}) != 1:
        return False
    fractions = [number[3] for number in numbers]
    return len(set(map(len, fractions))) > 1 and not any(len(f) > 1 and f.endswith("0") for f in fractions)


def _natural_order(path):
    return [(int(part), part) if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", path.name)]
