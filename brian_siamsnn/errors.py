"""The one exception that a user can mend."""

__all__ = ["InputError"]


class InputError(ValueError):
    """Something that was handed in is not what was expected.

    The message is one line that names the thing, what was expected, what came
    and, where there is one, the way out.  The command line prints it and exits
    with code 2; everything else that goes wrong is a defect of ours.
    """
