"""The wheel, installed by itself, tracks from outside the checkout."""

import importlib.metadata
import json
import os
import subprocess
import sys
import zipfile

import pytest

from tests.helpers.paths import ROOT


@pytest.mark.slow
def test_the_wheel_tracks_from_elsewhere(tmp_path):
    if int(importlib.metadata.version("setuptools").split(".")[0]) < 77:
        pytest.skip("building here needs setuptools 77 or newer")

    def run(*command, **variables):
        environment = {**os.environ, **variables}
        done = subprocess.run([str(c) for c in command], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    # a copy, so that the checkout keeps its own build
    source = tmp_path / "source"
    run("git", "clone", "--quiet", ROOT, source)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", tmp_path, source)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for folder, suffix in (("equations", ".toml"), ("weights", ".safetensors")):
        for path in (ROOT / folder).glob(f"*{suffix}"):
            assert f"brian_siamsnn/data/{folder}/{path.name}" in names
    assert {"brian_siamsnn/energy/cost_models.toml", "brian_siamsnn/reporting/report.html"} <= set(names)

    site = tmp_path / "site"
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel)
    code = (
        "import brian2, brian_siamsnn, sys; brian2.prefs.codegen.target = 'numpy'\n"
        f"assert brian_siamsnn.__file__.startswith({str(site)!r})\n"
        "from brian_siamsnn.cli.main import main\n"
        "main(['demo', '--frames', '3', '--scales', '1', '--report', '--output', 'out'])"
    )
    run(sys.executable, "-W", "ignore", "-c", code, PYTHONPATH=str(site))
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["frames"] == 3
    assert (tmp_path / "out" / "report.html").is_file()
