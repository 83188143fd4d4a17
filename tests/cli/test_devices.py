"""The command that surveys devices."""

import json

import pytest

from tests.helpers.commands import output_of


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """The table written by the command, and its printed output."""
    path = tmp_path_factory.mktemp("devices") / "devices.json"
    printed = output_of("devices", "--coding", "two_status", "--json", path)
    return json.loads(path.read_text()), printed


@pytest.fixture
def table(survey):
    return survey[0]


def test_the_table_describes_the_shipped_model(table):
    assert table["model"] == "compact" and len(table["devices"]) == 7


def test_every_device_is_printed(survey):
    table, printed = survey
    for row in table["devices"]:
        assert f"\n{row['device']} " in printed


def test_the_kernel_is_usable_in_less_than_a_gibibyte(table):
    (kernel,) = [row for row in table["devices"] if (row["device"], row["connectivity"]) == ("runtime", "kernel")]
    assert kernel["usable"] and kernel["memory"] < 2**30
