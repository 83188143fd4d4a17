"""Error reasons as one line."""

import numpy as np
import pytest

from brian_siamsnn.errors import reason_of, whole_number
from tests.helpers.messages import refused


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("no such thing"), "no such thing"),
        (ValueError("\n  two   words\nand more"), "two words"),
        # in the form of Brian2's parser
        (ValueError("Parsing failed: \n1v : 1\n^\nExpected end of text"), "1v : 1"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_a_reason_is_never_empty(error, reason):
    assert reason_of(error) == reason


@pytest.mark.parametrize("value", [3, 3.0, np.int64(3), np.float32(3)])
def test_a_whole_number_of_any_type_is_an_int(value):
    number = whole_number("steps", value)
    assert number == 3 and type(number) is int


@pytest.mark.parametrize("value", [2.5, "3", None, True, float("nan"), float("inf"), [3]])
def test_anything_else_is_not_a_whole_number(value):
    with refused("steps", repr(value)):
        whole_number("steps", value)


@pytest.mark.parametrize(("value", "least"), [(0, 1), (-1, 0), (1.0, 2)])
def test_a_number_too_small_is_named(value, least):
    with refused("steps", least, value):
        whole_number("steps", value, least)
