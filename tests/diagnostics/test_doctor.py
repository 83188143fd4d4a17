"""The doctor, on machines with one fault each."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from brian_siamsnn.cli import main as cli
from brian_siamsnn.diagnostics import doctor, machine_checks, package_checks
from tests.helpers.messages import assert_names


def only(findings, subject):
    (finding,) = [finding for finding in findings if finding.subject == subject]
    return finding


def problems(printed):
    """Lines of the doctor's table that report problems."""
    return [line for line in printed.splitlines() if line.startswith("problem ")]


def test_this_machine_passes(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["doctor", "--json", str(tmp_path / "doctor.json")])
    assert end.value.code == 0
    assert problems(capsys.readouterr().out) == []
    states = {finding["subject"]: finding["state"] for finding in json.loads((tmp_path / "doctor.json").read_text())}
    for subject in ("python", "brian2", "numpy", "event kernel", "video", "model compact"):
        assert states[subject] == "ok"


def test_a_brian2_import_failure_is_named_and_nothing_else_fails(monkeypatch, capsys):
    real = package_checks.importlib.import_module

    def broken(module):
        if module == "brian2":
            raise AttributeError("`ptp` was removed from the ndarray class in NumPy 2.0")
        return real(module)

    monkeypatch.setattr(package_checks.importlib, "import_module", broken)
    finding = only(package_checks.python_packages(), "brian2")
    assert (finding.state, finding.fix) == ("problem", "pip install 'numpy<2.4'")
    with pytest.raises(SystemExit) as end:
        cli.main(["doctor"])
    assert end.value.code == 1
    printed = capsys.readouterr().out
    assert len(problems(printed)) == 1
    assert_names(printed.splitlines()[-1], 1)


def test_a_missing_compiler_or_torch_is_a_note(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    (finding,) = machine_checks.compiler()
    assert finding.state == "note" and "NumPy" in finding.text and "apt install g++" in finding.fix
    monkeypatch.setattr(package_checks, "_version", lambda package: "")
    assert only(package_checks.python_packages(), "torch").fix == "pip install 'brian_siamsnn[torch]'"


def test_a_kernel_with_wrong_sums_is_a_problem(monkeypatch):
    from brian_siamsnn.connectivity import _events

    assert package_checks.kernel()[0].state == "ok"
    monkeypatch.setattr(_events, "convolve", lambda *arguments: 4)
    (finding,) = package_checks.kernel()
    assert finding.state == "problem"
    assert_names(finding.text, [0.0] * 4, [2.0, 1.5, 1.0, 0.5])


def test_a_model_file_that_differs_from_its_card_is_a_problem(monkeypatch, tmp_path):
    (tmp_path / "mine.safetensors").write_bytes(b"other")
    (tmp_path / "mine.md").write_text("| SHA-256 | `" + 64 * "0" + "` |\n")
    monkeypatch.setattr(package_checks, "names", lambda folder, suffix: ["mine"])
    monkeypatch.setattr(package_checks, "find", lambda folder, name, suffix: tmp_path / f"{name}{suffix}")
    assert package_checks.models()[0].state == "problem"
    (tmp_path / "mine.md").write_text("nothing")
    assert package_checks.models()[0].state == "note"


def test_a_missing_genn_path_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(package_checks, "_version", lambda package: "1.7.0")
    monkeypatch.delenv("GENN_PATH", raising=False)
    assert "GENN_PATH" in package_checks.genn()[0].text
    monkeypatch.setenv("GENN_PATH", str(tmp_path))
    assert package_checks.genn()[0].state == "note"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "genn-buildmodel.sh").touch()
    assert package_checks.genn()[0].state == "ok"


def test_a_gpu_without_nvcc_is_named(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "nvcc" else f"/usr/bin/{name}")
    answer = subprocess.CompletedProcess([], 0, "GPU 0: Test\n", "")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: answer)
    assert "nvcc" in machine_checks.cuda()[0].text


def test_an_unwritable_folder_suggests_another_output(monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "--output" in machine_checks.folders()[0].fix


def test_a_compiler_that_is_broken_or_lacks_headers_is_named(monkeypatch, tmp_path):
    """Compilers that fail like real ones; the doctor runs them."""
    for message, fix in (
        ("fatal error: Python.h: No such file or directory", "python3-dev"),
        ("cannot execute 'cc1plus'", "apt install g++"),
    ):
        script = tmp_path / "cxx"
        script.write_text(f'#!/bin/sh\necho "{message}" >&2\nexit 1\n')
        script.chmod(0o755)
        monkeypatch.setenv("CXX", str(script))
        monkeypatch.setattr(machine_checks.sys, "platform", "linux")
        (finding,) = machine_checks.compiler()
        assert finding.state == "note" and fix in finding.fix


def test_a_preference_for_numpy_is_named(monkeypatch):
    import brian2

    monkeypatch.setitem(brian2.prefs, "codegen.target", "auto")
    assert machine_checks.code_generation() == []
    monkeypatch.setitem(brian2.prefs, "codegen.target", "numpy")
    (finding,) = machine_checks.code_generation()
    assert finding.state == "note" and "user_preferences" in finding.fix


def test_a_containers_processor_limit_is_noted(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(machine_checks, "_CPU_LIMIT", tmp_path / "cpu.max")
    assert machine_checks.processors()[0].state == "ok"
    for text, state, fix in (
        ("max 100000", "ok", ""),
        ("800000 100000", "ok", ""),
        ("250000 100000", "note", "taskset -c 0-1 brian-siamsnn ..."),
        ("50000 100000", "note", "taskset -c 0 brian-siamsnn ..."),
    ):
        (tmp_path / "cpu.max").write_text(text)
        (finding,) = machine_checks.processors()
        assert (finding.state, finding.fix) == (state, fix)


def test_a_shared_standalone_folder_is_named(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert machine_checks.folders() == []
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "objects.cpp").touch()
    (finding,) = machine_checks.folders()
    assert finding.subject == "standalone folder" and "directory=None" in finding.fix


def test_a_failing_check_is_reported_as_a_finding(monkeypatch):
    def video():
        raise OSError("no space left on device")

    monkeypatch.setattr(doctor, "CHECKS", (video, machine_checks.processors))
    first, second = doctor.examine()
    assert (first.subject, first.state) == ("video", "problem") and "no space left" in first.text
    assert second.subject == "processors"


def test_an_unwritable_video_is_a_note(monkeypatch):
    import cv2

    class Closed:
        def __init__(self, *arguments):
            pass

        def write(self, frame):
            pass

        def release(self):
            pass

    monkeypatch.setattr(cv2, "VideoWriter", type("VideoWriter", (Closed,), {"fourcc": staticmethod(lambda *code: 0)}))
    (finding,) = package_checks.video()
    assert finding.state == "note"
    assert_names(finding.text, "MP4", 4, 0)


def test_the_doctor_runs_without_brian2_and_opencv(tmp_path):
    """In a separate process, with packages of these names that fail like real ones."""
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    (tmp_path / "brian2.py").write_text("raise AttributeError('`ptp` was removed from the ndarray class')")
    package = os.path.dirname(os.path.dirname(doctor.__file__))
    path = os.pathsep.join([str(tmp_path), package])
    done = subprocess.run(
        [sys.executable, "-m", "brian_siamsnn.cli.doctor"],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    assert "apt install libgl1" in done.stdout and "pip install 'numpy<2.4'" in done.stdout
    assert not done.stderr
    assert len(problems(done.stdout)) == 2
    assert_names(done.stdout.splitlines()[-1], 2)
