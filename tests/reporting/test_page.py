"""The report page as text."""

import json
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from brian_siamsnn.sequences.synthetic import SyntheticSequence
from tests.helpers.commands import command
from tests.helpers.messages import assert_names, last_error
from tests.helpers.reports import page_of, recorded


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


class Reader(HTMLParser):
    """Checks that tags are properly nested, and collects links, resources and labels."""

    VOID = {"meta", "img", "input", "br"}

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.titles, self.ids = [], [], [], []

    def handle_starttag(self, name, attributes):
        attributes = dict(attributes)
        self.addresses += [attributes[key] for key in ("src", "href", "srcset", "action") if key in attributes]
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if name not in self.VOID:
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, text):
        if self.open[-1:] == ["title"]:
            self.titles.append(text)


NAMES = ["fish", "</script><script>alert(1)</script>", "<!--data-->", "</title>&amp;\u2028'\""]


@pytest.fixture(scope="module", params=NAMES)
def page(request):
    """A name, and the page of a run with that name."""
    return request.param, page_of(recorded([np.zeros((40, 60, 3), np.uint8)]), request.param, source=request.param)


@pytest.fixture
def reader(page):
    reader = Reader()
    reader.feed(page[1])
    return reader


def test_tags_are_closed_and_ids_are_unique(reader):
    assert reader.open == [] and len(set(reader.ids)) == len(reader.ids)


def test_the_title_contains_the_name(page, reader):
    assert page[0] in reader.titles[0]


def test_the_data_contains_name_and_summary(page):
    name, text = page
    assert data_of(text)["name"] == data_of(text)["summary"]["source"] == name


def test_the_page_fetches_nothing(page, reader):
    """No address except the SVG namespace, and a content security policy that forbids fetching."""
    name, text = page
    assert reader.addresses == []
    assert set(re.findall(r"https?://[^\"' ]*", text.replace(name, ""))) == {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in text


@pytest.fixture
def broken_off(tmp_path, capsys):
    """Runs the command on three frames, the last one broken; returns the arguments without --report, and the error."""
    frames = tmp_path / "frames"
    frames.mkdir()
    for k, frame in enumerate(SyntheticSequence(frames=3)):
        cv2.imwrite(str(frames / f"{k}.png"), frame[..., ::-1])
    (frames / "2.png").write_bytes(b"broken")
    box = ",".join(str(v) for v in SyntheticSequence(frames=1).boxes[0])
    fast = "track", frames, "--init", box, "--steps", 5, "--scales", 1, "--output", tmp_path / "out"
    assert command(*fast, "--report") == 2
    return fast, last_error(capsys)


def test_a_run_stopped_by_a_broken_frame_has_a_report_of_the_others(broken_off, tmp_path):
    assert_names(broken_off[1], tmp_path / "frames/2.png", 2, tmp_path / "out")
    data = data_of((tmp_path / "out/report.html").read_text(encoding="utf-8"))
    assert len(data["boxes"]) == len(data["pictures"]) == 2 and data["truth"] == [None, None]
    assert "2.png" in data["summary"]["stopped"]


def test_a_new_run_removes_the_old_report(broken_off, tmp_path):
    assert command(*broken_off[0], "--frames", 2) == 0
    assert not (tmp_path / "out/report.html").exists()
