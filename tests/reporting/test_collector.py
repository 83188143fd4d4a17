"""The numbers recorded for a report compared with other counts, and the amount of data kept."""

import gc
import weakref

import cv2
import numpy as np
import pytest

from brian_siamsnn.energy.cost_models import load_cost_models
from brian_siamsnn.matching.spiking import SpikingMatcher
from brian_siamsnn.metrics import overlap
from brian_siamsnn.model.files import load_model
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from brian_siamsnn.tracking.tracker import SiameseTracker
from tests.helpers.reports import FRAMES, SCALES, STEPS, recorded


def test_boxes_and_true_boxes_are_taken_from_the_run(run):
    result, recorder, _ = run
    np.testing.assert_allclose(recorder.boxes, result.boxes, atol=0.005)
    np.testing.assert_allclose(recorder.truth, SyntheticSequence(frames=FRAMES).boxes, atol=0.005)


def test_overlaps_are_computed_from_the_boxes(run):
    result, recorder, _ = run
    expected = overlap(result.boxes, SyntheticSequence(frames=FRAMES).boxes)
    np.testing.assert_allclose(recorder.overlap, expected, atol=1e-4)


def test_scores_are_taken_from_the_run_and_the_first_frame_has_none(run):
    result, recorder, _ = run
    np.testing.assert_allclose(recorder.score[1:], result.scores[1:], rtol=1e-3)
    assert recorder.score[0] is None


@pytest.fixture(scope="module")
def searched(run):
    """Operations and spikes of the search regions: the matcher's counts minus the exemplar's."""
    matcher = run[2]
    first = SyntheticSequence(frames=1)
    alone = SpikingMatcher(load_model("compact"), STEPS, crops=SCALES)
    SiameseTracker(alone, SCALES).init(next(iter(first)), first.boxes[0])
    return matcher.operations - alone.operations, matcher.spikes - alone.spikes


def test_operations_add_up_to_the_matchers_count(run, searched):
    _, recorder, _ = run
    found = sum(sum(numbers[1:]) for name, numbers in recorder.operations.items() if name != "matching")
    assert found == pytest.approx(searched[0], rel=1e-3)


def test_rates_add_up_to_the_matchers_spike_count(run, searched):
    _, recorder, matcher = run
    neurons = {name: SCALES * np.prod(shape) * STEPS for name, shape in matcher.search_branch.shapes.items()}
    found = sum(sum(rates[1:]) * neurons[name] for name, rates in recorder.rates.items())
    assert found == pytest.approx(searched[1], rel=1e-3)


def test_the_first_frame_is_not_searched(run):
    _, recorder, _ = run
    assert all(numbers[0] is None for numbers in (*recorder.operations.values(), *recorder.rates.values()))
    assert recorder.pictures[0]["raster"] is None and recorder.pictures[0]["response"] is None


def test_energy_is_operations_times_their_cost(run):
    _, recorder, matcher = run
    costs = load_cost_models()
    # the first layer and the tracker around the network are multiply-accumulates on the host, without spikes
    joule, mac = costs["truenorth"].value("synaptic_operation"), costs["cmos45-fp32"].value("mac")
    energy = np.array(recorder.energy[costs["truenorth"].title][1:])
    operations = np.sum([numbers[1:] for numbers in recorder.operations.values()], axis=0)
    rest = energy - joule * operations
    np.testing.assert_allclose(rest, rest[0], rtol=0.01)
    first = matcher.search_branch.model.layers[0]
    assert rest[0] > mac * SCALES * np.prod(matcher.search_branch.shapes["conv1"]) * 3 * first.kernel**2


def test_the_raster_shows_the_last_layer_at_the_middle_scale(run):
    _, recorder, matcher = run
    bits = np.unpackbits(np.frombuffer(recorder.pictures[-1]["raster"], np.uint8), count=STEPS * 256)
    trains = matcher.search_branch.trains("conv5", SCALES // 2)
    fired = trains.dense().reshape(STEPS, -1)[:, recorder.neurons] > 0
    np.testing.assert_array_equal(bits.reshape(STEPS, 256), fired)


@pytest.fixture(scope="module")
def long_run():
    """A recorder of fifty frames whose pictures exceed its budget, and references to the frames."""
    rng = np.random.default_rng(0)
    references = []

    def frames():
        for _ in range(50):
            frame = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
            references.append(weakref.ref(frame))
            yield frame
            del frame

    return recorded(frames(), picture_bytes=250_000), references


def test_no_frame_is_kept_in_memory(long_run):
    gc.collect()
    assert not any(reference() is not None for reference in long_run[1])


def test_pictures_use_their_budget_and_stay_within_it(long_run):
    recorder, _ = long_run
    size = sum(len(entry["image"]) + len(entry["response"]) for entry in recorder.pictures)
    assert size <= 250_000 < 2.5 * size


def test_the_remaining_pictures_are_evenly_spaced(long_run):
    recorder, _ = long_run
    assert recorder.stride > 1
    assert [entry["frame"] for entry in recorder.pictures] == list(range(0, 50, recorder.stride))


def test_frames_without_a_picture_keep_their_numbers(long_run):
    assert len(long_run[0].boxes) == 50


@pytest.mark.parametrize(
    ("shape", "shown"), [((1080, 1920, 3), (360, 640)), ((240, 320, 3), (480, 640)), ((40, 60, 3), (80, 120))]
)
def test_pictures_have_a_sensible_size(shape, shown):
    (entry,) = recorded([np.zeros(shape, np.uint8)]).pictures
    assert cv2.imdecode(np.frombuffer(entry["image"], np.uint8), cv2.IMREAD_COLOR).shape[:2] == shown
    assert tuple(entry["size"]) == shown[::-1]
