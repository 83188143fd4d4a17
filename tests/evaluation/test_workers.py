"""Evaluation in several processes, and killed runs."""

import os
import signal
import subprocess
import sys
import time

import pytest

from brian_siamsnn.evaluation.workers import distribute
from tests.helpers.commands import command
from tests.helpers.evaluations import box_files_of, scores_of, write_sequence
from tests.helpers.messages import assert_names, refused
from tests.helpers.paths import ROOT


def start(arguments, folder):
    """The command in its own process, with Brian2's NumPy code (its workers read the file too)."""
    (folder / "brian_preferences").write_text("codegen.target = 'numpy'\n")
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        [sys.executable, "-m", "brian_siamsnn", *map(str, arguments)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(condition, process, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def longer(tmp_path_factory):
    """Three sequences, and an undisturbed evaluation of them."""
    folder = tmp_path_factory.mktemp("longer")
    for seed in range(3):
        write_sequence(folder / "root" / f"s{seed}", frames=6, seed=seed)
    arguments = ["evaluate", folder / "root", *"--steps 5 --scales 1 --output".split()]
    assert command(*arguments, folder / "whole") == 0
    return folder / "whole", arguments


@pytest.mark.slow
def test_a_killed_and_resumed_run_gives_the_same_result(longer, tmp_path):
    """SIGKILL after the first sequence: finished work is not repeated, and the final result is the same."""
    whole, arguments = longer
    output = tmp_path / "killed"
    killed = start([*arguments, output], tmp_path)
    until((output / "boxes" / "s0.json").exists, killed)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (output / "report.json").exists()
    kept = (output / "boxes" / "s0.json").read_bytes()
    # boxes without their record, as left by a kill between the two writes, count as unfinished
    (output / "boxes" / "s2.txt").write_text("1,2,3,4\n")
    assert command(*arguments, output) == 0
    assert box_files_of(output) == box_files_of(whole)
    assert scores_of(output) == scores_of(whole)
    assert (output / "boxes" / "s0.json").read_bytes() == kept


@pytest.mark.slow
def test_a_dead_worker_loses_no_results(longer, tmp_path):
    pytest.importorskip("distributed", reason="workers are Dask's")
    psutil = pytest.importorskip("psutil", reason="finds the workers' processes")
    whole, arguments = longer
    output = tmp_path / "many"
    many = start([*arguments, output, "--workers", "2"], tmp_path)

    def workers():
        children = psutil.Process(many.pid).children(recursive=True)
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]

    # with one sequence finished, each worker has one of the other two; one worker is killed
    until(lambda: list((output / "boxes").glob("*.json")), many)
    before = workers()
    max(before, key=lambda worker: worker.cpu_times().user).send_signal(signal.SIGKILL)
    assert many.wait(timeout=240) == 0, many.stderr.read()
    assert len(before) >= 2
    assert box_files_of(output) == box_files_of(whole)
    assert scores_of(output) == scores_of(whole)


@pytest.fixture
def distributed():
    return pytest.importorskip("distributed", reason="workers are Dask's")


def test_an_unresponsive_scheduler_is_named(distributed):
    jobs = distribute(lambda *_: None, {"a": ()}, scheduler="tcp://127.0.0.1:9", patience=0.5)
    with refused("tcp://127.0.0.1:9", "dask scheduler"):
        list(jobs)


def test_a_slowly_closing_cluster_loses_no_results(distributed, monkeypatch):
    close = distributed.LocalCluster.close

    def slow(self, *arguments, **options):
        close(self, *arguments, **options)
        raise TimeoutError

    monkeypatch.setattr(distributed.LocalCluster, "close", slow)
    jobs = {"a": (1,), "b": (2,)}
    assert dict(distribute(lambda number, threads, tell: 10 * number, jobs, workers=2)) == {"a": 10, "b": 20}


SCRIPT = """
import sys
from brian_siamsnn.evaluation.workers import distribute

def double(number, threads, tell):
    return 2 * number

def work():
    print(sorted(distribute(double, {"a": (1,), "b": (2,)}, workers=2)))

if sys.argv[1] == "unguarded" or __name__ == "__main__":
    work()
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["guarded", "unguarded"])
def test_a_script_that_starts_workers_needs_a_main_guard(kind, tmp_path):
    """Every worker imports the script first, and would start workers of its own."""
    pytest.importorskip("distributed", reason="workers are Dask's")
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "script.py", kind],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    if kind == "guarded":
        assert (done.returncode, done.stdout, done.stderr) == (0, "[('a', 2), ('b', 4)]\n", "")
    else:
        assert done.returncode != 0 and done.stderr.count("Traceback") == 1
        assert_names(done.stderr.splitlines()[-1], "InputError", "if __name__ == '__main__':")
