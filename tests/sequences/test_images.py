"""Images of any kind are read as 8-bit RGB, and broken ones are named."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from brian_siamsnn.sequences.images import read_image
from brian_siamsnn.sequences.sources import open_sequence
from tests.helpers.messages import refused
from tests.helpers.pictures import levels, noise, write_images


def test_frames_are_rgb(tmp_path):
    pixels = np.zeros((4, 5, 3), np.uint8)
    pixels[..., 0] = 200
    cv2.imwrite(str(tmp_path / "red.png"), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    frame = read_image(tmp_path / "red.png")
    assert frame.dtype == np.uint8
    np.testing.assert_array_equal(frame, pixels)


def test_gray_images_get_three_equal_channels(tmp_path):
    gray = np.arange(20, dtype=np.uint8).reshape(4, 5)
    cv2.imwrite(str(tmp_path / "gray.png"), gray)
    np.testing.assert_array_equal(read_image(tmp_path / "gray.png"), np.stack([gray] * 3, axis=-1))


UNUSUAL = {
    "one pixel": (noise(1, 1), ".png"),
    "gray": (noise(5, 4, 1), ".bmp"),
    "opacity": (noise(5, 4, 4), ".png"),
    "16 bits": (noise(5, 4, 3, np.uint16), ".png"),
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_unusual_images_are_converted_to_8_bit_rgb(tmp_path, kind):
    picture, ending = UNUSUAL[kind]
    cv2.imwrite(str(tmp_path / f"1{ending}"), picture)
    frame = read_image(tmp_path / f"1{ending}")
    expected = picture // 257 if picture.dtype == np.uint16 else picture
    expected = np.dstack([expected] * 3) if picture.ndim == 2 else expected[..., 2::-1]
    assert frame.dtype == np.uint8 and np.abs(frame.astype(int) - expected).max() <= 1


# folders of images


@pytest.fixture
def walk(tmp_path):
    """A folder with four images and other files."""
    write_images(tmp_path / "walk", ["1.png", "2.bmp", "10.PNG", "100.png"])
    (tmp_path / "walk/notes.txt").write_text("not an image")
    (tmp_path / "walk/._1.png").write_bytes(b"what a Mac leaves")
    (tmp_path / "walk/3.png").mkdir()
    return open_sequence(tmp_path / "walk")


def test_a_folder_of_images_is_a_sequence_without_boxes(walk):
    assert (walk.name, walk.frame_count, len(walk)) == ("walk", 4, 4)
    assert walk.boxes is None and walk.first_box is None and walk.fps is None


def test_images_are_sorted_in_natural_order(walk):
    assert levels(walk) == [10, 11, 12, 13]


@pytest.mark.parametrize(
    "names",
    [
        ["t0.5.png", "t1.png"],
        ["t1.25.png", "t1.5.png", "t2.0.png"],
        ["1.5.png", "1.25.png", "1.100.png"],  # 100 is not a decimal fraction as programs write them: a counter
        ["1.8.png", "1.9.png", "1.10.png"],
        ["a2.9.png", "a10.25.png"],
        ["a1.9.png", "b1.25.png"],
        ["1.tif", "2.tiff", "3.webp", "4.ppm", "5.TIF"],
    ],
)
def test_names_with_times_and_counters_are_sorted(tmp_path, names):
    write_images(tmp_path / "walk", sorted(names))
    level = {name: 10 + k for k, name in enumerate(sorted(names))}
    tolerance = 1  # WebP loses some
    np.testing.assert_allclose(levels(open_sequence(tmp_path / "walk")), [level[n] for n in names], atol=tolerance)


@pytest.mark.parametrize(
    ("first", "second"),
    [("0001.jpg", "0001.png"), ("a_1.png", "a_1_mask.png"), ("left7.png", "right7.png"), ("01.png", "1.png")],
)
def test_two_images_with_one_number_are_named(tmp_path, first, second):
    write_images(tmp_path / "walk", [first, second, "0009.png"])
    with refused(tmp_path / "walk", first, second):
        open_sequence(tmp_path / "walk")


def test_names_without_numbers_may_be_alike(tmp_path):
    write_images(tmp_path / "walk", ["a.png", "b.png"])
    assert levels(open_sequence(tmp_path / "walk")) == [10, 11]


# data of 10, 12 or 14 bits in files of 16


def write_deep(folder, bits, count=9):
    """Images whose brightest pixel has all bits set in one of them, and whose first pixel is a quarter of it."""
    for k in range(count):
        largest = 2**bits - 1 if k == count // 2 else 2 ** (bits - 1)
        image = np.full((4, 5, 3), 2 ** (bits - 2), np.uint16)
        image[0, 1] = largest
        cv2.imwrite(str(folder / f"{k}.png"), image)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_the_bits_that_a_camera_has_fill_8_bits(tmp_path, bits):
    write_deep(tmp_path, bits)
    frames = list(open_sequence(tmp_path))
    assert {int(frame[0, 0, 0]) for frame in frames} == {64}
    assert frames[4][0, 1, 0] == 255 and frames[0][0, 1, 0] == 128


def test_images_of_one_file_have_16_bits_unless_told(tmp_path):
    write_deep(tmp_path, 12, 1)
    assert read_image(tmp_path / "0.png")[0, 1, 0] == 15 and read_image(tmp_path / "0.png", 12)[0, 1, 0] == 255


def test_brighter_images_than_expected_are_white(tmp_path):
    write_deep(tmp_path, 16, 1)
    assert read_image(tmp_path / "0.png", 12)[0, 1, 0] == 255


def test_floating_point_images_are_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "0.tif"), np.full((4, 5, 3), 0.5, np.float32))
    with refused(tmp_path / "0.tif", "float32"):
        read_image(tmp_path / "0.tif")


def test_each_iteration_starts_from_the_first_image(walk):
    assert levels(walk) == levels(walk)


# broken images


@pytest.mark.parametrize("spoil", [lambda data: b"", lambda data: b"text", lambda data: data[: len(data) // 2]])
def test_a_broken_image_raises_when_it_is_reached(tmp_path, spoil):
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    for number in (1, 2, 3):
        cv2.imwrite(str(tmp_path / f"{number}.jpg"), noise)
    broken = tmp_path / "3.jpg"
    broken.write_bytes(spoil(broken.read_bytes()))
    read = iter(open_sequence(tmp_path))
    assert next(read).shape == next(read).shape == (40, 40, 3)
    with refused(broken):
        next(read)


@pytest.fixture
def with_thumbnail():
    """Bytes of a JPEG whose thumbnail is a complete JPEG inside it, and its pixels, BGR."""
    whole = cv2.imencode(".jpg", noise(64, 64))[1].tobytes()
    thumbnail = cv2.imencode(".jpg", noise(8, 8))[1].tobytes()
    segment = b"Exif\0\0" + thumbnail
    content = whole[:2] + b"\xff\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + whole[2:]
    return content, cv2.imdecode(np.frombuffer(whole, np.uint8), 1)


def test_a_jpeg_with_a_thumbnail_can_be_read(tmp_path, with_thumbnail):
    content, pixels = with_thumbnail
    (tmp_path / "1.jpg").write_bytes(content)
    np.testing.assert_array_equal(read_image(tmp_path / "1.jpg")[..., ::-1], pixels)


def test_a_broken_jpeg_with_an_intact_thumbnail_is_detected(tmp_path, with_thumbnail):
    content, _ = with_thumbnail
    (tmp_path / "1.jpg").write_bytes(content[:-200])
    with refused(tmp_path / "1.jpg", len(content) - 200):
        read_image(tmp_path / "1.jpg")


def test_an_image_that_declares_a_billion_pixels_is_refused(tmp_path):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    path = tmp_path / "1.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    with refused(path, path.stat().st_size):
        read_image(path)
