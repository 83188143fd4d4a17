"""The program of a compiled branch keeps running: its exchange with Python, without compiling one."""

import gc
import os
import signal
import sys
import time

import pytest

from brian_siamsnn.network.resident_program import ResidentProgram
from tests.helpers.messages import refused

#: Stands for a compiled network: 4 bytes are its input currents; it doubles their sum.
PROGRAM = """
import os, sys
print("a message of Brian2")
open("started", "a").write(f"{os.getpid()}\\n")
while len(table := sys.stdin.buffer.read(4)) == 4:
    if table == b"fail":
        sys.stderr.write("first\\nno space left\\n\\n")
        sys.exit(3)
    if table == b"wait":
        import time
        time.sleep(60)
    open("result", "w").write(str(2 * sum(table)))
    print("run took", 0.25, flush=True)
"""


@pytest.fixture
def program(tmp_path):
    return ResidentProgram("genn", [sys.executable, "-c", PROGRAM], tmp_path)


def started(folder):
    return [int(line) for line in (folder / "started").read_text().split()]


def running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_program_answers_every_run(program, tmp_path):
    for table, doubled in ((b"\1\2\3\4", "20"), (b"\0\0\0\1", "2"), (b"\1\2\3\4", "20")):
        assert program.run(table) == 0.25
        assert (tmp_path / "result").read_text() == doubled
    assert len(started(tmp_path)) == 1


def test_a_program_that_ends_is_told_with_its_last_line_and_started_again(program, tmp_path):
    program.run(b"\0\0\0\1")
    with refused("genn", 3, "no space left"):
        program.run(b"fail")
    assert program.run(b"\0\0\0\2") == 0.25
    assert (tmp_path / "result").read_text() == "4"
    first, second = started(tmp_path)
    assert not running(first) and running(second)


def test_a_program_that_ended_between_two_runs_is_told(program, tmp_path):
    program.run(b"\0\0\0\1")
    (pid,) = started(tmp_path)
    os.kill(pid, signal.SIGKILL)
    with refused("genn", -9, "no message"):
        program.run(b"\0\0\0\1")
    assert program.run(b"\0\0\0\1") == 0.25


def test_an_interrupted_run_does_not_answer_the_next(program, tmp_path):
    def interrupt(number, frame):
        raise KeyboardInterrupt

    program.run(b"\0\0\0\1")
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            program.run(b"wait")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert program.run(b"\0\0\0\5") == 0.25
    assert (tmp_path / "result").read_text() == "10"
    first, second = started(tmp_path)
    assert not running(first) and first != second


def test_the_program_ends_with_its_branch(tmp_path):
    program = ResidentProgram("genn", [sys.executable, "-c", PROGRAM], tmp_path)
    program.run(b"\0\0\0\1")
    (pid,) = started(tmp_path)
    assert running(pid)
    del program
    gc.collect()
    assert not running(pid)


def test_the_program_ends_when_python_is_killed(tmp_path):
    """Its input then ends, as the loop of a compiled network does."""
    import subprocess

    code = (
        "import sys\nfrom pathlib import Path\n"
        "from brian_siamsnn.network.resident_program import ResidentProgram\n"
        f"program = ResidentProgram('genn', [sys.executable, '-c', {PROGRAM!r}], Path({str(tmp_path)!r}))\n"
        "program.run(b'1234')\nimport os\nos.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    (pid,) = started(tmp_path)
    for _ in range(100):
        if not running(pid):
            return
        time.sleep(0.1)
    raise AssertionError("still running")
