"""Assertions on messages: they name the relevant items in one line. Their wording is not tested."""

import re
from contextlib import contextmanager

import pytest

from brian_siamsnn.errors import InputError


@contextmanager
def refused(*parts):
    """The block raises an `InputError` that names all of ``parts``: settings, layers, files, values, options."""
    with pytest.raises(InputError) as caught:
        yield caught
    assert_names(caught.value, *parts)


def assert_names(message, *parts):
    """A message is one line and names all of ``parts``: ``conv1`` is not in ``conv12``, nor ``1`` in ``0.1``."""
    assert "\n" not in str(message)
    assert_shows(str(message), *parts)


def assert_shows(text, *parts):
    """The text contains all of ``parts``, each as a separate word or number."""
    for part in map(str, parts):
        before = r"(?<![\w.\-/])" if part[0].isdigit() else r"(?<!\w)" if part[0].isalpha() else ""
        after = r"(?![\w\-/]|\.\w)" if part[-1].isdigit() and part[0] in "-0123456789" else ""
        after = after or (r"(?!\w)" if part[-1].isalnum() else "")
        assert re.search(before + re.escape(part) + after, text), f"{part!r} is not in {text!r}"


def last_error(capsys):
    """The error that ended a command: the last line of stderr, without ``error: ``."""
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("error: "), line
    return line.removeprefix("error: ")
