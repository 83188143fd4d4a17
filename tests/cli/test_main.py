"""Errors as the command line says them, whatever the command."""

import os
import subprocess
import sys

import pytest

from brian_siamsnn.cli.main import main
from tests.helpers.messages import assert_names


def command(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return stop.value.code, capsys.readouterr().err.strip().splitlines()[-1]


def test_a_wrong_box_is_said_before_the_model_is_made(capsys):
    for text in ("nan,1,5,5", "1,1,0,5", "1,1,inf,5"):
        code, error = command(capsys, "track", "synthetic", "--init", text, "--model", "nowhere")
        assert code == 2
        assert_names(error, "box", [float(side) for side in text.split(",")])


def test_what_a_terminal_would_obey_is_shown_as_text(capsys):
    code, error = command(capsys, "track", "\x1b[2Jnowhere\n")
    assert code == 2 and error.startswith("error: \\x1b[2Jnowhere\\n: ")


def test_errors_of_the_system_are_one_line(capsys, monkeypatch):
    def failing(error):
        def track(*_, **__):
            raise error

        monkeypatch.setattr("brian_siamsnn.cli.main._track", track)

    failing(PermissionError(13, "Permission denied", "/a/file"))
    assert command(capsys, "demo") == (2, "error: /a/file: Permission denied")
    failing(MemoryError("9 GiB"))
    code, error = command(capsys, "demo")
    assert code == 2 and error.startswith("error: ")
    assert_names(error, "memory", "9 GiB", "--steps", "--model")


def test_an_output_that_nobody_reads_is_no_traceback():
    reading, writing = os.pipe()
    os.close(reading)
    code = "from brian_siamsnn.cli.main import main; main(['equations'])"
    command_line = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command_line, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
