"""The one exception that a user can mend."""

from __future__ import annotations

__all__ = ["InputError"]


class InputError(ValueError):
    """Something that was handed in is not what was expected.

    The message is one line that names the thing, what was expected, what came
    and, where there is one, the way out.  The command line prints it and exits
    with code 2; everything else that goes wrong is a defect of ours.
    """

    def __init__(self, message: str) -> None:
        # names of files and what is in them may hold line ends, or what a terminal would obey
        super().__init__("".join(c if c.isprintable() else repr(c)[1:-1] for c in str(message)))
