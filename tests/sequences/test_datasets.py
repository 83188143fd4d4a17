"""Folders of sequences are recognised by their files."""

import pytest

from brian_siamsnn.sequences.datasets import open_dataset


@pytest.fixture
def folder(tmp_path):
    """Sequences of OTB, with one target and with two, one of VOT, and a folder of something else."""
    for name, box in {
        "Jogging/groundtruth_rect.1.txt": "1,1,4,4\n",
        "Jogging/groundtruth_rect.2.txt": "1,1,4,4\n",
        "Human4/groundtruth_rect.1.txt": "",
        "Human4/groundtruth_rect.2.txt": "1,1,4,4\n",
        "carDark/groundtruth_rect.txt": "1,1,4,4\n",
        "bag/groundtruth.txt": "1,1,4,4\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(box)
    (tmp_path / "other").mkdir()
    return tmp_path


def names(dataset):
    return [item.name for item in dataset.items]


def test_each_target_is_a_sequence_named_as_in_its_benchmark(folder):
    assert names(open_dataset(folder)) == ["bag", "CarDark", "Human4-2", "Jogging-1", "Jogging-2"]


def test_linked_folders_keep_their_names(folder, tmp_path):
    for number, name in enumerate(("bag", "carDark", "Jogging")):
        (folder / name).rename(folder / f".{number}")
        (folder / name).symlink_to(folder / f".{number}", target_is_directory=True)
    assert {"bag", "CarDark", "Jogging-1", "Jogging-2"} <= set(names(open_dataset(folder)))


def test_vot_boxes_start_at_zero_and_otb_boxes_at_one(folder):
    assert [item.origin for item in open_dataset(folder).items] == [0, 1, 1, 1, 1]


def test_folders_without_annotations_are_ignored(folder):
    assert open_dataset(folder).ignored == ("other",)


def test_a_benchmark_has_only_its_own_sequences(folder):
    assert names(open_dataset(folder, "vot")) == ["bag"]


def test_a_subset_has_only_its_own_sequences_and_lists_the_missing_ones(folder):
    subset = open_dataset(folder, "otb", subset="otb2013")
    assert names(subset) == ["CarDark", "Jogging-1", "Jogging-2"] and len(subset.missing) == 48


def test_sequences_are_selected_by_name_in_any_spelling(folder):
    assert names(open_dataset(folder, names=["jogging.2"])) == ["Jogging-2"]


def test_got10k_uses_the_sequences_of_its_list(folder):
    (folder / "list.txt").write_text("bag\ngone\n")
    listed = open_dataset(folder, "got10k")
    assert names(listed) == ["bag"] and listed.missing == ("gone",)
