"""What several commands share."""

import brian2

from brian_siamsnn.cli.options import compilation_shown
from brian_siamsnn.network import brian2_cache


def test_compilation_is_shown_only_if_there_is_any(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(brian2.prefs, "codegen.runtime.cython.cache_dir", str(tmp_path))
    suffix = brian2_cache.cython_extension_manager.so_ext

    def compile_nothing(code, name, **flags):
        (tmp_path / f"{name}{suffix}").touch()

    monkeypatch.setattr(brian2_cache.cython_extension_manager, "create_extension", compile_nothing)
    flags = {"compiler": "unix", "extra_compile_args": [], "define_macros": [], "libraries": []}
    shown = []
    for codes in (["a", "b", "a"], ["a", "b"], ["c"], []):
        with compilation_shown():
            for code in codes:
                brian2_cache.compiled_module(code, **flags)
        shown.append(capsys.readouterr().err)
    assert [text.split(":")[-1].split() for text in shown] == [["1", "2"], [], ["1"], []]
    assert shown[1] == shown[3] == ""
