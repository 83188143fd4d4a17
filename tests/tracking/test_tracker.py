"""SiamFC's tracker with matchers whose responses are known."""

import copy
import pickle
import re

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brian_siamsnn.crops import crop, rgb_image
from brian_siamsnn.tracking.config import TrackerConfig
from brian_siamsnn.tracking.tracker import SCALES, SiameseTracker
from tests.helpers.matchers import Peak as CornerPeak
from tests.helpers.messages import refused
from tests.helpers.paths import ROOT

BLACK = np.zeros((200, 300, 3), np.uint8)


def rounding(box):
    """The upsampled map has an even side, so a centred peak is found half a map pixel off: 1/4 crop pixel."""
    w, h = box[2:]
    return 0.25 * np.sqrt((w + (w + h) / 2) * (h + (w + h) / 2)) / 127 + 1e-9


class Peak:
    """A matcher with one peak in a given cell of the 17 x 17 map, whose height is given for each scale."""

    def __init__(self, cell=(8, 8), heights=(0.0, 1.0, 0.0)):
        self.cell, self.heights = cell, heights
        self.crops = None

    def set_exemplar(self, image):
        self.exemplar = image

    def match(self, crops):
        self.crops = crops
        responses = np.zeros((len(crops), 17, 17), np.float32)
        responses[(slice(None), *self.cell)] = self.heights[: len(crops)]
        return responses


def tracker(box, matcher=None, image=BLACK, scales=3):
    result = SiameseTracker(matcher or Peak(), scales)
    result.init(image, box)
    return result


def test_a_centred_peak_keeps_the_box():
    box = (100.0, 60.0, 40.0, 20.0)
    tracked = tracker(box)
    np.testing.assert_allclose(tracked.update(BLACK), box, atol=rounding(box))
    assert tracked.score == pytest.approx(1, abs=0.1)
    assert tracked.matcher.exemplar.shape == (127, 127, 3)
    assert [c.shape for c in tracked.matcher.crops] == [(255, 255, 3)] * 3


def test_a_peak_two_cells_off_moves_the_box_by_two_strides():
    # w = h = 40: s_z = sqrt(80 * 80) = 80, so one crop pixel is 80/127 image pixels; two cells are 16 crop pixels
    tracked = tracker((100, 80, 40, 40), Peak(cell=(6, 10), heights=(0, 1000.0, 0)))
    moved = tracked.update(BLACK) - [100, 80, 40, 40]
    expected = 16 * 80 / 127
    np.testing.assert_allclose(moved[:2], [expected, -expected], atol=rounding((0, 0, 40, 40)))
    np.testing.assert_allclose(moved[2:], 0, atol=1e-9)


@pytest.mark.parametrize(("heights", "factor"), [((0, 1, 2.0), 1.0375), ((2.0, 1, 0), 1 / 1.0375), ((0, 1, 1.01), 1.0)])
def test_a_better_scale_changes_the_size_by_the_damped_factor(heights, factor):
    # 1.01 at the larger scale loses to 1 after the penalty of 0.9745
    tracked = tracker((100, 80, 40, 20), Peak(heights=heights))
    np.testing.assert_allclose(tracked.update(BLACK)[2:], np.array([40, 20]) * (1 + 0.59 * (factor - 1)), rtol=1e-6)


def test_zero_responses_change_nothing():
    box = (100.0, 60.0, 40.0, 20.0)
    np.testing.assert_array_equal(tracker(box, Peak(heights=(0, 0, 0))).update(BLACK), box)


def test_equal_peaks_at_all_scales_keep_the_size():
    tracked = tracker((100.0, 60.0, 40.0, 20.0), Peak(heights=(1 / 0.9745, 1, 1 / 0.9745)))
    np.testing.assert_array_equal(tracked.update(BLACK)[2:], (40, 20))


def test_a_non_finite_response_keeps_the_box():
    tracked = tracker((100, 60, 40, 20), Peak(heights=(0, np.nan, 0)))
    np.testing.assert_allclose(tracked.update(BLACK), (100, 60, 40, 20), atol=1e-9)
    assert np.isnan(tracked.score)


def test_tracking_continues_after_a_non_finite_response():
    tracked = tracker((100, 60, 40, 20), Peak(heights=(0, np.nan, 0)))
    tracked.update(BLACK)
    tracked.matcher.heights = (0, 1.0, 0)
    tracked.update(BLACK)
    assert np.isfinite(tracked.score)


@settings(max_examples=25, deadline=None)
@given(
    cell=st.tuples(st.integers(0, 16), st.integers(0, 16)),
    best=st.integers(0, 2),
    box=st.tuples(st.integers(-20, 290), st.integers(-15, 190), st.integers(21, 200), st.integers(21, 150)),
)
def test_the_box_stays_finite_inside_the_image_and_within_its_size_limits(cell, best, box):
    heights = [0.5, 0.5, 0.5]
    heights[best] = 10.0
    tracked = tracker(box, Peak(cell, heights))
    for _ in range(60):
        x, y, w, h = tracked.update(BLACK)
        centre = x + (w - 1) / 2, y + (h - 1) / 2
        assert -1e-9 <= centre[0] <= 299 + 1e-9 and -1e-9 <= centre[1] <= 199 + 1e-9
        assert 0.2 * box[2] - 1e-9 <= w <= 5 * box[2] + 1e-9
        assert w / h == pytest.approx(box[2] / box[3])


@pytest.mark.parametrize("count", SCALES)
def test_one_crop_is_matched_per_scale(count):
    tracked = tracker((100, 60, 40, 20), Peak(heights=(1.0,) * 5), scales=count)
    tracked.update(BLACK)
    assert len(tracked.matcher.crops) == count


def test_a_wrong_number_of_scales_is_refused():
    with refused("scales", list(SCALES), 4):
        SiameseTracker(Peak(), 4)


@pytest.fixture
def dotted():
    """An image with one non-black pixel, and its position (y, x)."""
    image = np.zeros((100, 120, 3), np.uint8)
    image[40, 70] = (10, 200, 30)
    return image, (40.0, 70.0)


def test_a_crop_is_centred(dotted):
    # side 5, not resized
    cut = crop(*dotted, 5.0, 5, (0, 0, 0))
    np.testing.assert_array_equal(cut[2, 2], (10, 200, 30))
    assert cut.sum() == 240


def test_a_crop_half_outside_the_image_is_filled_there():
    cut = crop(np.full((50, 50, 3), 9, np.uint8), (25.0, 0.0), 11.0, 11, (1, 2, 3))
    np.testing.assert_array_equal(cut[:, :5], np.broadcast_to([1, 2, 3], (11, 5, 3)))
    assert (cut[:, 5:] == 9).all()


def test_a_crop_entirely_outside_the_image_is_filled(dotted):
    assert (crop(dotted[0], (500.0, 500.0), 20.0, 8, (7, 7, 7)) == 7).all()


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 1)])
def test_gray_images_are_converted_to_rgb(shape):
    gray = np.arange(12, dtype=np.uint8).reshape(shape)
    np.testing.assert_array_equal(rgb_image(gray), np.dstack([gray] * 3))


def test_gray_images_are_tracked():
    tracked = tracker((10, 10, 20, 20), image=np.zeros((64, 64), np.uint8))
    assert np.isfinite(tracked.update(np.zeros((64, 64), np.uint8))).all()


@pytest.mark.parametrize(
    ("shape", "dtype"), [((4, 4, 4), "uint8"), ((4, 4, 3), "float64"), ((0, 4, 3), "uint8"), ((4,), "uint8")]
)
def test_other_image_formats_are_refused(shape, dtype):
    with refused("image", "8-bit", dtype, shape):
        rgb_image(np.zeros(shape, dtype))


@pytest.mark.parametrize("box", [(10, 10, 0, 5), (10, 10, 5, -1), (np.nan, 0, 5, 5), (0, 0, np.inf, 5), (1, 2, 3)])
def test_degenerate_boxes_are_refused(box):
    with refused("box", [float(side) for side in box]):
        tracker(box)


@pytest.mark.parametrize("box", [(300, 10, 5, 5), (10, 200, 5, 5), (-20, 10, 20, 5), (10, -6, 5, 5)])
def test_boxes_outside_the_image_are_refused(box):
    with refused("box", [float(side) for side in box], "300 x 200"):
        tracker(box)


def test_an_update_before_the_first_frame_is_refused():
    with refused("update", "init(image, box)"):
        SiameseTracker(Peak()).update(BLACK)


def test_there_is_no_box_before_the_first_frame():
    with refused("box", "init(image, box)"):
        print(SiameseTracker(Peak()).box)


def test_tiny_and_huge_boxes_are_tracked():
    for box in ((150.0, 100.0, 1.0, 1.0), (-100.0, -100.0, 500.0, 400.0)):
        np.testing.assert_allclose(tracker(box).update(BLACK), box, atol=rounding(box))


def test_the_documented_matcher_follows_an_object():
    """docs/extending.md: the box follows a pattern that moves by 16 crop pixels, two cells."""
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {}
    exec(compile(block, "docs/extending.md", "exec"), names)
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.integers(0, 255, (240, 320, 3), np.uint8), (0, 0), 2)
    box = np.array([130.0, 90.0, 40.0, 40.0])  # a square of 80 pixels is cropped: 8 crop pixels are 5.04 image pixels
    tracked = names["tracker"]
    tracked.init(image, box)
    np.testing.assert_allclose(tracked.update(image)[:2], box[:2], atol=1)
    moved = np.roll(image, (-10, 10), (0, 1))
    np.testing.assert_allclose(tracked.update(moved)[:2], box[:2] + [10, -10], atol=1)


@pytest.mark.parametrize(
    "box", [(0, 0, 1e308, 1e308), (-1e300, 0, 2e300, 5), (0, 0, 130, 5), "abcd", None, (1, 2, "x", 4)]
)
def test_invalid_boxes_are_refused(box):
    with refused("box"):
        SiameseTracker(CornerPeak(1.0)).init(np.zeros((50, 60, 3), np.uint8), box)


@pytest.mark.parametrize(("box", "width"), [((0, 0, 50, 40), 120), ((20, 20, 10, 8), 50)])
def test_a_target_grows_to_at_most_twice_the_image(box, width):
    """The larger side reaches twice the image width of 60 before five times its own size; the height allows 125."""

    class Growing(CornerPeak):
        def match(self, crops):
            responses = np.zeros((len(crops), 17, 17), np.float32)
            responses[:, 8, 8] = [1, 2, 4]
            return responses

    frame = np.zeros((50, 60, 3), np.uint8)
    tracker = SiameseTracker(Growing(1.0))
    tracker.init(frame, box)
    for _ in range(120):
        *_, w, h = tracker.update(frame)
    np.testing.assert_allclose((w, h), (width, width * 0.8))


# several trackers on one matcher


class Recognised:
    """A matcher without a template whose response is the brightness of its exemplar."""

    def __init__(self):
        self.embedded = 0

    def set_exemplar(self, image):
        self._brightness, self.embedded = image.mean(), self.embedded + 1

    def match(self, crops):
        responses = np.zeros((len(crops), 17, 17), np.float32)
        responses[:, 8, 8] = self._brightness
        return responses


class RecognisedByTemplate(Recognised):
    """The same, with its exemplar as a template."""

    @property
    def template(self):
        return self._brightness

    @template.setter
    def template(self, template):
        self._brightness = template


@pytest.mark.parametrize(("kind", "embedded"), [(Recognised, 4), (RecognisedByTemplate, 2)])
def test_trackers_that_share_a_matcher_keep_their_exemplars(kind, embedded):
    matcher = kind()
    dark, bright = np.full_like(BLACK, 20), np.full_like(BLACK, 200)
    first, second = SiameseTracker(matcher, 1), SiameseTracker(matcher, 1)
    first.init(dark, (100, 80, 40, 40))
    second.init(bright, (100, 80, 40, 40))
    for tracked, brightness in ((first, 20), (second, 200), (second, 200)):
        tracked.update(BLACK)
        assert tracked.response.max() == brightness
    assert matcher.embedded == embedded  # the two exemplars, and two changes of the tracker


@pytest.mark.parametrize("matcher", ["compact", None, object()])
def test_something_else_than_a_matcher_is_refused(matcher):
    with refused("matcher", "set_exemplar", "match", "build_tracker()"):
        SiameseTracker(matcher)


@pytest.mark.parametrize("copying", [copy.deepcopy, pickle.dumps])
def test_a_running_simulation_is_neither_copied_nor_pickled(copying):
    tracker = TrackerConfig(steps=1, scales=1).build_tracker()
    with refused("SpikingBranch", "TrackerConfig"):
        copying(tracker)


def test_a_configuration_can_be_sent_to_another_process():
    config = pickle.loads(pickle.dumps(TrackerConfig(steps=3.0, tau=2.0, scales=1)))
    assert config == TrackerConfig(steps=3, tau=2, scales=1)
    assert config.build_tracker().matcher.search_branch.steps == 3


def test_a_tracker_of_arrays_can_be_copied():
    assert copy.deepcopy(SiameseTracker(CornerPeak(1.0), 1)).scales == 1
