"""Invalid files and values of many kinds, for `fuzz.targets`."""

import copy
from pathlib import Path

import cv2
import numpy as np
from hypothesis import strategies as st

from tests.helpers.pictures import noise

NUMBERS = st.one_of(
    st.sampled_from([0, -0.0, 1, -1, 1e-320, 1e-30, 0.5, 1e7, 1e8, 1e30, 1e308, -1e308, np.inf, -np.inf, np.nan]),
    st.floats(),
    st.floats(-50, 400),
    st.integers(-(2**65), 2**65),
)

#: All values that JSON can hold.
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def damaged(draw, content):
    """Bytes that were truncated, altered, duplicated or replaced at some position."""
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(content)))
        match draw(st.sampled_from(["cut", "flip", "remove", "insert", "repeat", "zero", "replace"])):
            case "cut":
                content = content[:place]
            case "flip" if place < len(content):
                content = content[:place] + bytes([content[place] ^ draw(st.integers(1, 255))]) + content[place + 1 :]
            case "remove":
                content = content[:place] + content[place + draw(st.integers(1, 64)) :]
            case "insert":
                content = content[:place] + draw(st.binary(max_size=40)) + content[place:]
            case "repeat":
                content = content[:place] + content[place // 2 :]
            case "zero":
                content = content[:place] + bytes(len(content[place : place + 32])) + content[place + 32 :]
            case "replace":
                content = draw(st.sampled_from([b"", b"\0", b"PK\x03\x04", b"\xff\xd8\xff", b"\x80\x02}q\x00."]))
    return content


def leaves(table, before=()):
    """Paths of all values in nested dictionaries and lists."""
    items = table.items() if isinstance(table, dict) else enumerate(table)
    for key, value in items:
        yield (*before, key)
        if isinstance(value, dict | list):
            yield from leaves(value, (*before, key))


@st.composite
def altered(draw, table, values=PLAIN):
    """A copy of nested dictionaries with up to three values removed or replaced."""
    table = copy.deepcopy(table)
    for _ in range(draw(st.integers(1, 3))):
        places = list(leaves(table))
        if not places:
            break
        *outer, last = draw(st.sampled_from(places))
        inner = table
        for key in outer:
            inner = inner[key]
        if isinstance(inner, dict) and draw(st.integers(0, 4)) == 0:
            del inner[last]
        else:
            inner[last] = draw(values)
    return table


@st.composite
def image_files(draw):
    """Extension and bytes of an image: gray, colour, with alpha, 16-bit, tiny, intact or damaged."""
    ending = draw(st.sampled_from([".png", ".jpg", ".bmp", ".tif", ".webp"]))
    deep = ending in (".png", ".tif") and draw(st.booleans())
    side = draw(st.sampled_from([1, 2, 7, 24]))
    picture = noise(
        side, draw(st.sampled_from([1, 3, 32])), draw(st.sampled_from([1, 3, 4])), np.uint16 if deep else np.uint8
    )
    content = cv2.imencode(ending, picture)[1].tobytes()
    return ending, draw(damaged(content)) if draw(st.booleans()) else content


def video(path, frames=12, size=(48, 64), codec="mp4v", fps=25):
    """Write a small video of noise."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, size[::-1])
    for k in range(frames):
        writer.write(np.roll(noise(*size), k, axis=1))
    writer.release()
    return Path(path).read_bytes()
