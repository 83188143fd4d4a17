"""Input from strangers, one case each: the ones that used to end in a traceback, a wrong result, or a dead process."""

import importlib.util
import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from brian2.utils.filelock import FileLock
from safetensors.numpy import save

from brian_siamsnn.cli.main import main
from brian_siamsnn.errors import InputError, reason_of
from brian_siamsnn.files import find, write_whole
from brian_siamsnn.matching.matchers import SpikingMatcher
from brian_siamsnn.model.files import SiameseModel, load_model, read_model
from brian_siamsnn.model.layers import Convolution, MaxPool, check_layers, layers_from_json
from brian_siamsnn.network import code_cache
from brian_siamsnn.neurons.equations import load_equations
from brian_siamsnn.sequences.annotations import read_boxes
from brian_siamsnn.sequences.frames import read_image
from brian_siamsnn.sequences.sources import open_sequence
from brian_siamsnn.tracking.overlay import VideoWriter, draw_overlay
from brian_siamsnn.tracking.tracker import SiameseTracker
from tests.fuzz.files import Canary, image, poison
from tests.fuzz.targets import Peak
from tests.helpers.messages import assert_names, refused

# Model files


def test_a_pickle_in_place_of_a_model_is_never_loaded(tmp_path):
    marker = tmp_path / "ran"
    for content in poison(marker):
        (tmp_path / "model.safetensors").write_bytes(content)
        with refused(tmp_path / "model.safetensors"):
            load_model(tmp_path / "model.safetensors")
    assert not marker.exists()
    pickle.loads(content)  # it would have
    assert marker.exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_pickle_in_place_of_a_checkpoint_is_never_loaded(tmp_path):
    torch = pytest.importorskip("torch", reason="checkpoints are PyTorch's")
    from brian_siamsnn.model.checkpoints import import_checkpoint

    marker, path = tmp_path / "ran", tmp_path / "checkpoint.pt"
    contents = list(poison(marker))
    buffer = io.BytesIO()
    torch.save({"conv1.weight": Canary(marker), "fine": torch.zeros(2)}, buffer)
    contents.append(buffer.getvalue())
    # the archive that torch.save makes, with another pickle in it
    for malicious in list(contents[:-1]):
        inside = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(buffer.getvalue())) as old, zipfile.ZipFile(inside, "w") as new:
            for name in old.namelist():
                new.writestr(name, malicious if name.endswith("data.pkl") else old.read(name))
        contents.append(inside.getvalue())
    for content in contents:
        path.write_bytes(content)
        with refused(path, "PyTorch", "torch.save(network.state_dict(), ...)"):
            import_checkpoint(path)
    assert not marker.exists()


def test_layers_are_checked_before_anything_is_built():
    convolution = {"type": "Convolution", "name": "conv1", "in_channels": 3, "out_channels": 4, "kernel": 3}
    for change, named in [
        ({"kernel": 10**9}, ["conv1", "kernel", 1, 65536, 10**9]),
        ({"stride": 0}, ["conv1", "stride", 0]),
        ({"stride": True}, ["conv1", "stride", True]),
        ({"kernel": 3.0}, ["conv1", "kernel", 3.0]),
        ({"groups": 2}, ["conv1", "groups", 3, 4, 2]),
        ({"rectify": 1}, ["conv1", "rectify", 1]),
        ({"name": "conv1_input"}, ["layer", "'conv1_input'"]),
        ({"name": "../conv"}, ["layer", "'../conv'"]),
        ({"type": "Pickle"}, ["layers", ["Convolution", "MaxPool"], "'Pickle'"]),
        ({"padding": 1}, ["'conv1'", "'padding'", "'stride'"]),
    ]:
        with refused(*named):
            layers_from_json([{**convolution, **change}])
    with refused("layers", "'conv1'"):
        layers_from_json("conv1")
    first = Convolution("conv1", 3, 4, 3)
    for layers, named in [
        ((), ["layers"]),
        ((MaxPool("pool1", 2, 2), first), ["layers", "pool1"]),
        ((first, Convolution("conv1", 4, 4, 3)), ["layers", ["conv1"]]),
        ((first, MaxPool("p", 2, 2), Convolution("conv2", 3, 4, 3)), ["conv2", 4, 3]),
    ]:
        with refused(*named):
            check_layers(layers)


def test_a_folder_and_a_foreign_type_in_place_of_a_model(tmp_path):
    with refused(tmp_path, "folder"):
        read_model(tmp_path)
    path = tmp_path / "m.safetensors"
    path.write_bytes(save({"conv9.weight": np.zeros(3, np.int8)}, {"brian_siamsnn": "{}"}))
    with refused(path, "conv9.weight", "F16", "F32", "F64", "I8"):
        read_model(path)
    for text, named in [
        ("3", [path, "JSON", "int"]),
        ("[" * 10000, [path]),
        ("{", [path]),
    ]:
        path.write_bytes(save({"a": np.zeros(3, np.float32)}, {"brian_siamsnn": text}))
        with refused(*named):
            read_model(path)


def test_a_model_for_another_tracker_or_without_end_is_refused():
    layers = (Convolution("conv1", 3, 4, 3, 2),)
    weights = {"conv1": (np.ones((4, 3, 3, 3)), np.zeros(4))}
    with refused("model", 8, 2):
        SpikingMatcher(SiameseModel(layers, weights, scales={"conv1": np.ones(4)}, normalisation="x"))
    # one channel costs 12 bytes in the file and 52,000 neurons in the network
    layers = (Convolution("conv1", 3, 65536, 1, 8),)
    weights = {"conv1": (np.ones((65536, 3, 1, 1)), np.zeros(65536))}
    wide = SiameseModel(
        (*layers, Convolution("conv2", 65536, 1, 1)),
        {**weights, "conv2": (np.ones((1, 65536, 1, 1)), np.zeros(1))},
        scales={"conv1": np.ones(65536), "conv2": np.ones(1)},
        normalisation="x",
    )
    from brian_siamsnn.network import layer_objects
    from brian_siamsnn.network import runtime as network

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layer_objects, "available_memory", lambda: 2**30)
        with refused("model", 255, "1 GiB", "2 GiB"):
            network.SpikingBranch(network_model(wide), 255)
    with refused("steps", 1, 5000, 10**9):
        SpikingMatcher(load_model("compact"), steps=10**9)


def network_model(wide):
    from brian_siamsnn.model.conversion import SpikingModel

    return SpikingModel.from_model(wide)


# Frames, boxes and sources


def test_a_broken_jpeg_with_a_whole_thumbnail_is_noticed(tmp_path):
    whole = cv2.imencode(".jpg", image(64, 64))[1].tobytes()
    thumbnail = cv2.imencode(".jpg", image(8, 8))[1].tobytes()
    segment = b"Exif\0\0" + thumbnail
    with_thumbnail = whole[:2] + b"\xff\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + whole[2:]
    path = tmp_path / "1.jpg"
    path.write_bytes(with_thumbnail)
    np.testing.assert_array_equal(read_image(path)[..., ::-1], cv2.imdecode(np.frombuffer(whole, np.uint8), 1))
    path.write_bytes(with_thumbnail[:-200])
    with refused(path, len(with_thumbnail) - 200):
        read_image(path)


def test_an_image_that_announces_a_billion_pixels(tmp_path):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    path = tmp_path / "1.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    with refused(path, path.stat().st_size):
        read_image(path)


@pytest.mark.parametrize(
    ("picture", "ending"),
    [
        (image(1, 1), ".png"),
        (image(5, 4, 1), ".bmp"),
        (image(5, 4, 4), ".png"),
        (image(5, 4, 3, np.uint16), ".png"),
    ],
)
def test_unusual_images_become_8_bit_rgb(tmp_path, picture, ending):
    cv2.imwrite(str(tmp_path / f"1{ending}"), picture)
    frame = read_image(tmp_path / f"1{ending}")
    expected = picture // 257 if picture.dtype == np.uint16 else picture
    expected = np.dstack([expected] * 3) if picture.ndim == 2 else expected[..., 2::-1]
    assert frame.dtype == np.uint8 and np.abs(frame.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("source", [-1, 10**20, "99999999999999999999", "", "a\0b", "n" * 300, "123456789"])
def test_sources_that_used_to_end_the_process(source):
    with pytest.raises(InputError):
        open_sequence(source)


def test_a_pipe_and_a_folder_called_as_an_image(tmp_path):
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.mp4")
        with refused(tmp_path / "pipe.mp4", "video", "pipe"):
            open_sequence(tmp_path / "pipe.mp4")
    (tmp_path / "2.png").mkdir()
    cv2.imwrite(str(tmp_path / "1.png"), image(4, 4))
    assert len(open_sequence(tmp_path)) == 1


@pytest.mark.parametrize("line", ["1e308,1,1,1", "0 0 0 0 -1e308 5 5 5", "1,1,1e8,1"])
def test_coordinates_that_are_no_pixels(tmp_path, line):
    (tmp_path / "boxes.txt").write_text(line)
    with refused(tmp_path / "boxes.txt", "line 1", "1e+07", repr(line)):
        read_boxes(tmp_path / "boxes.txt")


@pytest.mark.parametrize(
    "box", [(0, 0, 1e308, 1e308), (-1e300, 0, 2e300, 5), (0, 0, 130, 5), "abcd", None, (1, 2, "x", 4)]
)
def test_boxes_that_are_none(box):
    with refused("box"):
        SiameseTracker(Peak(1.0)).init(np.zeros((50, 60, 3), np.uint8), box)


@pytest.mark.parametrize(("box", "width"), [((0, 0, 50, 40), 120), ((20, 20, 10, 8), 50)])
def test_a_target_grows_to_twice_the_image_at_most(box, width):
    """The larger one meets twice the image's width of 60 before five times its own; the height allows 125."""

    class Growing(Peak):
        def match(self, crops):
            responses = np.zeros((len(crops), 17, 17), np.float32)
            responses[:, 8, 8] = [1, 2, 4]
            return responses

    frame = np.zeros((50, 60, 3), np.uint8)
    tracker = SiameseTracker(Growing(1.0))
    tracker.init(frame, box)
    for _ in range(120):
        *_, w, h = tracker.update(frame)
    np.testing.assert_allclose((w, h), (width, width * 0.8))


# Output


@pytest.mark.parametrize("name", ["file/a", "there", ".", "n" * 256, "a\0b", "no/a"])
def test_places_that_cannot_be_written(tmp_path, name):
    (tmp_path / "file").write_text("a file")
    (tmp_path / "there").mkdir()
    with refused(str(tmp_path / name).replace("\0", r"\x00")):
        write_whole(f"{tmp_path}/{name}", b"content")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "there"]


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_text("earlier")

    def full(*_):
        raise OSError(28, "No space left on device")

    for function in ("fsync", "replace"):
        monkeypatch.setattr(os, function, full)
        with refused(path, "No space left on device"):
            write_whole(path, b"new")
        monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["a"] and path.read_text() == "earlier"


@pytest.mark.parametrize("side", [1, 2, 5, 7, 8])
def test_frames_of_a_few_pixels_can_be_drawn_on(side):
    drawn = draw_overlay(image(side, side), (0, 0, 1, 1), (0, 0, 2, 2), "frame 1", np.eye(17))
    assert drawn.shape == (side, side, 3)


@pytest.mark.parametrize(("fps", "written"), [(240.123456, 240), (90000.0, 25), (1e-6, 25), (29.97, 29.97)])
def test_frame_rates_that_mpeg4_does_not_know(tmp_path, fps, written):
    with VideoWriter(tmp_path / "a.mp4", fps) as video:
        for _ in range(3):
            video.write(image(48, 64))
    assert cv2.VideoCapture(str(tmp_path / "a.mp4")).get(cv2.CAP_PROP_FPS) == pytest.approx(written)
    with refused("fps", "nan"):
        VideoWriter(tmp_path / "b.mp4", float("nan"))


def test_a_video_that_is_not_whole_is_noticed(tmp_path):
    video = VideoWriter(tmp_path / "a.mp4")
    for _ in range(3):
        video.write(image(48, 64))
    video._count += 1  # as if one had been lost
    with refused(tmp_path / "a.mp4", 4, 3):
        video.close()


@pytest.mark.skipif(sys.platform != "linux", reason="libraries of Linux")
def test_half_a_module_in_brian2s_cache_is_removed(tmp_path):
    library = Path(importlib.util.find_spec("brian_siamsnn.connectivity._events").origin).read_bytes()
    contents = {"whole": library, "half": library[: len(library) // 2], "empty": b"", "held": b""}
    names = {name: f"_cython_magic_{name}.cpython-311-x86_64-linux-gnu.so" for name in contents}
    for name, content in contents.items():
        (tmp_path / names[name]).write_bytes(content)
    for length in range(0, len(library), len(library) // 40):
        (tmp_path / "cut").write_bytes(library[:length])
        assert not code_cache.is_whole(tmp_path / "cut")
    with FileLock(str(tmp_path / "_cython_magic_held.lock")):  # another process compiles it
        code_cache.remove_broken(tmp_path)
    assert {path.name for path in tmp_path.glob("*.so")} == {names["whole"], names["held"]}


# The command line


def command(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return stop.value.code, capsys.readouterr().err.strip().splitlines()[-1]


def test_a_wrong_box_is_said_before_the_model_is_made(capsys):
    for text in ("nan,1,5,5", "1,1,0,5", "1,1,inf,5"):
        code, error = command(capsys, "track", "synthetic", "--init", text, "--model", "nowhere")
        assert code == 2
        assert_names(error, "box", [float(side) for side in text.split(",")])


def test_what_a_terminal_would_obey_is_shown_as_text(capsys):
    code, error = command(capsys, "track", "\x1b[2Jnowhere\n")
    assert code == 2 and error.startswith("error: \\x1b[2Jnowhere\\n: ")


def test_errors_of_the_system_are_one_line(capsys, monkeypatch):
    def failing(error):
        def track(*_, **__):
            raise error

        monkeypatch.setattr("brian_siamsnn.cli.main._track", track)

    failing(PermissionError(13, "Permission denied", "/a/file"))
    assert command(capsys, "demo") == (2, "error: /a/file: Permission denied")
    failing(MemoryError("9 GiB"))
    code, error = command(capsys, "demo")
    assert code == 2 and error.startswith("error: ")
    assert_names(error, "memory", "9 GiB", "--steps", "--model")


def test_an_output_that_nobody_reads_is_no_traceback():
    reading, writing = os.pipe()
    os.close(reading)
    code = "from brian_siamsnn.cli.main import main; main(['equations'])"
    command_line = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command_line, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("no such thing"), "no such thing"),
        (ValueError("\n  two   words\nand more"), "two words"),
        # as Brian2's parser says it
        (ValueError("Parsing failed: \n1v : 1\n^\nExpected end of text"), "1v : 1"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_a_reason_is_never_empty(error, reason):
    assert reason_of(error) == reason


def test_what_brian2_cannot_parse_is_said_by_what_is_wrong(tmp_path):
    """Its own first line is "Parsing failed:", and the reason that follows is that of the exception behind it."""
    text = find("equations", "rate", ".toml").read_text(encoding="utf-8").replace("v : 1\n", "v : 1 (constant\n", 1)
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    with refused(tmp_path / "own.toml", "'model'", "Expected end of text, found '('"):
        load_equations(tmp_path / "own.toml")
