"""The command that surveys devices."""

import json

import pytest

from tests.helpers.commands import command


@pytest.fixture
def table(tmp_path, capsys):
    """What the command wrote."""
    path = tmp_path / "devices.json"
    assert command("devices", "--coding", "two_status", "--json", path) == 0
    return json.loads(path.read_text())


def test_the_table_is_of_the_shipped_model(table):
    assert table["model"] == "compact" and len(table["devices"]) == 7


def test_each_device_is_printed(table, capsys):
    printed = capsys.readouterr().out
    for row in table["devices"]:
        assert f"\n{row['device']} " in printed


def test_the_kernel_is_usable_and_takes_less_than_a_gibibyte(table):
    (kernel,) = [row for row in table["devices"] if (row["device"], row["connectivity"]) == ("runtime", "kernel")]
    assert kernel["usable"] and kernel["memory"] < 2**30
