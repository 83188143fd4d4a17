"""The report of a run: its numbers against other counts, its size, and the page in a real browser."""

import base64
import gc
import json
import re
import shutil
import weakref
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from brian_siamsnn.energy.cost_models import load_cost_models
from brian_siamsnn.energy.counter import OperationCounter
from brian_siamsnn.matching.matchers import SpikingMatcher
from brian_siamsnn.metrics import overlap
from brian_siamsnn.model.files import load_model
from brian_siamsnn.reporting.collector import Recorder
from brian_siamsnn.reporting.page import report_page
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from brian_siamsnn.tracking.run import track
from brian_siamsnn.tracking.tracker import SiameseTracker
from tests.helpers.commands import command
from tests.helpers.messages import assert_names, last_error

FRAMES, STEPS, SCALES = 6, 5, 3


@pytest.fixture(scope="module")
def run():
    """A recorded run: its result, its recorder and the matcher."""
    matcher = SpikingMatcher(load_model("compact"), STEPS, crops=SCALES)
    meter = OperationCounter(matcher)
    recorder = Recorder(meter)
    result = track(SyntheticSequence(frames=FRAMES), SiameseTracker(meter, SCALES), watchers=[recorder])
    return result, recorder, matcher


def page_of(recorder, name="fish", **summary):
    return report_page(name, recorder, summary, 25)


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


class Bare:
    """A tracker without spikes."""

    score, response = 1.5, np.arange(17.0 * 17).reshape(17, 17)


def recorded(frames, **options):
    """Frames that went through a recorder of their own."""
    recorder = Recorder(**options)
    for k, frame in enumerate(frames):
        recorder(k, frame, (10, 20, 30, 40), Bare, None)
    return recorder


# numbers


def test_boxes_overlaps_and_scores_are_those_of_the_run(run):
    result, recorder, _ = run
    truth = SyntheticSequence(frames=FRAMES).boxes
    np.testing.assert_allclose(recorder.boxes, result.boxes, atol=0.005)
    np.testing.assert_allclose(recorder.truth, truth, atol=0.005)
    np.testing.assert_allclose(recorder.overlap, overlap(result.boxes, truth), atol=1e-4)
    np.testing.assert_allclose(recorder.score[1:], result.scores[1:], rtol=1e-3)
    assert recorder.score[0] is None


def test_operations_and_rates_add_up_to_what_the_matcher_counted(run):
    _, recorder, matcher = run
    search = sum(sum(numbers[1:]) for name, numbers in recorder.operations.items() if name != "matching")
    first = next(iter(SyntheticSequence(frames=1)))
    alone = SpikingMatcher(load_model("compact"), STEPS, crops=SCALES)
    SiameseTracker(alone, SCALES).init(first, SyntheticSequence(frames=1).boxes[0])
    assert search == pytest.approx(matcher.operations - alone.operations, rel=1e-3)
    shapes = matcher.search_branch.shapes
    neurons = {name: SCALES * np.prod(shape) * STEPS for name, shape in shapes.items()}
    spikes = sum(sum(rates[1:]) * neurons[name] for name, rates in recorder.rates.items())
    assert spikes == pytest.approx(matcher.spikes - alone.spikes, rel=1e-3)
    assert all(numbers[0] is None for numbers in (*recorder.operations.values(), *recorder.rates.values()))


def test_energy_is_operations_times_their_price(run):
    _, recorder, matcher = run
    costs = load_cost_models()
    # the first layer and the tracker around the network are multiply-accumulates on the host: no spike is in them
    joule, mac = costs["truenorth"].value("synaptic_operation"), costs["cmos45-fp32"].value("mac")
    energy = np.array(recorder.energy[costs["truenorth"].title][1:])
    operations = np.sum([numbers[1:] for numbers in recorder.operations.values()], axis=0)
    rest = energy - joule * operations
    np.testing.assert_allclose(rest, rest[0], rtol=0.01)
    first = matcher.search_branch.model.layers[0]
    assert rest[0] > mac * SCALES * np.prod(matcher.search_branch.shapes["conv1"]) * 3 * first.kernel**2


def test_the_raster_is_that_of_the_frame_and_a_flat_map_is_drawn(run):
    _, recorder, matcher = run
    bits = np.unpackbits(np.frombuffer(recorder.pictures[-1]["raster"], np.uint8), count=STEPS * 256)
    trains = matcher.search_branch.trains("conv5")[SCALES // 2]
    fired = trains.dense().reshape(STEPS, -1)[:, recorder.neurons] > 0
    np.testing.assert_array_equal(bits.reshape(STEPS, 256), fired)
    assert recorder.pictures[0]["raster"] is None and recorder.pictures[0]["response"] is None


# size


def test_pictures_stay_within_their_budget_evenly_spread_and_no_frame_is_held():
    rng = np.random.default_rng(0)
    alive = []

    def frames():
        for _ in range(50):
            frame = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
            alive.append(weakref.ref(frame))
            yield frame
            del frame

    recorder = recorded(frames(), picture_bytes=250_000)
    gc.collect()
    assert not any(reference() is not None for reference in alive)
    sizes = [len(entry["image"]) + len(entry["response"]) for entry in recorder.pictures]
    assert sum(sizes) <= 250_000 < 2.5 * sum(sizes)  # not needlessly few
    assert recorder.stride > 1
    assert [entry["frame"] for entry in recorder.pictures] == list(range(0, 50, recorder.stride))
    assert len(recorder.boxes) == 50


@pytest.mark.parametrize(
    ("shape", "shown"), [((1080, 1920, 3), (360, 640)), ((240, 320, 3), (480, 640)), ((40, 60, 3), (80, 120))]
)
def test_pictures_have_a_sensible_size(shape, shown):
    (entry,) = recorded([np.zeros(shape, np.uint8)]).pictures
    assert cv2.imdecode(np.frombuffer(entry["image"], np.uint8), cv2.IMREAD_COLOR).shape[:2] == shown
    assert tuple(entry["size"]) == shown[::-1]


# the page as text


class Reader(HTMLParser):
    """Checks that tags are closed in their order, and keeps what is fetched or labelled."""

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


@pytest.mark.parametrize(
    "name", ["fish", "</script><script>alert(1)</script>", "<!--data-->", "</title>&amp;\u2028'\""]
)
def test_the_page_is_well_formed_and_holds_any_name(name):
    page = page_of(recorded([np.zeros((40, 60, 3), np.uint8)]), name, source=name)
    reader = Reader()
    reader.feed(page)
    assert reader.open == [] and len(set(reader.ids)) == len(reader.ids)
    assert name in reader.titles[0]
    assert data_of(page)["name"] == data_of(page)["summary"]["source"] == name
    # nothing is fetched: no addresses at all but the name space of SVG, and a policy that forbids them
    assert reader.addresses == []
    assert set(re.findall(r"https?://[^\"' ]*", page.replace(name, ""))) == {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in page


def test_a_report_is_written_for_what_was_done_and_leaves_with_the_run_it_is_of(tmp_path, capsys):
    frames, output = tmp_path / "frames", tmp_path / "out"
    frames.mkdir()
    for k, frame in enumerate(SyntheticSequence(frames=3)):
        cv2.imwrite(str(frames / f"{k}.png"), frame[..., ::-1])
    (frames / "2.png").write_bytes(b"broken")
    box = ",".join(str(v) for v in SyntheticSequence(frames=1).boxes[0])
    fast = ["--init", box, "--steps", 5, "--scales", 1, "--output", output]
    assert command("track", frames, *fast, "--report") == 2
    assert_names(last_error(capsys), frames / "2.png", "2 frames", output)
    data = data_of((output / "report.html").read_text(encoding="utf-8"))
    assert len(data["boxes"]) == len(data["pictures"]) == 2 and data["truth"] == [None, None]
    assert "2.png" in data["summary"]["stopped"]
    assert command("track", frames, *fast, "--frames", 2) == 0
    assert not (output / "report.html").exists()


# the page in a browser


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, driven by Selenium."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if not (program and driver):
        pytest.skip("Chromium and its driver are not installed (apt install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,1400"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    chromium = webdriver.Chrome(options=options, service=service)
    yield chromium
    chromium.quit()


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a page as a file; afterwards no script may have failed and nothing may have been fetched."""

    def open_page(page):
        path = tmp_path / "report.html"
        path.write_text(page, encoding="utf-8")
        browser.get_log("performance")
        browser.get(path.as_uri())
        return browser

    yield open_page
    assert browser.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def shown_image(browser, name):
    """An image of the page as it was decoded by the browser: its size there, and its bytes."""
    width = browser.execute_async_script(
        f"const done = arguments[0]; const image = document.getElementById('{name}');"
        "image.decode().then(() => done(image.naturalWidth))"
    )
    return width, base64.b64decode(browser.find_element("id", name).get_attribute("src").split(",")[1])


def frame_of(readout):
    """The number of the frame that is shown, the first one in the line."""
    return int(re.search(r"\d+", readout.text)[0])


def test_the_player_goes_through_the_frames_by_keyboard_slider_and_plot(run, opened):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    result, recorder, _ = run
    browser = opened(page_of(recorder, steps=STEPS))
    readout = browser.find_element("id", "readout")
    assert browser.find_element("id", "title").text == "fish"
    assert_names(readout.text, 1, 5, f"{recorder.overlap[1]:.2f}")
    assert shown_image(browser, "response")[1] == recorder.pictures[1]["response"]
    ActionChains(browser).send_keys(Keys.ARROW_LEFT).perform()
    assert_names(readout.text, 0, 5, "1.00")
    assert shown_image(browser, "picture") == (640, recorder.pictures[0]["image"])
    assert not browser.find_element("id", "response").is_displayed()
    assert not browser.find_element("id", "raster").is_displayed()

    ActionChains(browser).send_keys(Keys.ARROW_RIGHT).send_keys(Keys.ARROW_RIGHT).perform()
    assert_names(readout.text, 2, 5, f"{recorder.overlap[2]:.2f}")
    assert shown_image(browser, "picture")[1] == recorder.pictures[2]["image"]
    assert shown_image(browser, "response")[1] == recorder.pictures[2]["response"]
    x, y, w, h = recorder.boxes[2]
    alternative = browser.find_element("id", "picture").get_attribute("alt")
    assert_names(alternative, 2, *(f"{side:g}" for side in (x, y, w, h)))

    browser.find_element("id", "slider").send_keys(Keys.END)
    assert frame_of(readout) == 5
    browser.find_element("id", "back").click()
    assert frame_of(readout) == 4
    plot = browser.find_element("css selector", "#plots svg")  # a click in its middle
    plot.click()
    assert frame_of(readout) in (2, 3)
    browser.find_element("id", "play").click()
    for _ in range(100):
        if browser.find_element("id", "play").text == "Play":
            break
        browser.execute_async_script("setTimeout(arguments[0], 50)")
    assert frame_of(readout) == 5  # it stops at the end


def test_plots_and_raster_show_the_numbers(run, opened):
    _, recorder, _ = run
    browser = opened(page_of(recorder))
    browser.execute_script("show(3)")
    figures = browser.find_elements("css selector", "#plots figure")
    assert len({figure.find_element("tag name", "h2").text for figure in figures}) == 7
    position, size, iou, response, rates, operations, energy = (figure.text for figure in figures)
    assert f"x {recorder.boxes[3][0]:.1f} px" in position
    assert f"conv2 {100 * recorder.rates['conv2'][3]:.1f} %" in rates
    assert f"conv3 {recorder.operations['conv3'][3] / 1e6:.3g} M" in operations
    bits = np.unpackbits(np.frombuffer(recorder.pictures[3]["raster"], np.uint8), count=STEPS * 256)
    steps, neurons = np.nonzero(bits.reshape(STEPS, 256))
    label = browser.find_element("id", "raster").get_attribute("aria-label")
    assert_names(label, len(steps), 256, STEPS)
    path = browser.find_element("css selector", "#raster .spikes").get_attribute("d")
    x, y = np.array([place.split() for place in re.findall(r"M([\d.]+ [\d.]+)", path)], float).T
    # a straight line through the steps, and one through the neurons, to the digit that is written
    for drawn, number in ((x, steps), (y, neurons)):
        assert len(drawn) == len(number)
        assert np.abs(np.polyval(np.polyfit(number, drawn, 1), number) - drawn).max() < 0.06
    assert x.max() > x.min() and y.max() > y.min()
    choice = browser.find_element("id", "hardware")
    titles = [option.get_attribute("value") for option in choice.find_elements("tag name", "option")]
    assert titles == list(recorder.energy)
    choice.send_keys(titles[-1])
    label = browser.find_elements("css selector", "#plots svg[role=img]")[-1].get_attribute("aria-label")
    assert_names(label, FRAMES, titles[-1])
    # the line of x lies at the pixels of its values: higher is further up
    points = browser.find_element("css selector", "#plots path.line").get_attribute("d")
    heights = [float(v) for v in re.findall(r"[ML][\d.]+ ([\d.]+)", points)]
    x = [box[0] for box in recorder.boxes]
    assert np.corrcoef(heights, x)[0, 1] == pytest.approx(-1, abs=1e-3)


def test_everything_has_a_name_for_those_who_do_not_see_it(run, opened):
    browser = opened(page_of(run[1]))
    browser.execute_script("show(1)")
    unnamed = browser.execute_script(
        "return [...document.querySelectorAll('img, svg[role=img], button, input, select')].filter(element =>"
        "!(element.alt || element.getAttribute('aria-label') || element.textContent || (element.labels || []).length))"
        ".map(element => element.outerHTML)"
    )
    assert unnamed == []
    assert browser.execute_script("return document.documentElement.lang") == "en"
    # nothing hangs out of a narrow window
    browser.execute_script("document.body.style.width = '400px'")
    assert browser.execute_script("return document.querySelector('main').scrollWidth") <= 400


def test_a_run_without_spikes_truth_and_all_pictures_says_so(opened):
    recorder = recorded([np.full((60, 80, 3), 10 * k, np.uint8) for k in range(9)], picture_bytes=4000)
    assert recorder.stride > 1
    browser = opened(page_of(recorder))
    assert_names(browser.find_element("id", "skipping").text, recorder.stride)
    # position, size and response; neither an overlap nor rates, operations and energy
    assert len(browser.find_elements("css selector", "#plots h2")) == 3
    assert not browser.find_element("id", "raster-figure").is_displayed()
    assert browser.find_element("id", "response").is_displayed()


def test_one_frame_and_a_hostile_name_in_the_browser(opened):
    name = "</script><img src=x onerror=document.title='broken'>"
    browser = opened(page_of(recorded([np.zeros((40, 60, 3), np.uint8)]), name))
    assert browser.find_element("id", "title").text == name
    assert_names(browser.find_element("id", "readout").text, 0)
