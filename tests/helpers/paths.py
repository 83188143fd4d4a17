"""Paths of the checkout and of the data sets that are not part of it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: Real sequences and published weights; the fixture ``data`` of `tests.conftest` skips tests without them.
DATA = ROOT.parent / "shared" / "data"
