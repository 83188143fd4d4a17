"""Recorded runs, and the pages of their reports."""

import numpy as np

from brian_siamsnn.reporting.collector import ReportCollector
from brian_siamsnn.reporting.page import report_page

#: Options of the recorded run.
FRAMES, STEPS, SCALES = 6, 5, 3


class Bare:
    """A tracker without spikes."""

    score, response, lost = 1.5, np.arange(17.0 * 17).reshape(17, 17), False


def recorded(frames, **options):
    """Frames that were passed to a new recorder."""
    recorder = ReportCollector(**options)
    for k, frame in enumerate(frames):
        recorder(k, frame, (10, 20, 30, 40), Bare, None)
    return recorder


def page_of(recorder, name="fish", **summary):
    return report_page(name, recorder, summary, 25)
