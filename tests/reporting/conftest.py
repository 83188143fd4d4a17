"""A run recorded for a report."""

import pytest

from brian_siamsnn.energy.counter import OperationCounter
from brian_siamsnn.matching.spiking import SpikingMatcher
from brian_siamsnn.model.files import load_model
from brian_siamsnn.reporting.collector import ReportCollector
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from brian_siamsnn.tracking.run import track
from brian_siamsnn.tracking.tracker import SiameseTracker
from tests.helpers.reports import FRAMES, SCALES, STEPS


@pytest.fixture(scope="session")
def run():
    """The result, recorder and matcher of the run."""
    matcher = SpikingMatcher(load_model("compact"), STEPS, crops=SCALES)
    meter = OperationCounter(matcher)
    recorder = ReportCollector(meter)
    result = track(SyntheticSequence(frames=FRAMES), SiameseTracker(meter, SCALES), watchers=[recorder])
    return result, recorder, matcher
