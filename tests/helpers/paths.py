"""Where things are: the checkout, and the data sets that are not part of it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: Real sequences and published weights; the fixture ``data`` of `tests.conftest` skips a test without them.
DATA = ROOT.parent / "shared" / "data"
