"""Tables of OTB: names in any spelling, editions and frame windows."""

import numpy as np
import pytest

from brian_siamsnn.sequences.otb import ATTRIBUTE_NAMES, ATTRIBUTES, FRAME_WINDOWS, OTB2013, canonical, window_rows


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("Jogging-1", "Jogging-1"),
        ("Jogging_1", "Jogging-1"),
        ("Jogging.1", "Jogging-1"),
        ("jogging_2", "Jogging-2"),
        ("Skating2.2", "Skating2-2"),
        ("Human4", "Human4-2"),
        ("Human4_2", "Human4-2"),
        ("carDark", "CarDark"),
        ("faceocc2", "FaceOcc2"),
        ("my_own.video", "my_own.video"),
    ],
)
def test_benchmark_names_are_found_in_any_spelling(spelling, name):
    assert canonical(spelling) == name


def test_the_first_edition_has_51_of_the_hundred_targets():
    assert len(ATTRIBUTES) == 100 and len(set(OTB2013)) == 51
    assert set(OTB2013) < set(ATTRIBUTES)


@pytest.mark.parametrize(
    ("name", "given", "first", "last"),
    [
        ("Tiger1", 354, 6, 354),  # all files: the first five are dropped
        ("Tiger1", 349, 1, 349),  # the window alone: nothing is dropped
        ("Football1", 81, 1, 74),
        ("Football1", 74, 1, 74),
        ("David", 770, 300, 770),
        ("David", 471, 1, 471),
        ("Crossing", 120, 1, 120),
    ],
)
def test_rows_are_cut_to_the_frame_window(name, given, first, last):
    rows = window_rows(name, np.arange(1, given + 1))
    assert (rows[0], rows[-1], len(rows)) == (first, last, last - first + 1)


def test_the_tables_have_a_hundred_targets_and_eleven_attributes():
    assert len(ATTRIBUTES) == 100 and len(ATTRIBUTE_NAMES) == 11
    assert {code for codes in ATTRIBUTES.values() for code in codes} == set(ATTRIBUTE_NAMES)
    assert set(FRAME_WINDOWS) < set(ATTRIBUTES)
