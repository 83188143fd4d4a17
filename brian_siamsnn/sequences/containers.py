"""What the container of a video says about its number of frames.

FFmpeg estimates the number where the file does not state it: duration times rate, where the duration is that of the
longest track. With sound that outlasts the picture this is too many.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

    from ..aliases import FilePath

__all__ = ["is_cut_matroska", "states_frame_count"]

_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}
_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067


def states_frame_count(path: FilePath) -> bool:
    """Whether a video file states the number of its frames.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    bool
        True for MP4 and QuickTime without fragments and for AVI; False for all
        others, such as Matroska, WebM and MPEG transport streams.
    """
    with open(path, "rb") as file:
        head = file.read(12)
        if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
            return True
        return head[4:8] in _BOXES and not _is_fragmented(file)


def _is_fragmented(file: BinaryIO) -> bool:
    """Whether an MP4 file is in fragments, each with some of the frames."""
    position, end = 0, file.seek(0, os.SEEK_END)
    while position + 8 <= end:
        file.seek(position)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if head[4:8] == b"moof":
            return True
        if size < 8:  # up to the end of the file, or damaged
            return False
        position += size
    return False


def is_cut_matroska(path: FilePath) -> bool:
    """Whether a Matroska or WebM file ends before the size that it states.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    bool
        True if bytes are missing at its end. False for any other file, and if
        the size is unknown, as in a live recording.
    """
    with open(path, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(0)
        if _number(file, keep_marker=True) != _EBML:
            return False
        header = _number(file)
        if header is None:
            return False
        file.seek(header, os.SEEK_CUR)
        if _number(file, keep_marker=True) != _SEGMENT:
            return False
        size = _number(file)
        return size is not None and file.tell() + size > end


def _number(file, keep_marker=False):
    """Read a number of variable length of EBML; None if it is unknown or missing."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    value = int.from_bytes(first + file.read(length - 1), "big")
    if keep_marker:
        return value
    largest = (1 << 7 * length) - 1  # all ones: unknown
    return None if value & largest == largest else value & largest
