"""The doctor, on machines with one thing broken each."""

import json
import os
import shutil
import subprocess

import pytest

from brian_siamsnn import cli, doctor


def only(findings, subject):
    (finding,) = [finding for finding in findings if finding.subject == subject]
    return finding


def test_this_machine_tracks(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["doctor", "--json", str(tmp_path / "doctor.json")])
    assert end.value.code == 0
    assert "tracking works here" in capsys.readouterr().out
    states = {finding["subject"]: finding["state"] for finding in json.loads((tmp_path / "doctor.json").read_text())}
    for subject in ("python", "brian2", "numpy", "event kernel", "video", "model compact"):
        assert states[subject] == "ok"


def test_brian2_that_does_not_import_is_named_and_nothing_else_fails(monkeypatch, capsys):
    real = doctor.importlib.import_module

    def broken(module):
        if module == "brian2":
            raise AttributeError("`ptp` was removed from the ndarray class in NumPy 2.0")
        return real(module)

    monkeypatch.setattr(doctor.importlib, "import_module", broken)
    finding = only(doctor.python_packages(), "brian2")
    assert (finding.state, finding.mend) == ("problem", "pip install 'numpy<2.4'")
    with pytest.raises(SystemExit) as end:
        cli.main(["doctor"])
    assert end.value.code == 1
    assert "1 problem(s): tracking does not work" in capsys.readouterr().out


def test_a_missing_compiler_and_a_missing_torch_are_notes(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    (finding,) = doctor.compiler()
    assert finding.state == "note" and "NumPy" in finding.text and "apt install g++" in finding.mend
    monkeypatch.setattr(doctor, "_version", lambda package: "")
    assert only(doctor.python_packages(), "torch").mend == "pip install 'brian_siamsnn[torch]'"


def test_a_kernel_that_adds_wrongly_is_a_problem(monkeypatch):
    from brian_siamsnn import _events

    assert doctor.kernel()[0].state == "ok"
    monkeypatch.setattr(_events, "convolve", lambda *arguments: 4)
    (finding,) = doctor.kernel()
    assert finding.state == "problem" and "[0.0, 0.0, 0.0, 0.0] for [2.0, 1.5, 1.0, 0.5]" in finding.text


def test_a_model_file_that_is_not_its_cards_is_a_problem(monkeypatch, tmp_path):
    (tmp_path / "mine.safetensors").write_bytes(b"other")
    (tmp_path / "mine.md").write_text("| SHA-256 | `" + 64 * "0" + "` |\n")
    monkeypatch.setattr(doctor, "names", lambda folder, suffix: ["mine"])
    monkeypatch.setattr(doctor, "find", lambda folder, name, suffix: tmp_path / f"{name}{suffix}")
    assert doctor.models()[0].state == "problem"
    (tmp_path / "mine.md").write_text("nothing")
    assert doctor.models()[0].state == "note"


def test_genn_without_its_path(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "_version", lambda package: "1.7.0")
    monkeypatch.delenv("GENN_PATH", raising=False)
    assert "GENN_PATH is not set" in doctor.genn()[0].text
    monkeypatch.setenv("GENN_PATH", str(tmp_path))
    assert doctor.genn()[0].state == "note"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "genn-buildmodel.sh").touch()
    assert doctor.genn()[0].state == "ok"


def test_a_gpu_without_nvcc(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "nvcc" else f"/usr/bin/{name}")
    answer = subprocess.CompletedProcess([], 0, "GPU 0: Test\n", "")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: answer)
    assert "no nvcc" in doctor.cuda()[0].text


def test_a_folder_that_cannot_be_written(monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert doctor.folders()[0].mend == "give --output FOLDER"
