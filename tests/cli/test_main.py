"""What the command line does whatever the command: help, errors of one line, exit codes."""

import os
import subprocess
import sys

import click
import pytest

from brian_siamsnn.cli.main import cli
from tests.helpers.commands import command
from tests.helpers.messages import assert_names, last_error


@pytest.mark.parametrize("arguments", [[], ["weights"]])
def test_a_command_alone_is_answered_with_its_help(arguments, capsys):
    command(*arguments)  # with code 0 or 2, by the version of click
    told = capsys.readouterr()
    lines = (told.out + told.err).splitlines()
    assert lines[0].startswith("Usage: brian-siamsnn") and not any(line.endswith("...") for line in lines[1:])


def test_a_command_that_is_none_is_named(capsys):
    assert command("tracks") == 2
    assert_names(last_error(capsys), "'tracks'")


def test_what_a_terminal_would_obey_is_shown_as_text(capsys):
    assert command("track", "\x1b[2Jnowhere\n") == 2
    assert last_error(capsys).startswith("\\x1b[2Jnowhere\\n: ")


@pytest.fixture
def fail(monkeypatch):
    """Runs a command that raises this error, and returns its exit code."""

    def run(error):
        def callback():
            raise error

        monkeypatch.setitem(cli.commands, "fail", click.Command("fail", callback=callback))
        return command("fail")

    return run


def test_an_error_of_the_system_is_its_file_and_its_reason(fail, capsys):
    assert fail(PermissionError(13, "Permission denied", "/a/file")) == 2
    assert last_error(capsys) == "/a/file: Permission denied"


def test_too_little_memory_is_said_with_what_takes_less(fail, capsys):
    assert fail(MemoryError("9 GiB")) == 2
    assert_names(last_error(capsys), "memory", "9 GiB", "--steps", "--model")


def test_an_output_that_nobody_reads_is_no_traceback():
    reading, writing = os.pipe()
    os.close(reading)
    code = "from brian_siamsnn.cli.main import main; main(['equations'])"
    command_line = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command_line, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
