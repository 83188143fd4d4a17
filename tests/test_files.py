"""Files are written whole or not at all."""

import os

import pytest

from brian_siamsnn.files import write_whole
from tests.helpers.messages import refused


@pytest.mark.parametrize("name", ["file/a", "there", ".", "n" * 256, "a\0b", "no/a"])
def test_an_unwritable_path_is_named(tmp_path, name):
    (tmp_path / "file").write_text("a file")
    (tmp_path / "there").mkdir()
    with refused(str(tmp_path / name).replace("\0", r"\x00")):
        write_whole(f"{tmp_path}/{name}", b"content")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "there"]


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch, function):
    path = tmp_path / "a"
    path.write_text("earlier")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, refused(path, "No space left on device"):
        patch.setattr(os, function, full)
        write_whole(path, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["a"] and path.read_text() == "earlier"
