"""Error reasons as one line."""

import pytest

from brian_siamsnn.errors import reason_of


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
