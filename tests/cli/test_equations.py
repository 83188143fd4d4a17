"""The command that prints neuron models."""

import pytest

from brian_siamsnn.neurons.equation_files import EquationFile, shipped_models
from tests.helpers.commands import command
from tests.helpers.messages import assert_names, assert_shows, last_error


def printed(capsys, *arguments):
    """The printed output of the command."""
    assert command("equations", *arguments) == 0
    return capsys.readouterr().out


def test_without_arguments_it_lists_the_shipped_models(capsys):
    assert [line.split()[0] for line in printed(capsys).splitlines()] == shipped_models()


def test_the_list_has_the_equation_and_the_title_of_each_model(capsys):
    (line,) = [line for line in printed(capsys).splitlines() if line.startswith("phase ")]
    texts = EquationFile.read("phase").texts
    assert_names(line, texts["equation"], texts["description"].strip().partition(":")[0])


@pytest.fixture
def two_status(capsys):
    """The printed output for a model with a chosen reading and parameter."""
    return printed(capsys, "two_status:reading=ceil,beta=0.7")


def test_choices_are_substituted(two_status):
    assert "depressed = ((step + p - 1) // p) % 2 == 1 : boolean (shared)" in two_status


def test_parameters_have_value_range_and_default(two_status):
    lines = {line.strip().split("   ")[0]: line for line in two_status.splitlines()}
    assert_names(lines["beta = 0.7"], 0, 0.65)
    assert_names(lines["p = 10"], 1)


def test_all_options_of_a_choice_are_listed(two_status):
    assert_shows(two_status, "reading = ceil", *EquationFile.read("two_status").choices["reading"].options)


def test_initial_values_and_sources_are_printed(two_status):
    assert_shows(two_status, "v = v_init = 0", EquationFile.read("two_status").parameters["alpha"].source)


def test_a_model_file_can_be_given_by_path(capsys, own):
    assert printed(capsys, own())


@pytest.mark.parametrize("name", ["nonsense", "rate:gamma=1"])
def test_an_unknown_model_gives_one_line_and_exit_code_2(name, capsys):
    assert command("equations", name) == 2
    out, err = capsys.readouterr()
    assert not out and err.startswith("error: ") and err.count("\n") == 1


def test_a_bad_file_gives_one_line_and_exit_code_2(capsys, own):
    assert command("equations", own("v += I", "v += J")) == 2
    out, err = capsys.readouterr()
    assert not out and err.startswith("error: ") and err.count("\n") == 1


@pytest.mark.parametrize("option", ["--coding", "--hidden-coding", "--pooling"])
def test_a_bad_file_is_named_before_anything_is_written(option, capsys, own, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = own("v >= v_th", "v >= theta")
    assert command("track", "synthetic", option, path, "--frames", 2) == 2
    assert_names(last_error(capsys), path, "'threshold'", "'theta'")
    assert [entry.name for entry in tmp_path.iterdir()] == ["own.toml"]
