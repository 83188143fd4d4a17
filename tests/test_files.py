"""Files are written whole or not at all."""

import os
import sys
from pathlib import Path

import pytest

from brian_siamsnn.files import openable, printable, write_whole
from tests.helpers.messages import refused


@pytest.mark.parametrize("name", ["file/a", "there", ".", "n" * 256, "a\0b", "no/a"])
def test_an_unwritable_path_is_named(tmp_path, name):
    (tmp_path / "file").write_text("a file")
    (tmp_path / "there").mkdir()
    with refused(str(tmp_path / name).replace("\0", r"\x00")):
        write_whole(f"{tmp_path}/{name}", b"content")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "there"]


@pytest.mark.parametrize(("name", "text"), [(b"caf\xe9", r"caf\xe9"), ("café".encode(), "café"), (b"a:b", "a:b")])
def test_a_name_is_printable_and_otherwise_unchanged(name, text):
    assert printable(os.fsdecode(name)) == text


@pytest.mark.skipif(sys.platform != "linux", reason="file names are any bytes on Linux only")
def test_other_libraries_read_and_write_a_file_of_any_name(tmp_path):
    path = f"{tmp_path}/{os.fsdecode(bytes([0xE9]))}.txt"
    with openable(path) as name:
        name.encode()
        Path(name).write_text("written")
    assert Path(path).read_text() == "written" and not os.path.lexists(name)
    with openable(path) as name:
        assert name.endswith(".txt") and Path(name).read_text() == "written"


def test_a_relative_name_becomes_absolute(tmp_path, monkeypatch):
    """FFmpeg would take ``file`` in ``file:a.mp4`` for a protocol."""
    monkeypatch.chdir(tmp_path)
    with openable("file:a.mp4") as name:
        assert name == f"{tmp_path}/file:a.mp4"


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
