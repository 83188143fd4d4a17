"""Sequences of OTB, VOT and GOT-10k, generated and real."""

import json
import warnings

import numpy as np
import pytest

from brian_siamsnn.errors import InputWarning
from brian_siamsnn.sequences.datasets import open_dataset
from brian_siamsnn.sequences.frames import starting_at
from brian_siamsnn.sequences.otb import ATTRIBUTE_NAMES, ATTRIBUTES
from brian_siamsnn.sequences.sources import open_sequence
from tests.helpers.messages import assert_names, refused
from tests.helpers.pictures import levels, write_images, write_otb


@pytest.fixture
def deer(tmp_path):
    return open_sequence(write_otb(tmp_path / "Deer", [1, 2, 3], ["11\t21\t5\t6", "12,22,5,6", "0 0 0 0"]))


def test_otb_sequences_have_their_attributes(deer):
    assert (deer.name, deer.frame_count, deer.attributes) == ("Deer", 3, ("MB", "FM", "IPR", "BC"))


def test_otb_coordinates_start_at_one(deer):
    np.testing.assert_array_equal(deer.boxes, [[10, 20, 5, 6], [11, 21, 5, 6], [np.nan] * 4])
    np.testing.assert_array_equal(deer.first_box, [10, 20, 5, 6])


def test_first_box_returns_a_copy(deer):
    deer.first_box[:] = 0
    np.testing.assert_array_equal(deer.first_box, [10, 20, 5, 6])


def test_otb_image_numbers_can_start_anywhere(tmp_path):
    sequence = open_sequence(write_otb(tmp_path / "BlurCar1", [247, 248], ["1,1,5,6", "2,1,5,6"]))
    assert levels(sequence) == [10, 11]


@pytest.mark.parametrize("annotated", ["window", "all"])
def test_the_otb_frame_window_is_applied(tmp_path, annotated):
    # 298 ... 302 with a window from 300: three frames remain, whether the file covers these or all five
    lines = [f"{number},1,5,6" for number in range(298, 303)]
    folder = write_otb(tmp_path / "David", range(298, 303), lines if annotated == "all" else lines[2:])
    sequence = open_sequence(folder)
    assert levels(sequence) == [12, 13, 14]
    np.testing.assert_array_equal(sequence.boxes[:, 0], [299, 300, 301])


@pytest.fixture
def link(tmp_path):
    """A function that replaces a folder by a link to its content elsewhere, as DVC and git-annex do."""

    def replace(folder, name=None, store="3f2a9c"):
        folder.rename(tmp_path / store)
        linked = tmp_path / (name or folder.name)
        linked.symlink_to(tmp_path / store, target_is_directory=True)
        return linked

    return replace


def test_a_linked_folder_keeps_its_name_attributes_and_window(tmp_path, link):
    sequence = open_sequence(link(write_otb(tmp_path / "David", range(298, 303), ["1,1,5,6"] * 5)))
    assert (sequence.name, sequence.attributes) == ("David", ATTRIBUTES["David"])
    assert levels(sequence) == [12, 13, 14]


@pytest.mark.parametrize("name", ["DAVID", "today"])
def test_window_and_attributes_are_those_of_the_link_or_its_target(tmp_path, link, name):
    folder = write_otb(tmp_path / "David", range(298, 303), ["1,1,5,6"] * 5)
    (tmp_path / "store").mkdir()
    sequence = open_sequence(link(folder, name, "store/David"))
    assert sequence.name == {"DAVID": "DAVID", "today": "David"}[name]
    assert (sequence.attributes, len(sequence)) == (ATTRIBUTES["David"], 3)


def test_a_linked_vot_sequence_keeps_its_name(tmp_path, link):
    write_images(tmp_path / "bag", ["1.png"])
    (tmp_path / "bag" / "groundtruth.txt").write_text("1,1,4,4\n")
    assert open_sequence(link(tmp_path / "bag")).name == "bag"


def test_one_of_two_targets_of_a_linked_folder_has_its_attributes(jogging, link):
    linked = link(jogging)
    sequence = open_sequence(f"{linked}-2")
    assert (sequence.name, sequence.attributes) == ("Jogging-2", ATTRIBUTES["Jogging-2"])


def test_a_sequence_is_opened_from_inside_its_folder(jogging, monkeypatch):
    monkeypatch.chdir(jogging)
    with refused(f"{jogging}-1", f"{jogging}-2"):
        open_sequence(".")
    assert [item.open().boxes[0, 0] for item in open_dataset(".").items] == [10, 20]


@pytest.fixture
def jogging(tmp_path):
    """A folder with two targets, at 10 and at 20."""
    write_otb(tmp_path / "Jogging", [1], ["11,1,5,6"], "groundtruth_rect.1.txt")
    return write_otb(tmp_path / "Jogging", [1], ["21,1,5,6"], "groundtruth_rect.2.txt")


def test_a_folder_with_two_targets_is_refused_with_their_names(jogging):
    with refused(jogging, 2, f"{jogging}-1", f"{jogging}-2"):
        open_sequence(jogging)


@pytest.mark.parametrize(("spelling", "target"), [("-1", 1), ("-2", 2), (".2", 2), ("_2", 2)])
def test_one_of_two_targets_can_be_named_in_any_spelling(jogging, spelling, target):
    sequence = open_sequence(f"{jogging}{spelling}")
    assert (sequence.name, sequence.first_box[0]) == (f"Jogging-{target}", 10 * target)
    assert sequence.attributes == ATTRIBUTES[f"Jogging-{target}"]


def test_an_unknown_third_target_is_named(jogging):
    with refused(f"{jogging}-3"):
        open_sequence(f"{jogging}-3")


def test_human4_uses_only_its_second_target(tmp_path):
    write_otb(tmp_path / "Human4", [1], [], "groundtruth_rect.1.txt")
    folder = write_otb(tmp_path / "Human4", [1], ["21,1,5,6"], "groundtruth_rect.2.txt")
    assert (open_sequence(folder).name, open_sequence(folder).first_box[0]) == ("Human4-2", 20)


@pytest.mark.parametrize("place", ["color", "imgs", "."])
def test_vot_boxes_and_polygons_start_at_zero(tmp_path, place):
    write_images(tmp_path / "bag" / place, ["00000001.jpg", "00000002.jpg"])
    (tmp_path / "bag/groundtruth.txt").write_text("10,20,40,20,40,70,10,70\n5,6,7,8\n")
    sequence = open_sequence(tmp_path / "bag")
    np.testing.assert_allclose(sequence.boxes, [[10, 20, 31, 51], [5, 6, 7, 8]])
    assert levels(sequence) == [10, 11]


def test_got10k_test_sequences_have_the_first_box_only(tmp_path):
    write_images(tmp_path / "GOT-10k_Test_000001", ["00000001.jpg", "00000002.jpg", "00000003.jpg"])
    (tmp_path / "GOT-10k_Test_000001/groundtruth.txt").write_text("347.0000,443.0000,429.0000,272.0000\n")
    sequence = open_sequence(tmp_path / "GOT-10k_Test_000001")
    np.testing.assert_array_equal(sequence.first_box, [347, 443, 429, 272])
    assert sequence.boxes.shape == (3, 4) and np.isnan(sequence.boxes[1:]).all()


def corners(tmp_path, lines):
    """Warnings of opening a VOT sequence of 32 x 24 pixels with these boxes."""
    write_images(tmp_path, [f"{k}.png" for k in range(len(lines))])
    (tmp_path / "groundtruth.txt").write_text("".join(f"{line}\n" for line in lines))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        open_sequence(tmp_path)
    return [str(warning.message) for warning in told if warning.category is InputWarning]


def test_corners_in_place_of_width_and_height_are_noticed(tmp_path):
    """Two of three would end beyond 32 x 24 pixels as x, y, w, h; all are inside as corners."""
    (message,) = corners(tmp_path, ["20,10,30,20", "18,10,30,20", "2,2,9,9", "NaN,NaN,NaN,NaN"])
    assert_names(message, tmp_path / "groundtruth.txt", "2 of 3", "32 x 24", "x1, y1, x2, y2")


@pytest.mark.parametrize(
    "lines",
    [
        ["2,2,9,9", "20,10,30,20", "3,3,9,9"],  # most are inside
        ["20,10,12,14", "20,10,12,14"],  # inside, to the last pixel
        ["20,10,30,20", "20,10,19,20"],  # the second one has its corners in the wrong order
        ["20,10,90,90"],  # outside as corners too
        ["NaN,NaN,NaN,NaN"],
    ],
)
def test_other_boxes_are_not_taken_for_corners(tmp_path, lines):
    assert corners(tmp_path, lines) == []


def test_a_sequence_can_start_at_a_later_frame(deer):
    later = starting_at(deer, 1)
    assert (later.name, len(later), later.attributes) == ("Deer", 2, deer.attributes)
    assert levels(later) == [11, 12] and levels(later) == [11, 12]
    np.testing.assert_array_equal(later.first_box, [11, 21, 5, 6])
    assert starting_at(deer, 0) is deer


@pytest.mark.parametrize("start", [3, 9, -1])
def test_a_start_beyond_the_sequence_is_named(deer, start):
    with refused("Deer", 0, 2, start):
        starting_at(deer, start)


def test_a_start_beyond_a_sequence_of_unknown_length_is_named(deer):
    deer.frame_count = None
    with refused("Deer", 0, 2, 5):
        list(starting_at(deer, 5))


def test_an_absent_first_target_gives_no_first_box(tmp_path):
    assert open_sequence(write_otb(tmp_path / "mine", [1, 2], ["NaN,NaN,NaN,NaN", "1,1,5,5"])).first_box is None


@pytest.mark.parametrize("lines", [2, 4])
def test_annotations_that_do_not_match_the_images_are_named(tmp_path, lines):
    folder = write_otb(tmp_path / "mine", [1, 2, 3], ["1,1,5,5"] * lines)
    with refused(folder / "groundtruth_rect.txt", 3, lines):
        open_sequence(folder)


# real data

OTB_HERE = "Couple Crossing Deer Dog1 DragonBaby Football1 Girl Human7 Jumping MotorRolling Skiing".split()


@pytest.mark.data
@pytest.mark.parametrize("name", OTB_HERE)
def test_real_otb_sequences_match_the_annotations(data, name):
    annotation = json.loads((data / "annotations/OTB100.json").read_text())[name]
    sequence = open_sequence(data / "otb" / name)
    np.testing.assert_array_equal(sequence.boxes, np.array(annotation["gt_rect"]) - [1, 1, 0, 0])
    assert sequence.name == name and len(sequence) == len(annotation["gt_rect"])
    assert {ATTRIBUTE_NAMES[code] for code in sequence.attributes} == {text.lower() for text in annotation["attr"]}


@pytest.mark.data
@pytest.mark.parametrize("name", OTB_HERE)
def test_real_otb_frames_are_rgb(data, name):
    first = next(iter(open_sequence(data / "otb" / name)))
    assert first.ndim == 3 and first.shape[2] == 3


@pytest.mark.data
@pytest.mark.parametrize("name", ["Dog1", "Jumping"])
def test_real_gray_frames_have_three_equal_channels(data, name):
    first = next(iter(open_sequence(data / "otb" / name)))
    assert (np.ptp(first, axis=2) == 0).all()


@pytest.mark.data
def test_a_real_otb_sequence_decodes_to_the_end(data):
    assert sum(1 for _ in open_sequence(data / "otb/Skiing")) == 81


@pytest.mark.data
def test_a_real_vot_sequence_has_the_box_of_its_polygon(data):
    sequence = open_sequence(data / "vot/bag")
    assert (sequence.name, len(sequence), sequence.boxes.shape) == ("bag", 196, (196, 4))
    corners = np.array([291.827, 203.603, 396.382, 264.289, 442.173, 185.397, 337.618, 124.711]).reshape(4, 2)
    np.testing.assert_allclose(sequence.first_box[:2] + (sequence.first_box[2:] - 1) / 2, corners.mean(axis=0))
    assert next(iter(sequence)).shape[2] == 3


@pytest.mark.data
def test_real_training_videos_can_be_opened(data):
    for folder in sorted((data / "train/video").iterdir()):
        sequence = open_sequence(folder)
        assert len(sequence.boxes) == len(sequence) > 1
