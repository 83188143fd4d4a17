"""Fixtures and settings shared by all tests."""

import brian2
import pytest

from brian_siamsnn.tracking import live
from tests.helpers.compilation import UNOPTIMISED
from tests.helpers.neuron_models import GOOD
from tests.helpers.paths import DATA

# NumPy needs no compilation; tests marked cython select Cython themselves
brian2.prefs.codegen.target = "numpy"


@pytest.fixture
def use_cython(monkeypatch, request):
    """A function that makes Brian2 generate Cython code in this test, with users' flags or with faster compilation.

    Brian2 distinguishes modules by their code, not by their compiler flags, so each set of flags has its own cache.
    All test processes and later runs share these caches, which are separate from the user's.
    """

    def use(optimised=True):
        folder = request.config.cache.mkdir("cython" if optimised else "cython-unoptimised")
        monkeypatch.setitem(brian2.prefs, "codegen.target", "cython")
        monkeypatch.setitem(brian2.prefs, "codegen.runtime.cython.cache_dir", str(folder))
        if not optimised:
            monkeypatch.setitem(brian2.prefs, "codegen.cpp.extra_compile_args_gcc", UNOPTIMISED)

    return use


@pytest.fixture(autouse=True)
def no_windows(monkeypatch):
    """Keep tests from waiting for a mouse on a developer's screen."""
    monkeypatch.setattr(live, "_window_problem", lambda: "tests open none")


@pytest.fixture(scope="session")
def data():
    """Folder of the real sequences and published weights, which are not part of the project."""
    if not DATA.is_dir():
        pytest.skip(f"needs the real sequences and weights, which belong into {DATA}")
    return DATA


@pytest.fixture
def own(tmp_path):
    """Write `GOOD` to own.toml with one piece of text replaced, and return its path."""
    path = tmp_path / "own.toml"

    def write(old="", new=""):
        assert old in GOOD
        path.write_text(GOOD.replace(old, new, 1) if old else GOOD)
        return path

    return write
