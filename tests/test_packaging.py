"""The source distribution contains all that its tests need, and its wheel tracks outside the checkout."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

from tests.helpers.paths import ROOT

pytestmark = pytest.mark.skipif(
    int(importlib.metadata.version("setuptools").split(".")[0]) < 77,
    reason="building here needs setuptools 77 or newer",
)


def run(folder, *command, **variables):
    environment = {**os.environ, **{name: str(value) for name, value in variables.items()}}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The source distribution, built from a copy so that the checkout keeps its own build."""
    folder = tmp_path_factory.mktemp("sdist")
    if (ROOT / ".git").exists():
        run(folder, "git", "clone", "--quiet", ROOT, "source")
    else:
        shutil.copytree(ROOT, folder / "source", ignore=shutil.ignore_patterns(".*", "build", "*.so"))
    run(folder / "source", sys.executable, "-c", "from setuptools import build_meta; build_meta.build_sdist('..')")
    (path,) = folder.glob("*.tar.gz")
    return path


@pytest.fixture(scope="module")
def wheel(sdist):
    """The wheel, built from the source distribution; its kernels are not optimised, which takes most of the time."""
    compiler = sdist.parent / "compiler"
    compiler.write_text('#!/bin/sh\nexec c++ "$@" -O0\n')
    compiler.chmod(0o755)
    options = "--quiet --no-deps --no-build-isolation -w".split()
    run(sdist.parent, sys.executable, "-m", "pip", "wheel", *options, sdist.parent, sdist, CC=compiler, CXX=compiler)
    (path,) = sdist.parent.glob("*.whl")
    return path


def test_the_source_distribution_contains_every_file_of_the_checkout(sdist):
    """Tests read documents, measured results and equations, so the distribution includes them along with the tests."""
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    if not (ROOT / ".git").exists():
        pytest.skip("the files of a checkout are known from Git")
    tracked = run(ROOT, "git", "ls-tree", "-r", "--name-only", "HEAD").splitlines()
    assert {name for name in tracked if not name.startswith(".")} - names == set()


@pytest.mark.slow
def test_the_wheel_contains_equations_weights_and_data(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, suffix in (("equations", ".toml"), ("weights", ".safetensors")):
        for path in (ROOT / folder).glob(f"*{suffix}"):
            assert f"brian_siamsnn/data/{folder}/{path.name}" in names
    assert {"brian_siamsnn/energy/cost_models.toml", "brian_siamsnn/reporting/report.html"} <= names


@pytest.mark.slow
def test_the_wheel_contains_no_tests(wheel):
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("tests")]


@pytest.mark.slow
def test_the_wheel_tracks_outside_the_checkout(wheel, tmp_path):
    site = tmp_path / "site"
    run(tmp_path, sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel)
    code = (
        "import brian2, brian_siamsnn, sys; brian2.prefs.codegen.target = 'numpy'\n"
        f"assert brian_siamsnn.__file__.startswith({str(site)!r})\n"
        "from brian_siamsnn.cli.main import main\n"
        "main(['demo', '--frames', '3', '--scales', '1', '--report', '--output', 'out'])"
    )
    run(tmp_path, sys.executable, "-W", "ignore", "-c", code, PYTHONPATH=site)
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["frames"] == 3
    assert (tmp_path / "out" / "report.html").is_file()
