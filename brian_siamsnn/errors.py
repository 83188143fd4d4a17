"""The one exception that a user can mend."""

from __future__ import annotations

__all__ = ["InputError", "reason_of"]


class InputError(ValueError):
    """Something that was handed in is not what was expected.

    The message is one line that names the thing, what was expected, what came
    and, where there is one, the way out.  The command line prints it and exits
    with code 2; everything else that goes wrong is a defect of ours.
    """

    def __init__(self, message: str) -> None:
        # names of files and what is in them may hold line ends, or what a terminal would obey
        super().__init__("".join(c if c.isprintable() else repr(c)[1:-1] for c in str(message)))


def reason_of(error: BaseException) -> str:
    """Why, in one line, from an exception of another library: the first line of its cause that says something.

    Brian2's parser, for one, says "Parsing failed:", then repeats the text, points at it, and only then says what is
    wrong with it; the exception that caused it says that alone.
    """
    lines = (" ".join(line.split()) for line in str(error.__cause__ or error).splitlines())
    return next((line for line in lines if line.strip("^ ") and not line.endswith(":")), type(error).__name__)
