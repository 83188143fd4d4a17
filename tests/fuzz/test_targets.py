"""A few examples for each fuzz target; ``python -m tests.fuzz`` tries thousands."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, attempt


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("target", TARGETS)
def test_input_is_accepted_or_refused(target):
    if target == "checkpoint":
        pytest.importorskip("torch", reason="checkpoints are PyTorch's")
    if target == "nir_graph":
        pytest.importorskip("nir", reason="NIR graphs need the extra nir")

    @settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data):
        attempt(target, data)

    check()
