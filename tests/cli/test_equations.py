"""The command that prints neuron models."""

import pytest

from brian_siamsnn.cli.main import main
from brian_siamsnn.neurons.equation_files import EquationFile, shipped_models
from tests.helpers.messages import assert_names, assert_shows


def command(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    return stop.value.code, *capsys.readouterr()


def test_equations_on_the_command_line(capsys, own):
    code, out, _ = command(capsys, "equations")
    lines = out.splitlines()
    assert code == 0 and [line.split()[0] for line in lines] == shipped_models()
    assert any(line.startswith("phase ") and "Eq. 10" in line and "Weighted spikes" in line for line in lines)

    code, out, _ = command(capsys, "equations", "two_status:reading=ceil,beta=0.7")
    assert code == 0
    # the reading is filled in, values are shown with default and range, all readings are listed
    assert "depressed = ((step + p - 1) // p) % 2 == 1 : boolean (shared)" in out
    lines = {line.strip().split("   ")[0]: line for line in out.splitlines()}
    assert_names(lines["beta = 0.7"], 0, 0.65)
    assert_names(lines["p = 10"], 1)
    assert "reading = ceil" in lines
    assert_shows(out, *EquationFile.read("two_status").choices["reading"].options)
    assert_shows(out, "v = v_init = 0", EquationFile.read("two_status").parameters["alpha"].source)

    assert command(capsys, "equations", str(own()))[0] == 0
    for name in ("nonsense", "rate:gamma=1", str(own("v += I", "v += J"))):
        code, out, err = command(capsys, "equations", name)
        assert code == 2 and not out and err.startswith("error: ") and err.count("\n") == 1


def test_a_bad_file_on_the_command_line_is_one_line(capsys, own, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = str(own("v >= v_th", "v >= theta"))
    for option in ("--coding", "--hidden-coding", "--pooling"):
        code, _, err = command(capsys, "track", "synthetic", option, path, "--frames", "2")
        assert code == 2 and err.splitlines()[-1].startswith("error: ")
        assert_names(err.splitlines()[-1], path, "'threshold'", "'theta'")
    assert [entry.name for entry in tmp_path.iterdir()] == ["own.toml"]
