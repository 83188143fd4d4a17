"""Each way into the program: hand it something wrong, and see that it says so or does right.

A target draws its input, uses it, and returns. `InputError` means that the input was refused; every other
exception, and every failed assertion, is a defect.
"""

import functools
import io
import json
import tempfile
import tomllib
from pathlib import Path

import brian2
import click
import numpy as np
from hypothesis import strategies as st
from safetensors.numpy import save

from brian_siamsnn.cli.options import Box
from brian_siamsnn.crops import checked_box
from brian_siamsnn.errors import InputError
from brian_siamsnn.files import find, write_whole
from brian_siamsnn.model.checkpoints import import_checkpoint
from brian_siamsnn.model.conversion import SpikingModel
from brian_siamsnn.model.files import _digest, load_model, read_model, write_model
from brian_siamsnn.model.layer_json import layers_to_json
from brian_siamsnn.model.layers import Convolution, MaxPool, convolutions
from brian_siamsnn.neurons.equations import load_equations
from brian_siamsnn.sequences.annotations import read_boxes
from brian_siamsnn.sequences.frames import Sequence, read_image
from brian_siamsnn.sequences.sources import open_sequence
from brian_siamsnn.tracking.run import track
from brian_siamsnn.tracking.tracker import SiameseTracker

from .files import NUMBERS, altered, damaged, image, image_files, poison, video

LAYERS = (Convolution("conv1", 3, 4, 3, 2), MaxPool("pool1", 2, 2), Convolution("conv2", 4, 6, 3, groups=2))
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


@functools.cache
def model():
    """A small converted model, and the bytes of its file."""
    rng = np.random.default_rng(0)
    weights = {c.name: (rng.normal(size=c.weight_shape), rng.normal(size=c.out_channels)) for c in convolutions(LAYERS)}
    from brian_siamsnn.model.files import SiameseModel

    result = SiameseModel(LAYERS, weights, 0.5, -1.0, {"conv1": np.ones(4), "conv2": np.ones(6)}, "layer-norm")
    with tempfile.TemporaryDirectory() as folder:
        write_model(result, Path(folder) / "m.safetensors")
        return result, (Path(folder) / "m.safetensors").read_bytes()


def model_bytes(data, folder):
    """A damaged model file is refused, or says what it said before it was damaged."""
    original, content = model()
    path = folder / "model.safetensors"
    path.write_bytes(data.draw(damaged(content)))
    result = read_model(path)
    assert result.layers == original.layers
    for name, (w, b) in original.weights.items():
        np.testing.assert_array_equal(result.weights[name][0], w)
        np.testing.assert_array_equal(result.weights[name][1], b)


def model_content(data, folder):
    """A whole model file whose checksum fits, with anything in it."""
    original, _ = model()
    tensors = {
        f"{name}.{part}": array
        for name, pair in original.weights.items()
        for part, array in zip(("weight", "bias"), pair, strict=True)
    }
    tensors |= {f"{name}.scale": scale.astype(np.float32) for name, scale in original.scales.items()}
    for name in data.draw(st.lists(st.sampled_from(sorted(tensors)), max_size=2, unique=True)):
        array = tensors[name]
        change = data.draw(st.sampled_from(["missing", "shape", "value", "type", "swapped", "empty"]))
        if change == "missing":
            del tensors[name]
        elif change == "value":
            array = array.copy()
            array.flat[0] = data.draw(st.floats(width=32))
            tensors[name] = array
        elif change == "type":
            kinds = ["int8", "int64", "uint8", "bool", "float16", "float64"]
            tensors[name] = array.astype(data.draw(st.sampled_from(kinds)))
        else:
            shapes = {"shape": array[..., None], "swapped": np.ascontiguousarray(array.T), "empty": array[:0]}
            tensors[name] = shapes[change]
    description = {
        "format": "brian_siamsnn model 1",
        "layers": layers_to_json(LAYERS),
        "response": {"scale": 0.5, "bias": 0.0},
        "input": {},
        "normalisation": "layer-norm",
        "initial_potential": 0.0,
        "provenance": {},
    }
    if data.draw(st.booleans()):
        description = data.draw(altered(description))
    description["sha256"] = _digest(tensors, description)
    path = folder / "model.safetensors"
    path.write_bytes(save(tensors, {"brian_siamsnn": json.dumps(description)}))
    result = SpikingModel.from_model(read_model(path))
    result.shapes(127)
    assert all(np.isfinite(part).all() for pair in result.weights.values() for part in pair)


def checkpoint(data, folder):
    """A PyTorch file with anything in it, or damaged; code in it never runs."""
    import torch

    marker, path = folder / "ran", folder / "checkpoint.pt"
    kind = data.draw(st.sampled_from(["poison", "bytes", "tensors"]))
    if kind == "poison":
        content = data.draw(st.sampled_from(list(poison(marker))))
        if data.draw(st.booleans()):
            content = data.draw(damaged(content))
    else:
        state = {}
        for layer in convolutions(LAYERS):
            state[f"backbone.{layer.name}.0.weight"] = torch.ones(layer.weight_shape)
            for key in ("weight", "bias", "running_mean", "running_var"):
                state[f"backbone.{layer.name}.1.{key}"] = torch.ones(layer.out_channels)
        state["adjust.scale"] = torch.ones(1)
        for key in data.draw(st.lists(st.sampled_from(sorted(state)), max_size=3, unique=True)):
            value = state[key]
            state[key] = data.draw(
                st.sampled_from(
                    [
                        value * float("nan"),
                        -value,
                        value.double(),
                        value.to(torch.complex64),
                        value.bool(),
                        value[:0],
                        value.unsqueeze(0),
                        value.to_sparse(),
                        torch.zeros(1).expand(2, 2**40),
                        value.to("meta"),
                        3,
                        None,
                        "x",
                        [value],
                        {"weight": value},
                        value.double() * 1e300,
                        value.half(),
                        torch.nn.Parameter(value),
                    ]
                )
            )
        state = data.draw(st.sampled_from([state, {"state_dict": state}, {"model": 3}, [state], torch.ones(2)]))
        buffer = io.BytesIO()
        torch.save(state, buffer)
        content = buffer.getvalue()
        if kind == "bytes":
            content = data.draw(damaged(content))
    path.write_bytes(content)
    try:
        import_checkpoint(path, LAYERS)
    finally:
        assert not marker.exists()


def annotation(data, folder):
    """Lines of anything: what is read are boxes, or NaN."""
    number = st.one_of(NUMBERS.map(str), st.sampled_from(["NaN", "nan", "inf", "", "x", "1_0", "٣", "1e5", "0x1"]))
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
    """An image of any kind, whole or damaged, is read as 8-bit RGB."""
    ending, content = data.draw(image_files())
    path = folder / f"1{data.draw(st.sampled_from([ending, '.png', '.jpg']))}"
    path.write_bytes(content)
    frame = read_image(path)
    assert frame.dtype == np.uint8 and frame.ndim == 3 and frame.shape[2] == 3 and frame.size


def source_folder(data, folder):
    """A folder with images and annotations that go together or not."""
    place = folder / data.draw(st.sampled_from(["", "img", "color", "walk"]))
    place.mkdir(exist_ok=True)
    files = data.draw(st.lists(image_files(), max_size=4))
    for k, (ending, content) in enumerate(files):
        name = data.draw(st.sampled_from(["{0:04d}", "{0}", "a", "._{0}", "x-{0}", "{0}.{0}"])).format(k)
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
            for ending, codec in (("mp4", "mp4v"), ("avi", "MJPG"), ("avi", "mp4v"))
        )


def video_file(data, folder):
    """A video that is damaged, cut or has another ending."""
    content = data.draw(st.sampled_from(videos()))
    path = folder / data.draw(st.sampled_from(["a.mp4", "a.avi", "a.txt", "a"]))
    path.write_bytes(data.draw(damaged(content)))
    for k, frame in enumerate(open_sequence(path)):
        assert frame.dtype == np.uint8 and frame.shape[2] == 3
        assert k < 1000


class Peak:
    """A matcher that answers with given numbers."""

    def __init__(self, value):
        self.value = value

    def set_exemplar(self, crop):
        assert crop.shape == (127, 127, 3)

    def match(self, crops):
        responses = np.zeros((len(crops), 17, 17), np.float32)
        responses[:, 2, 15] = self.value
        return responses


FRAMES = st.builds(
    image, st.sampled_from([1, 2, 5, 30, 90]), st.sampled_from([1, 3, 6, 40, 120]), st.sampled_from([1, 3])
)


def boxes_and_frames(data, folder):
    """Boxes of any numbers on frames of any kind: the object stays in the image."""
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
    """Text after --init."""
    words = st.lists(st.one_of(NUMBERS.map(str), st.text(max_size=4)), max_size=6).map(",".join)
    try:
        box = Box().convert(data.draw(words), None, None)
    except click.BadParameter as error:
        raise InputError(error.format_message()) from None
    checked_box(box)


def tracking(data, folder):
    """A whole run with its files: what is said to be there is there."""
    shapes = data.draw(st.lists(st.sampled_from([(48, 64), (2, 2), (1, 1), (5, 300)]), min_size=1, max_size=4))
    same = data.draw(st.integers(0, 2))
    frames = [image(*(shapes[0] if same else shape)) for shape in shapes] * 2
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
    """A neuron model that was altered: Brian2 takes it, or it is refused; code in it never runs."""
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
    """Names of sources, models and neuron models that are none."""
    odd = ["", ".", "a\0b", "n" * 300, "9" * 30, "../compact", "-1", "rate:", "rate:v"]
    values = st.text("rate:=,vth_0.9", max_size=20).map("rate:".__add__)
    text = data.draw(st.one_of(st.text(max_size=20), st.sampled_from(odd), values))
    data.draw(st.sampled_from([load_model, load_equations, lambda name: open_sequence(folder / name)]))(text)


def written_files(data, folder):
    """A file under any name is written whole, or not at all and nothing else."""
    (folder / "there").mkdir()
    (folder / "file").write_text("a file")
    odd = ["", ".", "there", "there/a", "file/a", "no/a", "file", "n" * 255, "n" * 256]
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
    """Message with which the input was refused; None if it was taken.

    A message is one printable line that is short enough to be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            TARGETS[target](data, Path(folder))
        except InputError as error:
            message = str(error)
            assert message.isprintable() and message.strip() and len(message) < 1000, message
            return message.replace(folder, "FOLDER").replace(Path(folder).name, "FOLDER")
    return None
