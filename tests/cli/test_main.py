"""Behaviour common to all commands: help, one-line errors and exit codes."""

import os
import subprocess
import sys

import click
import pytest

from brian_siamsnn.cli.main import cli
from tests.helpers.commands import command
from tests.helpers.messages import assert_names, last_error


@pytest.mark.parametrize("arguments", [[], ["weights"]])
def test_a_bare_command_prints_its_help(arguments, capsys):
    command(*arguments)  # the exit code is 0 or 2, depending on the version of click
    told = capsys.readouterr()
    lines = (told.out + told.err).splitlines()
    assert lines[0].startswith("Usage: brian-siamsnn") and not any(line.endswith("...") for line in lines[1:])


def test_an_unknown_command_is_named(capsys):
    assert command("tracks") == 2
    assert_names(last_error(capsys), "'tracks'")


def test_terminal_control_characters_are_escaped(capsys):
    assert command("track", "\x1b[2Jnowhere\n") == 2
    assert last_error(capsys).startswith("\\x1b[2Jnowhere\\n: ")


@pytest.fixture
def fail(monkeypatch):
    """Run a command that raises this error, and return its exit code."""

    def run(error):
        def callback():
            raise error

        monkeypatch.setitem(cli.commands, "fail", click.Command("fail", callback=callback))
        return command("fail")

    return run


def test_a_system_error_gives_file_and_reason(fail, capsys):
    assert fail(PermissionError(13, "Permission denied", "/a/file")) == 2
    assert last_error(capsys) == "/a/file: Permission denied"


def test_out_of_memory_suggests_options_that_need_less(fail, capsys):
    assert fail(MemoryError("9 GiB")) == 2
    assert_names(last_error(capsys), "memory", "9 GiB", "--steps", "--model")


IGNORING = """
import os, signal, click
from brian_siamsnn.cli import main as command_line

def probe():
    import brian2
    os.kill(os.getpid(), signal.SIGINT)
    click.echo(signal.getsignal(signal.SIGINT).name)

command_line.cli.add_command(click.Command("probe", callback=probe))
command_line.main(["probe"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_an_interrupt_that_the_parent_ignores_stays_ignored():
    """As in ``command &`` in a shell script. Brian2's handler would call the signal's former handler, a number."""
    done = subprocess.run(
        ["sh", "-c", 'trap "" INT; exec "$0" -W ignore -c "$1"', sys.executable, IGNORING],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "SIG_IGN\n", "")


def test_a_closed_output_pipe_gives_no_traceback():
    reading, writing = os.pipe()
    os.close(reading)
    code = "from brian_siamsnn.cli.main import main; main(['equations'])"
    command_line = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command_line, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("words", "offered"), [("brian-siamsnn tr", ["track", "train"]), ("brian-siamsnn dev", ["devices"])]
)
def test_the_shell_completes_commands(words, offered):
    environment = {**os.environ, "_BRIAN_SIAMSNN_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "brian_siamsnn"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert [line.split(",")[1] for line in done.stdout.split()] == offered
