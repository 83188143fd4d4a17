"""The report page in a real browser."""

import base64
import json
import re
import shutil

import numpy as np
import pytest

from tests.helpers.messages import assert_names
from tests.helpers.reports import FRAMES, STEPS, page_of, recorded


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
    """Opens a page as a file, and checks afterwards that no script failed and nothing was fetched."""

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
    """An image of the page as decoded by the browser: its size there, and its bytes."""
    width = browser.execute_async_script(
        f"const done = arguments[0]; const image = document.getElementById('{name}');"
        "image.decode().then(() => done(image.naturalWidth))"
    )
    return width, base64.b64decode(browser.find_element("id", name).get_attribute("src").split(",")[1])


def frame_of(readout):
    """The number of the frame shown, the first number in the readout."""
    return int(re.search(r"\d+", readout.text)[0])


@pytest.fixture
def player(run, opened):
    """The page of the run, the readout of the frame shown, and the recorder."""
    browser = opened(page_of(run[1], steps=STEPS))
    return browser, browser.find_element("id", "readout"), run[1]


def press(browser, *keys):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    actions = ActionChains(browser)
    for key in keys:
        actions = actions.send_keys(getattr(Keys, key))
    actions.perform()


def test_the_page_opens_at_the_first_searched_frame(player):
    browser, readout, recorder = player
    assert browser.find_element("id", "title").text == "fish"
    assert_names(readout.text, 1, 5, f"{recorder.overlap[1]:.2f}")
    assert shown_image(browser, "response")[1] == recorder.pictures[1]["response"]


def test_the_response_map_has_axes_in_pixels_of_the_crop(player):
    """17 cells, 8 pixels apart, around the centre."""
    browser, _, _ = player
    press(browser, "ARROW_RIGHT")
    for axis in ("response-x", "response-y"):
        ticks = browser.find_elements("css selector", f"#{axis} span")
        assert [tick.text for tick in ticks] == ["\u221264", "0", "64"]
    picture, y, x = (browser.find_element("id", f"response{part}").rect for part in ("", "-y", "-x"))
    assert y["x"] + y["width"] <= picture["x"] and picture["y"] + picture["height"] <= x["y"] + 1
    assert x["x"] == pytest.approx(picture["x"], abs=1) and y["height"] == pytest.approx(picture["height"], abs=1)


def test_the_exemplar_frame_has_neither_response_nor_raster(player):
    browser, readout, recorder = player
    press(browser, "ARROW_LEFT")
    assert_names(readout.text, 0, 5, "1.00")
    assert shown_image(browser, "picture") == (640, recorder.pictures[0]["image"])
    assert not browser.find_element("id", "response").is_displayed()
    assert not browser.find_element("id", "raster").is_displayed()


def test_the_arrow_keys_step_through_the_frames(player):
    browser, readout, recorder = player
    press(browser, "ARROW_LEFT", "ARROW_RIGHT", "ARROW_RIGHT")
    assert_names(readout.text, 2, 5, f"{recorder.overlap[2]:.2f}")
    assert shown_image(browser, "picture")[1] == recorder.pictures[2]["image"]
    assert shown_image(browser, "response")[1] == recorder.pictures[2]["response"]


def test_a_picture_has_a_text_description_of_its_box(player):
    browser, _, recorder = player
    press(browser, "ARROW_RIGHT")
    alternative = browser.find_element("id", "picture").get_attribute("alt")
    assert_names(alternative, 2, *(f"{side:g}" for side in recorder.boxes[2]))


def test_the_slider_and_the_button_step_through_the_frames(player):
    from selenium.webdriver.common.keys import Keys

    browser, readout, _ = player
    browser.find_element("id", "slider").send_keys(Keys.END)
    assert frame_of(readout) == 5
    browser.find_element("id", "back").click()
    assert frame_of(readout) == 4


def test_clicking_a_plot_goes_to_its_frame(player):
    browser, readout, _ = player
    browser.find_element("css selector", "#plots svg").click()  # in the middle of the plot
    assert frame_of(readout) in (2, 3)


def test_playback_stops_at_the_last_frame(player):
    browser, readout, _ = player
    browser.find_element("id", "play").click()
    for _ in range(100):
        if browser.find_element("id", "play").text == "Play":
            break
        browser.execute_async_script("setTimeout(arguments[0], 50)")
    assert frame_of(readout) == 5


@pytest.fixture
def plots(run, opened):
    """The page of the run at frame 3, and the recorder."""
    browser = opened(page_of(run[1]))
    browser.execute_script("show(3)")
    return browser, run[1]


def test_plot_legends_show_the_numbers_of_the_frame(plots):
    browser, recorder = plots
    figures = browser.find_elements("css selector", "#plots figure")
    assert len({figure.find_element("tag name", "h2").text for figure in figures}) == 7
    position, _size, _overlap, _response, rates, operations, _energy = (figure.text for figure in figures)
    assert f"x {recorder.boxes[3][0]:.1f} px" in position
    assert f"conv2 {100 * recorder.rates['conv2'][3]:.1f} %" in rates
    assert f"conv3 {recorder.operations['conv3'][3] / 1e6:.3g} M" in operations


def test_the_raster_shows_the_spikes_of_the_frame(plots):
    browser, recorder = plots
    bits = np.unpackbits(np.frombuffer(recorder.pictures[3]["raster"], np.uint8), count=STEPS * 256)
    steps, neurons = np.nonzero(bits.reshape(STEPS, 256))
    assert_names(browser.find_element("id", "raster").get_attribute("aria-label"), len(steps), 256, STEPS)
    path = browser.find_element("css selector", "#raster .spikes").get_attribute("d")
    x, y = np.array([place.split() for place in re.findall(r"M([\d.]+ [\d.]+)", path)], float).T
    # a straight line through the steps and one through the neurons, to the precision of the written digits
    for drawn, number in ((x, steps), (y, neurons)):
        assert len(drawn) == len(number)
        assert np.abs(np.polyval(np.polyfit(number, drawn, 1), number) - drawn).max() < 0.06
    assert x.max() > x.min() and y.max() > y.min()


def test_energy_is_shown_for_the_selected_hardware(plots):
    browser, recorder = plots
    choice = browser.find_element("id", "hardware")
    titles = [option.get_attribute("value") for option in choice.find_elements("tag name", "option")]
    assert titles == list(recorder.energy)
    choice.send_keys(titles[-1])
    label = browser.find_elements("css selector", "#plots svg[role=img]")[-1].get_attribute("aria-label")
    assert_names(label, FRAMES, titles[-1])


def test_plot_lines_follow_their_values(plots):
    browser, recorder = plots
    # pixels count from the top, so the line of x falls as x grows
    points = browser.find_element("css selector", "#plots path.line").get_attribute("d")
    heights = [float(v) for v in re.findall(r"[ML][\d.]+ ([\d.]+)", points)]
    x = [box[0] for box in recorder.boxes]
    assert np.corrcoef(heights, x)[0, 1] == pytest.approx(-1, abs=1e-3)


def test_every_element_has_an_accessible_name(run, opened):
    browser = opened(page_of(run[1]))
    browser.execute_script("show(1)")
    unnamed = browser.execute_script(
        "return [...document.querySelectorAll('img, svg[role=img], button, input, select')].filter(element =>"
        "!(element.alt || element.getAttribute('aria-label') || element.textContent || (element.labels || []).length))"
        ".map(element => element.outerHTML)"
    )
    assert unnamed == []
    assert browser.execute_script("return document.documentElement.lang") == "en"


def test_nothing_overflows_a_narrow_window(run, opened):
    browser = opened(page_of(run[1]))
    browser.execute_script("show(1)")
    browser.execute_script("document.body.style.width = '400px'")
    assert browser.execute_script("return document.querySelector('main').scrollWidth") <= 400


def test_a_run_without_spikes_or_truth_and_with_few_pictures_says_so(opened):
    recorder = recorded([np.full((60, 80, 3), 10 * k, np.uint8) for k in range(9)], picture_bytes=4000)
    assert recorder.stride > 1
    browser = opened(page_of(recorder))
    assert_names(browser.find_element("id", "skipping").text, recorder.stride)
    # position, size and response; no overlap, rates, operations or energy
    assert len(browser.find_elements("css selector", "#plots h2")) == 3
    assert not browser.find_element("id", "raster-figure").is_displayed()
    assert browser.find_element("id", "response").is_displayed()


def test_the_browser_shows_a_single_frame_with_a_hostile_name(opened):
    name = "</script><img src=x onerror=document.title='broken'>"
    browser = opened(page_of(recorded([np.zeros((40, 60, 3), np.uint8)]), name))
    assert browser.find_element("id", "title").text == name
    assert_names(browser.find_element("id", "readout").text, 0)
