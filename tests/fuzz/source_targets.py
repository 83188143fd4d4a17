"""Fuzz targets for frames and boxes: annotations, images, folders and videos."""

import functools
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from brian_siamsnn.sequences.annotations import read_boxes
from brian_siamsnn.sequences.images import read_image
from brian_siamsnn.sequences.sources import open_sequence

from .files import NUMBERS, damaged, image_files, video


def annotation(data, folder):
    """Arbitrary lines are read as boxes or NaN."""
    number = st.one_of(
        NUMBERS.map(str), st.sampled_from(["NaN", "nan", "inf", "", "x", "1_0", "٣", "1e5", "0x1", "61,5", "-0,25"])
    )
    line = st.lists(number, min_size=1, max_size=9).flatmap(
        lambda words: st.sampled_from([",", "\t", " ", ", ", ";", ",,"]).map(lambda separator: separator.join(words))
    )
    lines = st.lists(line, max_size=4).map("\n".join)
    content = data.draw(
        st.one_of(lines.map(str.encode), st.text().map(lambda t: t.encode("utf-8", "surrogatepass")), st.binary())
    )
    path = folder / "groundtruth.txt"
    path.write_bytes(content)
    boxes = read_boxes(path, data.draw(st.sampled_from([0, 1])))
    known = ~np.isnan(boxes).any(axis=1)
    assert boxes.ndim == 2 and boxes.shape[1] == 4 and np.isnan(boxes[~known]).all()
    assert np.isfinite(boxes[known]).all() and (boxes[known, 2:] > 0).all()


def image_file(data, folder):
    """An image of any kind, intact or damaged, is read as 8-bit RGB."""
    ending, content = data.draw(image_files())
    path = folder / f"1{data.draw(st.sampled_from([ending, '.png', '.jpg']))}"
    path.write_bytes(content)
    frame = read_image(path)
    assert frame.dtype == np.uint8 and frame.ndim == 3 and frame.shape[2] == 3 and frame.size


def source_folder(data, folder):
    """A folder whose images and annotations may or may not match."""
    place = folder / data.draw(st.sampled_from(["", "img", "color", "walk"]))
    place.mkdir(exist_ok=True)
    files = data.draw(st.lists(image_files(), max_size=4))
    for k, (ending, content) in enumerate(files):
        name = data.draw(st.sampled_from(["{0:04d}", "{0}", "a", "._{0}", "x-{0}", "{0}.{0}", "1", "1.{0}5"])).format(k)
        (place / f"{name}{ending}").write_bytes(content)
    if data.draw(st.integers(0, 3)) == 0:
        (place / "9.png").mkdir(exist_ok=True)
    for name in data.draw(
        st.lists(
            st.sampled_from(
                ["groundtruth.txt", "groundtruth_rect.txt", "groundtruth_rect.1.txt", "groundtruth_rect.2.txt"]
            ),
            max_size=2,
        )
    ):
        lines = data.draw(
            st.lists(st.sampled_from(["1,1,5,5", "NaN NaN NaN NaN", "1,1,9,1,9,9,1,9", "0,0,0,0", "x"]), max_size=5)
        )
        (folder / name).write_text("\n".join(lines))
    sequence = open_sequence(folder)
    assert sequence.boxes is None or len(sequence.boxes) == len(sequence)
    for frame in sequence:
        assert frame.dtype == np.uint8 and frame.shape[2] == 3


@functools.cache
def videos():
    with tempfile.TemporaryDirectory() as folder:
        return tuple(
            video(Path(folder) / f"a.{ending}", codec=codec)
            for ending, codec in (("mp4", "mp4v"), ("avi", "MJPG"), ("avi", "mp4v"), ("mkv", "mp4v"))
        )


def video_file(data, folder):
    """A video that is damaged, truncated or has another extension."""
    content = data.draw(st.sampled_from(videos()))
    path = folder / data.draw(st.sampled_from(["a.mp4", "a.avi", "a.txt", "a"]))
    path.write_bytes(data.draw(damaged(content)))
    for k, frame in enumerate(open_sequence(path)):
        assert frame.dtype == np.uint8 and frame.shape[2] == 3
        assert k < 1000
