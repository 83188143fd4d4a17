"""Checks of the installed packages: imports, the compiled kernel, video, the shipped models, and GeNN.

Brian2 and OpenCV are imported only inside the checks, because the installation may be broken.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import find, names
from .finding import note, ok, problem

if TYPE_CHECKING:
    from .finding import Finding

__all__ = ["genn", "kernel", "models", "python_packages", "video"]

#: Module of each package that tracking imports.
_IMPORTED = {
    "numpy": "numpy",
    "brian2": "brian2",
    "opencv-python": "cv2",
    "matplotlib": "matplotlib",
    "cython": "Cython",
    "safetensors": "safetensors",
}


def python_packages() -> list[Finding]:
    """Check that the packages that tracking needs can be imported.

    Returns
    -------
    list of Finding
        One finding per package, with its version.
    """
    found = [ok("python", sys.version.split()[0]), ok("brian_siamsnn", _version("brian_siamsnn"))]
    for package, module in _IMPORTED.items():
        try:
            importlib.import_module(module)
        except Exception as error:  # a broken installation can raise anything
            found.append(_import_failure(package, error))
        else:
            found.append(ok(package, _version(package)))
    if torch := _version("torch"):
        found.append(ok("torch", torch))
    else:
        missing = "not installed: no training, no import of checkpoints, no --tracker cnn"
        found.append(note("torch", missing, "pip install 'brian_siamsnn[torch]'"))
    return found


def _import_failure(package, error):
    if package == "brian2" and "ptp" in str(error):
        # Brian2 2.9 and older call ndarray.ptp, which NumPy 2.4 removed
        return problem(package, "this Brian2 does not work with NumPy 2.4 and newer", "pip install 'numpy<2.4'")
    fix = f"pip install --force-reinstall {package}"
    if package == "opencv-python" and "libG" in str(error):
        fix = "apt install libgl1 libglib2.0-0"
    return problem(package, f"does not import ({error})", fix)


def kernel() -> list[Finding]:
    """Check the compiled event kernel on a convolution whose result is known.

    Returns
    -------
    list of Finding
        One finding.
    """
    reinstall = "pip install --force-reinstall --no-deps"
    try:
        import numpy as np

        from ..connectivity import _events
    except ImportError as error:
        return [problem("event kernel", f"does not import ({error})", f"{reinstall} brian_siamsnn")]
    # one spike of amplitude 0.5 in the centre of 3 x 3 pixels reaches all four outputs of a 2 x 2 kernel
    weights = np.zeros((4, 16), np.float32)
    weights[:, 0] = 1, 2, 3, 4
    v = np.zeros(4, np.float32)
    spikes, amplitudes = np.array([4], np.int32), np.array([0.5], np.float32)
    shapes = 1, (3, 3, 1), (2, 2, 1)  # one image, and the shapes of input and output
    settings = 2, 1, 1, 16, 1, 1  # kernel, stride, groups, block, strip, threads
    events = _events.convolve(spikes, amplitudes, weights.ravel(), v, *shapes, *settings)
    if events != 4 or v.tolist() != [2.0, 1.5, 1.0, 0.5]:
        found = f"computes {v.tolist()} instead of [2.0, 1.5, 1.0, 0.5]"
        return [problem("event kernel", found, f"{reinstall} --no-binary :all: brian_siamsnn")]
    return [ok("event kernel", "computes a convolution correctly")]


def video() -> list[Finding]:
    """Check that a short clip can be written as tracking writes it, and read back.

    Returns
    -------
    list of Finding
        One finding; empty if OpenCV or NumPy cannot be imported.
    """
    try:
        import cv2
        import numpy as np
    except ImportError:
        return []  # reported by python_packages
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "clip.mp4")
        writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), 25, (64, 48))
        for k in range(4):
            writer.write(np.full((48, 64, 3), 60 * k, np.uint8))
        writer.release()
        reader = cv2.VideoCapture(path)
        frames = 0
        while reader.read()[0]:
            frames += 1
        reader.release()
    if frames == 4:
        return [ok("video", "writes and reads MP4")]
    found = (
        f"of 4 frames written as MP4, {frames} could be read: tracked.mp4 will be missing or broken, "
        "and videos may not open"
    )
    return [note("video", found, "pip install --force-reinstall opencv-python")]


def models() -> list[Finding]:
    """Check the shipped model files against the checksums in their cards.

    Returns
    -------
    list of Finding
        One finding per model.
    """
    found = []
    for name in names("weights", ".safetensors"):
        subject, path = f"model {name}", find("weights", name, ".safetensors")
        card = path.with_suffix(".md")
        text = card.read_text(encoding="utf-8") if card.is_file() else ""
        checksum = re.search(r"SHA-256 \| `([0-9a-f]{64})`", text)
        if checksum is None:
            found.append(note(subject, f"its card has no checksum ({card})"))
        elif hashlib.sha256(path.read_bytes()).hexdigest() != checksum[1]:
            reinstall = "pip install --force-reinstall --no-deps brian_siamsnn"
            found.append(problem(subject, f"{path} does not have the checksum in its card", reinstall))
        else:
            found.append(ok(subject, "has the checksum in its card"))
    return found


def genn() -> list[Finding]:
    """Check Brian2GeNN, which needs its own environment and the source tree of GeNN 4.

    Returns
    -------
    list of Finding
        One finding.
    """
    installed = _version("brian2genn")
    if not installed:
        install = "pip install 'brian_siamsnn[genn]' in a new environment, see docs/devices.md"
        return [note("GeNN", "Brian2GeNN is not installed; it needs an environment of its own", install)]
    path = os.environ.get("GENN_PATH")
    if not path or not (Path(path) / "bin" / "genn-buildmodel.sh").is_file():
        found = f"Brian2GeNN {installed} does not find GeNN: GENN_PATH is {path or 'not set'}"
        return [note("GeNN", found, "export GENN_PATH=FOLDER_OF_GENN_4.9.0")]
    return [ok("GeNN", f"Brian2GeNN {installed}, GeNN in {path}")]


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
