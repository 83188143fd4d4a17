"""The exception for invalid user input, and the check of whole numbers."""

from __future__ import annotations

import numbers

__all__ = ["InputError", "InputWarning", "reason_of", "whole_number"]


class InputError(ValueError):
    """Raised for invalid user input.

    The message is one line: it names the setting or file, says what was
    expected and what was received and, where possible, how to fix it. The
    command line prints the message and exits with code 2. Any other exception
    is a bug in this package.

    Parameters
    ----------
    message : str
        Text of the error. Line breaks and control characters are escaped.
    """

    def __init__(self, message: str) -> None:
        # file names and file contents may contain line breaks or terminal control sequences
        super().__init__("".join(c if c.isprintable() else repr(c)[1:-1] for c in str(message)))


class InputWarning(UserWarning):
    """Issued for input that can be used but is probably not what it seems; the command line prints it as a note."""


def whole_number(name: str, value: object, least: int = 1) -> int:
    """Check a number of something.

    Parameters
    ----------
    name : str
        What it is, for the message.
    value : object
        The number; 2.0 counts as 2.
    least : int
        Smallest number that is accepted; 1 by default.

    Returns
    -------
    int
        The number.

    Raises
    ------
    InputError
        If it is not a whole number, or is too small.
    """
    number = float(value) if isinstance(value, numbers.Real) else float("nan")
    if not number.is_integer() or value is True or value is False:
        raise InputError(f"{name}: expected a whole number, got {value!r}")
    if number < least:
        raise InputError(f"{name}: expected {least} or more, got {value}")
    return int(number)


def reason_of(error: BaseException) -> str:
    """Summarise another library's exception in one line.

    Some messages bury the reason. Brian2's parser, for example, prints
    "Parsing failed:", the source text and a pointer into it before it says what
    is wrong. The exception that caused it carries the reason alone, so that one
    is preferred.

    Parameters
    ----------
    error : BaseException
        The exception, with its ``__cause__`` if it has one.

    Returns
    -------
    str
        The first informative line of the cause, or of the exception if it has
        no cause; the name of the exception's type if there is no such line.
    """
    lines = (" ".join(line.split()) for line in str(error.__cause__ or error).splitlines())
    return next((line for line in lines if line.strip("^ ") and not line.endswith(":")), type(error).__name__)
