"""Fuzz targets, one per entry point: invalid input is refused, and any other input is handled correctly.

A target draws its input, uses it, and returns. `InputError` means that the input was refused; every other
exception, and every failed assertion, is a defect.
"""

import json
import os
import tempfile
import tomllib
from pathlib import Path

import brian2
import click
import numpy as np
from hypothesis import strategies as st

from brian_siamsnn.cli.options import Box
from brian_siamsnn.crops import checked_box
from brian_siamsnn.errors import InputError
from brian_siamsnn.files import find, write_whole
from brian_siamsnn.model.files import load_model
from brian_siamsnn.neurons.equations import load_equations
from brian_siamsnn.sequences.frames import Sequence
from brian_siamsnn.sequences.sources import open_sequence
from brian_siamsnn.tracking.run import track
from brian_siamsnn.tracking.tracker import SiameseTracker
from tests.helpers.matchers import Peak
from tests.helpers.pictures import noise

from .files import NUMBERS, altered, damaged
from .model_targets import checkpoint, model_bytes, model_content, nir_graph
from .source_targets import annotation, image_file, source_folder, video_file

#: A name in Latin-1, which is not UTF-8.
LATIN = os.fsdecode(b"caf\xe9")

CODE = (
    "__import__('os').system('touch {0}')",
    "open('{0}', 'w')",
    "exec(\"open('{0}', 'w')\")",
    "v.__class__.__base__",
    "(lambda: open('{0}', 'w'))()",
    "[open('{0}', 'w') for v in (1,)]",
    "v if open('{0}', 'w') else v",
    "v[0]",
    "getattr(v, 'real')",
    "f'{{open(1)}}'",
    "(v := 1)",
    "exp(open('{0}', 'w'))",
    "v\nimport os",
    "v; import os",
    "__builtins__",
    "system('touch {0}')",
    "np.save('{0}', 1)",
)


FRAMES = st.builds(
    noise, st.sampled_from([1, 2, 5, 30, 90]), st.sampled_from([1, 3, 6, 40, 120]), st.sampled_from([1, 3])
)


def boxes_and_frames(data, folder):
    """Boxes with arbitrary numbers on frames of any kind: the object stays in the image."""
    frame = data.draw(FRAMES)
    if data.draw(st.integers(0, 4)) == 0:
        kinds = [frame.astype(np.uint16), frame.astype(float), np.dstack([frame] * 4), frame[:0], None, "frame"]
        frame = kinds[data.draw(st.integers(0, len(kinds) - 1))]
    box = data.draw(
        st.one_of(
            st.lists(NUMBERS, min_size=4, max_size=4),
            st.lists(st.floats(-20, 150), min_size=4, max_size=4),
            st.none(),
            st.text(max_size=5),
            st.lists(NUMBERS, max_size=6),
        )
    )
    tracker = SiameseTracker(Peak(data.draw(st.floats(width=32))), data.draw(st.sampled_from([1, 3])))
    tracker.init(frame, box)
    for _ in range(3):
        x, y, w, h = tracker.update(frame)
        assert np.isfinite([x, y, w, h]).all() and w > 0 and h > 0


def init_option(data, folder):
    """Text given to --init."""
    words = st.lists(st.one_of(NUMBERS.map(str), st.text(max_size=4)), max_size=6).map(",".join)
    try:
        box = Box().convert(data.draw(words), None, None)
    except click.BadParameter as error:
        raise InputError(error.format_message()) from None
    checked_box(box)


def tracking(data, folder):
    """A whole run with its files: every file that it reports exists."""
    shapes = data.draw(st.lists(st.sampled_from([(48, 64), (2, 2), (1, 1), (5, 300)]), min_size=1, max_size=4))
    same = data.draw(st.integers(0, 2))
    frames = [noise(*(shapes[0] if same else shape)) for shape in shapes] * 2
    fps = data.draw(st.sampled_from([None, 25.0, 29.97, 240.123456, 90000.0, 1e-6]))
    sequence = Sequence("fuzzed", lambda: iter(frames), len(frames), fps)
    place = data.draw(st.sampled_from(["out", "file", "file/out", "a/b/c", "n" * 300]))
    (folder / "file").write_text("a file")
    box = data.draw(st.sampled_from([(0, 0, 1, 1), (1, 1, 2, 2), (0, 0, 30, 30), (-3, -3, 5, 5)]))
    result = track(sequence, SiameseTracker(Peak(1.0), 1), box, output=folder / place, video=data.draw(st.booleans()))
    lines = (folder / place / "boxes.csv").read_text().splitlines()
    assert len(lines) == 1 + len(result.boxes)
    assert not list((folder / place).glob("*unfinished*"))
    if result.stopped:
        raise InputError(result.stopped)


def equations(data, folder):
    """An altered neuron model: Brian2 accepts it, or it is refused; code in it never runs."""
    marker, path = folder / "ran", folder / "own.toml"
    content = find(
        "equations", data.draw(st.sampled_from(["rate", "two_status", "burst", "phase"])), ".toml"
    ).read_bytes()
    kind = data.draw(st.sampled_from(["bytes", "code", "values"]))
    if kind == "bytes":
        content = data.draw(damaged(content))
    else:
        table = tomllib.loads(content.decode())
        code = st.sampled_from(CODE).map(lambda text: text.format(marker))
        wrapped = st.sampled_from(["{}", "v = {}", "v += {}", "v > {}", "v = {} : 1", "v : {}", "dv/dt = {} : 1"])
        payload = st.tuples(wrapped, code).map(lambda pair: pair[0].replace("{}", pair[1]))
        values = st.one_of(NUMBERS, st.text(max_size=6), st.booleans(), st.just({}))
        table = data.draw(altered(table, payload if kind == "code" else values))
        content = toml(table).encode()
    path.write_bytes(content)
    try:
        load_equations(path).group(2, "fuzzed", brian2.Clock(dt=1 * brian2.ms))
    finally:
        assert not marker.exists()


def toml(table, before=""):
    """TOML text of nested tables."""
    lines = [f"{json.dumps(key)} = {_toml_value(value)}" for key, value in table.items() if not isinstance(value, dict)]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += [f"[{before}{json.dumps(key)}]", toml(value, f"{before}{json.dumps(key)}.")]
    return "\n".join(lines)


def _toml_value(value):
    return str(value).lower() if isinstance(value, float) else json.dumps(value)


def names(data, folder):
    """Unknown names of sources, models and neuron models."""
    odd = ["", ".", "a\0b", "n" * 300, "9" * 30, "../compact", "-1", "rate:", "rate:v", "file:a", LATIN]
    values = st.text("rate:=,vth_0.9", max_size=20).map("rate:".__add__)
    text = data.draw(st.one_of(st.text(max_size=20), st.sampled_from(odd), values))
    data.draw(st.sampled_from([load_model, load_equations, lambda name: open_sequence(folder / name)]))(text)


def written_files(data, folder):
    """A file of any name is written whole, or nothing is written at all."""
    (folder / "there").mkdir()
    (folder / "file").write_text("a file")
    odd = ["", ".", "there", "there/a", "file/a", "no/a", "file", "n" * 255, "n" * 256, "a:b", LATIN]
    name = data.draw(st.one_of(st.text(max_size=10), st.sampled_from(odd)))
    before = sorted(folder.rglob("*"))
    try:
        write_whole(f"{folder}/{name}", b"content")
    except InputError:
        assert sorted(folder.rglob("*")) == before and (folder / "file").read_text() == "a file"
        raise
    assert Path(f"{folder}/{name}").read_bytes() == b"content"
    assert len(set(folder.rglob("*")) - set(before)) <= 1


TARGETS = {
    target.__name__: target
    for target in (
        model_bytes,
        model_content,
        checkpoint,
        nir_graph,
        annotation,
        image_file,
        source_folder,
        video_file,
        boxes_and_frames,
        init_option,
        tracking,
        equations,
        names,
        written_files,
    )
}


def attempt(target, data):
    """The message with which the input was refused; None if it was accepted.

    A message is one printable line, short enough to read.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            TARGETS[target](data, Path(folder))
        except InputError as error:
            message = str(error)
            assert message.isprintable() and message.strip() and len(message) < 1000, message
            return message.replace(folder, "FOLDER").replace(Path(folder).name, "FOLDER")
    return None
