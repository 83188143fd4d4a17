"""Box files: separators, absent targets, polygons and malformed lines."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brian_siamsnn.sequences.annotations import polygon_to_box, read_boxes
from tests.helpers.messages import refused


@pytest.fixture
def path(tmp_path):
    return tmp_path / "boxes.txt"


@pytest.mark.parametrize("separator", [",", "\t", " ", ", ", "   ", ";", "; "])
def test_numbers_are_separated_by_commas_semicolons_tabs_or_spaces(path, separator):
    path.write_text(separator.join(["11", "21.5", "30", "40"]) + "\r\n\n")
    np.testing.assert_array_equal(read_boxes(path), [[11, 21.5, 30, 40]])


@pytest.mark.parametrize(
    "line",
    [
        "61,5\t101,25\t20,0\t30,5",
        "61,5;101,25;20;30,5",
        "61,5 101,25 20 30,5",
        "61,50 ; 101,25 ; 2e1 ; 30,5",
        "61,5\t101,25\t20.0\t30,5",
    ],
)
def test_a_comma_inside_a_number_is_a_decimal_comma(path, line):
    path.write_text(line)
    np.testing.assert_array_equal(read_boxes(path), [[61.5, 101.25, 20, 30.5]])


def test_a_polygon_may_have_decimal_commas(path):
    path.write_text("10,5 20 40,5 20 40,5 70 10,5 70")
    np.testing.assert_allclose(read_boxes(path), [[10.5, 20, 31, 51]])


def test_absent_targets_among_decimal_commas(path):
    path.write_text("1,5\t2,5\t3,5\t4,5\nNaN\tNaN\tNaN\tNaN\n0,0\t0,0\t0,0\t0,0\n-1,5\t2\t3\t4")
    np.testing.assert_array_equal(read_boxes(path), [[1.5, 2.5, 3.5, 4.5], [np.nan] * 4, [np.nan] * 4, [-1.5, 2, 3, 4]])


def test_corners_or_decimal_commas_are_not_guessed(path):
    path.write_text("1,2,3,4\n61,5 101,3 20,0 30,5")
    with refused(path, "line 2", "'61,5 101,3 20,0 30,5'"):
        read_boxes(path)


def test_an_origin_of_one_is_subtracted(path):
    path.write_text("11,21.5,30,40\n")
    np.testing.assert_array_equal(read_boxes(path, origin=1), [[10, 20.5, 30, 40]])


def test_absent_targets_are_nan(path):
    path.write_text("1,2,3,4\n0,0,0,0\nNaN,NaN,NaN,NaN\n5,5,-1,4\n1,1,1,nan\n")
    boxes = read_boxes(path)
    np.testing.assert_array_equal(boxes[0], [1, 2, 3, 4])
    assert np.isnan(boxes[1:]).all()


@pytest.mark.parametrize("line", ["1,2,3", "1,2,3,4,5", "1,,2,3", "1,2,3,width", "1,2,3,inf", "", "<html>"])
def test_malformed_lines_are_named(path, line):
    path.write_text(f"1,2,3,4\n1,2,3,4\n{line}\n1,2,3,4\n")
    with refused(path, "line 3", repr(line)):
        read_boxes(path)


@pytest.mark.parametrize("line", ["1e308,1,1,1", "0 0 0 0 -1e308 5 5 5", "1,1,1e8,1"])
def test_implausible_coordinates_are_named(path, line):
    path.write_text(line)
    with refused(path, "line 1", "1e+07", repr(line)):
        read_boxes(path)


def test_an_empty_file_is_named(path):
    path.write_bytes(b"")
    with refused(path):
        read_boxes(path)


def test_a_binary_file_is_named(path):
    path.write_bytes(b"\xff\xfe\x00\x01")
    with refused(path, "UTF-8"):
        read_boxes(path)


def test_an_axis_aligned_rectangle_is_its_own_box():
    # s = 1, and the corners are the centres of the outer pixels
    np.testing.assert_allclose(polygon_to_box([10, 20, 40, 20, 40, 70, 10, 70]), [10, 20, 31, 51])


def test_a_square_on_its_tip_becomes_a_box_of_equal_area():
    # diagonal 20: area 200 in an extent of 400, s = sqrt(1/2), side 10 sqrt(2) + 1
    side = 10 * 2**0.5
    corner = 50 - side / 2
    box = polygon_to_box([50, 40, 60, 50, 50, 60, 40, 50])
    np.testing.assert_allclose(box, [corner, corner, side + 1, side + 1])


def test_a_polygon_without_area_is_an_absent_target():
    assert np.isnan(polygon_to_box([5, 5, 9, 5, 9, 5, 5, 5])).all()


@given(st.floats(1, 200), st.floats(1, 200), st.floats(0, 2 * np.pi), st.floats(-99, 99), st.floats(-99, 99))
def test_a_rotated_rectangle_keeps_its_centre_and_area(width, height, angle, x, y):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([(-width, -height), (width, -height), (width, height), (-width, height)]) / 2 @ turn + (x, y)
    box = polygon_to_box(corners.ravel())
    np.testing.assert_allclose(box[:2] + (box[2:] - 1) / 2, [x, y], atol=1e-9)
    assert np.prod(box[2:] - 1) == pytest.approx(width * height, rel=1e-6)
