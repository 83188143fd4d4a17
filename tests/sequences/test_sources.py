"""Sources of frames: each kind from files made here, each mistake named, and the real benchmark folders."""

import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brian_siamsnn.sequences import frames
from brian_siamsnn.sequences.annotations import polygon_to_box, read_boxes
from brian_siamsnn.sequences.frames import read_image
from brian_siamsnn.sequences.otb import ATTRIBUTE_NAMES, ATTRIBUTES, FRAME_WINDOWS
from brian_siamsnn.sequences.sources import open_sequence
from tests.helpers.messages import assert_names, refused

OTB_HERE = [
    "Couple",
    "Crossing",
    "Deer",
    "Dog1",
    "DragonBaby",
    "Football1",
    "Girl",
    "Human7",
    "Jumping",
    "MotorRolling",
    "Skiing",
]


def write_images(folder, names):
    """One image a name, all gray of the level 10, 11, ... in this order."""
    folder.mkdir(parents=True, exist_ok=True)
    for level, name in enumerate(names, start=10):
        cv2.imwrite(str(folder / name), np.full((24, 32, 3), level, np.uint8))


def write_otb(folder, numbers, lines, annotation="groundtruth_rect.txt"):
    write_images(folder / "img", [f"{number:04d}.png" for number in numbers])
    (folder / annotation).write_text("".join(f"{line}\n" for line in lines))
    return folder


def levels(sequence):
    return [int(frame[0, 0, 0]) for frame in sequence]


def write_video(path, frame_count, codec="mp4v", fps=25):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, (160, 120))
    # noise does not compress, so that half of the file is about half of the frames
    noise = np.random.default_rng(0).integers(0, 60, (120, 160, 3), np.uint8)
    for index in range(frame_count):
        writer.write(np.roll(noise, 3 * index, axis=1) + np.uint8(3 * index))
    writer.release()
    return path


# Images


def test_image_folder_is_in_natural_order(tmp_path):
    write_images(tmp_path / "walk", ["1.png", "2.bmp", "10.PNG", "100.png"])
    (tmp_path / "walk/notes.txt").write_text("not an image")
    (tmp_path / "walk/._1.png").write_bytes(b"what a Mac leaves")
    sequence = open_sequence(tmp_path / "walk")
    assert (sequence.name, sequence.frame_count, len(sequence)) == ("walk", 4, 4)
    assert sequence.boxes is None and sequence.first_box is None and sequence.fps is None
    assert levels(sequence) == [10, 11, 12, 13]
    assert levels(sequence) == [10, 11, 12, 13]  # each iteration starts anew


def test_frames_are_rgb(tmp_path):
    pixels = np.zeros((4, 5, 3), np.uint8)
    pixels[..., 0] = 200
    cv2.imwrite(str(tmp_path / "red.png"), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    frame = read_image(tmp_path / "red.png")
    assert frame.dtype == np.uint8
    np.testing.assert_array_equal(frame, pixels)


def test_gray_images_have_their_channel_three_times(tmp_path):
    gray = np.arange(20, dtype=np.uint8).reshape(4, 5)
    cv2.imwrite(str(tmp_path / "gray.png"), gray)
    np.testing.assert_array_equal(read_image(tmp_path / "gray.png"), np.stack([gray] * 3, axis=-1))


@pytest.mark.parametrize("spoil", [lambda data: b"", lambda data: b"text", lambda data: data[: len(data) // 2]])
def test_a_broken_image_raises_in_its_turn(tmp_path, spoil):
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    for number in (1, 2, 3):
        cv2.imwrite(str(tmp_path / f"{number}.jpg"), noise)
    broken = tmp_path / "3.jpg"
    broken.write_bytes(spoil(broken.read_bytes()))
    read = iter(open_sequence(tmp_path))
    assert next(read).shape == next(read).shape == (40, 40, 3)
    with refused(broken):
        next(read)


# Videos and cameras


def test_video(tmp_path):
    sequence = open_sequence(str(write_video(tmp_path / "clip.mp4", 12)))
    assert (sequence.name, sequence.frame_count, sequence.fps, sequence.boxes) == ("clip", 12, 25.0, None)
    read = list(sequence)
    assert len(read) == 12 and read[0].shape == (120, 160, 3)
    np.testing.assert_allclose(np.diff([frame.mean() for frame in read]), 3, atol=1)


@pytest.mark.parametrize("frame_count", [12, 50])
def test_a_video_that_breaks_off_raises_after_its_last_frame(tmp_path, frame_count):
    path = write_video(tmp_path / "cut.avi", frame_count, codec="MJPG")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    read = []
    with refused(path, frame_count) as error:
        for frame in open_sequence(path):
            read.append(frame)
    assert frame_count / 3 < len(read) < frame_count * 2 / 3
    assert_names(error.value, len(read), len(read) + 1)


def test_an_announced_count_that_is_one_too_high_is_no_error(tmp_path):
    path = write_video(tmp_path / "clip.mp4", 30)
    sequence = frames.Sequence("clip", lambda: frames._video_frames(path, 31, 25.0), 31)
    assert len([frame for frame in sequence]) == 30


class FakeCamera:
    """Gives five frames, then stops."""

    def __init__(self, index):
        self.index, self.left = index, 5

    def isOpened(self):
        return self.index == 0

    def read(self):
        self.left -= 1
        return (True, np.full((4, 6, 3), (30, 20, 10), np.uint8)) if self.left >= 0 else (False, None)

    def get(self, _):
        return 0.0

    def release(self):
        self.left = 0


@pytest.mark.parametrize("source", [0, "0"])
def test_camera(monkeypatch, source):
    monkeypatch.setattr(cv2, "VideoCapture", FakeCamera)
    sequence = open_sequence(source)
    assert (sequence.name, sequence.frame_count, sequence.fps) == ("camera-0", None, None)
    assert sequence
    with pytest.raises(TypeError):
        len(sequence)
    read = iter(sequence)
    for _ in range(5):
        assert tuple(next(read)[0, 0]) == (10, 20, 30)
    with refused("camera 0"):
        next(read)


def test_no_camera(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", FakeCamera)
    with refused("camera 3"):
        open_sequence("3")


# Boxes


@pytest.mark.parametrize("separator", [",", "\t", " ", ", ", "   "])
def test_separators(tmp_path, separator):
    (tmp_path / "boxes.txt").write_text(separator.join(["11", "21.5", "30", "40"]) + "\r\n\n")
    np.testing.assert_array_equal(read_boxes(tmp_path / "boxes.txt"), [[11, 21.5, 30, 40]])
    np.testing.assert_array_equal(read_boxes(tmp_path / "boxes.txt", origin=1), [[10, 20.5, 30, 40]])


def test_absent_targets_are_nan(tmp_path):
    (tmp_path / "boxes.txt").write_text("1,2,3,4\n0,0,0,0\nNaN,NaN,NaN,NaN\n5,5,-1,4\n1,1,1,nan\n")
    boxes = read_boxes(tmp_path / "boxes.txt")
    np.testing.assert_array_equal(boxes[0], [1, 2, 3, 4])
    assert np.isnan(boxes[1:]).all()


@pytest.mark.parametrize("line", ["1,2,3", "1,2,3,4,5", "1,,2,3", "1,2,3,width", "1,2,3,inf", "", "<html>"])
def test_malformed_lines_are_named(tmp_path, line):
    (tmp_path / "boxes.txt").write_text(f"1,2,3,4\n1,2,3,4\n{line}\n1,2,3,4\n")
    with refused(tmp_path / "boxes.txt", "line 3", repr(line)):
        read_boxes(tmp_path / "boxes.txt")


@pytest.mark.parametrize(("content", "named"), [(b"", ["boxes.txt"]), (b"\xff\xfe\x00\x01", ["boxes.txt", "UTF-8"])])
def test_unreadable_annotations(tmp_path, content, named):
    (tmp_path / "boxes.txt").write_bytes(content)
    with refused(*named):
        read_boxes(tmp_path / "boxes.txt")


def test_polygons_by_hand():
    # upright rectangle: s = 1, and the corners are the outer pixels' centres
    np.testing.assert_allclose(polygon_to_box([10, 20, 40, 20, 40, 70, 10, 70]), [10, 20, 31, 51])
    # square with the diagonal 20 on its tip: area 200 in an extent of 400, s = sqrt(1/2), side 10 sqrt(2) + 1
    side = 10 * 2**0.5
    np.testing.assert_allclose(
        polygon_to_box([50, 40, 60, 50, 50, 60, 40, 50]), [50 - side / 2, 50 - side / 2, side + 1, side + 1]
    )
    assert np.isnan(polygon_to_box([5, 5, 9, 5, 9, 5, 5, 5])).all()


@given(st.floats(1, 200), st.floats(1, 200), st.floats(0, 2 * np.pi), st.floats(-99, 99), st.floats(-99, 99))
def test_a_turned_rectangle_keeps_centre_and_area(width, height, angle, x, y):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([(-width, -height), (width, -height), (width, height), (-width, height)]) / 2 @ turn + (x, y)
    box = polygon_to_box(corners.ravel())
    np.testing.assert_allclose(box[:2] + (box[2:] - 1) / 2, [x, y], atol=1e-9)
    assert np.prod(box[2:] - 1) == pytest.approx(width * height, rel=1e-6)


# Benchmarks


def test_otb_boxes_count_from_one(tmp_path):
    sequence = open_sequence(write_otb(tmp_path / "Deer", [1, 2, 3], ["11\t21\t5\t6", "12,22,5,6", "0 0 0 0"]))
    assert (sequence.name, sequence.frame_count, sequence.attributes) == ("Deer", 3, ("MB", "FM", "IPR", "BC"))
    np.testing.assert_array_equal(sequence.boxes, [[10, 20, 5, 6], [11, 21, 5, 6], [np.nan] * 4])
    np.testing.assert_array_equal(sequence.first_box, [10, 20, 5, 6])
    sequence.first_box[:] = 0
    np.testing.assert_array_equal(sequence.first_box, [10, 20, 5, 6])


def test_otb_numbers_may_start_anywhere(tmp_path):
    sequence = open_sequence(write_otb(tmp_path / "BlurCar1", [247, 248], ["1,1,5,6", "2,1,5,6"]))
    assert levels(sequence) == [10, 11]


@pytest.mark.parametrize("annotated", ["window", "all"])
def test_otb_frame_window(tmp_path, annotated):
    # 298 ... 302 with a window from 300: three frames stay, whether the file covers these or all five
    lines = [f"{number},1,5,6" for number in range(298, 303)]
    folder = write_otb(tmp_path / "David", range(298, 303), lines if annotated == "all" else lines[2:])
    sequence = open_sequence(folder)
    assert levels(sequence) == [12, 13, 14]
    np.testing.assert_array_equal(sequence.boxes[:, 0], [299, 300, 301])


def test_otb_two_targets(tmp_path):
    write_otb(tmp_path / "Jogging", [1], ["11,1,5,6"], "groundtruth_rect.1.txt")
    folder = write_otb(tmp_path / "Jogging", [1], ["21,1,5,6"], "groundtruth_rect.2.txt")
    with refused(folder, 2, tmp_path / "Jogging-1", "Jogging-2"):
        open_sequence(folder)
    assert open_sequence(tmp_path / "Jogging-1").first_box[0] == 10
    for spelling in ("Jogging-2", "Jogging.2", "Jogging_2"):
        sequence = open_sequence(tmp_path / spelling)
        assert (sequence.name, sequence.first_box[0]) == ("Jogging-2", 20)
        assert sequence.attributes == ATTRIBUTES["Jogging-2"]
    with refused(tmp_path / "Jogging-3"):
        open_sequence(tmp_path / "Jogging-3")


def test_human4_has_its_second_target_only(tmp_path):
    write_otb(tmp_path / "Human4", [1], [], "groundtruth_rect.1.txt")
    folder = write_otb(tmp_path / "Human4", [1], ["21,1,5,6"], "groundtruth_rect.2.txt")
    assert (open_sequence(folder).name, open_sequence(folder).first_box[0]) == ("Human4-2", 20)


@pytest.mark.parametrize("place", ["color", "imgs", "."])
def test_vot(tmp_path, place):
    write_images(tmp_path / "bag" / place, ["00000001.jpg", "00000002.jpg"])
    (tmp_path / "bag/groundtruth.txt").write_text("10,20,40,20,40,70,10,70\n5,6,7,8\n")
    sequence = open_sequence(tmp_path / "bag")
    np.testing.assert_allclose(sequence.boxes, [[10, 20, 31, 51], [5, 6, 7, 8]])
    assert levels(sequence) == [10, 11]


def test_got10k_test_sequences_give_the_first_box_only(tmp_path):
    write_images(tmp_path / "GOT-10k_Test_000001", ["00000001.jpg", "00000002.jpg", "00000003.jpg"])
    (tmp_path / "GOT-10k_Test_000001/groundtruth.txt").write_text("347.0000,443.0000,429.0000,272.0000\n")
    sequence = open_sequence(tmp_path / "GOT-10k_Test_000001")
    np.testing.assert_array_equal(sequence.first_box, [347, 443, 429, 272])
    assert sequence.boxes.shape == (3, 4) and np.isnan(sequence.boxes[1:]).all()


def test_an_absent_first_target_is_no_first_box(tmp_path):
    assert open_sequence(write_otb(tmp_path / "mine", [1, 2], ["NaN,NaN,NaN,NaN", "1,1,5,5"])).first_box is None


@pytest.mark.parametrize("lines", [2, 4])
def test_annotations_that_do_not_go_with_the_images(tmp_path, lines):
    folder = write_otb(tmp_path / "mine", [1, 2, 3], ["1,1,5,5"] * lines)
    with refused(folder / "groundtruth_rect.txt", 3, lines):
        open_sequence(folder)


# Mistakes


def test_sources_that_are_none(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("not a video")
    write_images(tmp_path / "images", ["1.png"])
    for source, named in [
        ("missing", ["'synthetic'"]),
        ("empty", [".jpg", ".png", "img/"]),
        ("text.mp4", ["OpenCV"]),
        ("images/1.png", [tmp_path / "images"]),
    ]:
        with refused(tmp_path / source, *named):
            open_sequence(tmp_path / source)


def test_otb_tables():
    assert len(ATTRIBUTES) == 100 and len(ATTRIBUTE_NAMES) == 11
    assert {code for codes in ATTRIBUTES.values() for code in codes} == set(ATTRIBUTE_NAMES)
    assert set(FRAME_WINDOWS) < set(ATTRIBUTES)


# Real data


@pytest.mark.data
@pytest.mark.parametrize("name", OTB_HERE)
def test_real_otb(data, name):
    annotation = json.loads((data / "annotations/OTB100.json").read_text())[name]
    sequence = open_sequence(data / "otb" / name)
    np.testing.assert_array_equal(sequence.boxes, np.array(annotation["gt_rect"]) - [1, 1, 0, 0])
    assert sequence.name == name and len(sequence) == len(annotation["gt_rect"])
    assert {ATTRIBUTE_NAMES[code] for code in sequence.attributes} == {text.lower() for text in annotation["attr"]}
    first = next(iter(sequence))
    assert first.ndim == 3 and first.shape[2] == 3
    if name in ("Dog1", "Jumping"):
        assert (np.ptp(first, axis=2) == 0).all()


@pytest.mark.data
def test_real_otb_decodes_to_its_end(data):
    assert sum(1 for _ in open_sequence(data / "otb/Skiing")) == 81


@pytest.mark.data
def test_real_vot(data):
    sequence = open_sequence(data / "vot/bag")
    assert (sequence.name, len(sequence), sequence.boxes.shape) == ("bag", 196, (196, 4))
    corners = np.array([291.827, 203.603, 396.382, 264.289, 442.173, 185.397, 337.618, 124.711]).reshape(4, 2)
    np.testing.assert_allclose(sequence.first_box[:2] + (sequence.first_box[2:] - 1) / 2, corners.mean(axis=0))
    assert next(iter(sequence)).shape[2] == 3


@pytest.mark.data
def test_real_videos_for_training_open(data):
    for folder in sorted((data / "train/video").iterdir()):
        sequence = open_sequence(folder)
        assert len(sequence.boxes) == len(sequence) > 1
