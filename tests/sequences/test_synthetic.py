"""The rendered sequence: exact boxes, reproducible from its seed, and as difficult as documented."""

import numpy as np
import pytest

from brian_siamsnn.metrics import overlap
from brian_siamsnn.sequences.sources import Sequence, open_sequence
from brian_siamsnn.sequences.synthetic import SyntheticSequence
from tests.helpers.messages import refused

FRAMES = 30


@pytest.fixture(scope="module")
def sequence():
    return SyntheticSequence(frames=FRAMES, size=(240, 320))


def extent(mask):
    rows, columns = np.nonzero(mask)
    return [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]


def visible(sequence, index):
    """Pixels that are at least about half target, found by rendering the same frame and noise without it."""
    with_target, without = sequence.render(index).astype(int), sequence.render(index, target=False)
    return np.abs(with_target - without).max(axis=-1) > 40


def test_it_is_a_sequence_with_a_box_for_each_frame(sequence):
    assert isinstance(sequence, Sequence)
    assert (sequence.name, sequence.frame_count, len(sequence), sequence.fps) == ("synthetic", FRAMES, FRAMES, 30.0)
    assert sequence.boxes.shape == (FRAMES, 4)


def test_its_frames_equal_the_rendered_ones(sequence):
    frames = list(sequence)
    assert len(frames) == FRAMES
    assert all(frame.shape == (240, 320, 3) and frame.dtype == np.uint8 for frame in frames)
    np.testing.assert_array_equal(frames[7], sequence.render(7))


@pytest.mark.parametrize("seed", range(4))
def test_boxes_match_the_target_pixels(seed):
    sequence = SyntheticSequence(frames=10, size=(240, 320), seed=seed)
    for index in (0, 1, 8, 9):
        np.testing.assert_allclose(sequence.boxes[index], extent(visible(sequence, index)), atol=1.2)


@pytest.mark.parametrize("seed", range(8))
def test_the_target_stays_in_view(seed):
    boxes = SyntheticSequence(seed=seed).boxes
    assert (boxes[:, :2] >= 0).all() and (boxes[:, :2] + boxes[:, 2:] <= (480, 360)).all()


@pytest.mark.parametrize("seed", range(8))
def test_the_target_moves_smoothly(seed):
    boxes = SyntheticSequence(seed=seed).boxes
    assert overlap(boxes[1:], boxes[:-1]).min() > 0.8


@pytest.mark.parametrize("seed", range(8))
def test_the_target_changes_size(seed):
    widths = SyntheticSequence(seed=seed).boxes[:, 2]
    # the scale increases from 0.8 to 1.3
    assert 1.4 < widths.max() / widths.min() < 1.8


def test_the_post_temporarily_hides_part_of_the_target(sequence):
    shown = np.array([visible(sequence, index).sum() for index in range(FRAMES)]) / sequence.boxes[:, 2:].prod(axis=1)
    whole = np.median(shown[:8])
    assert 0.5 * whole < shown.min() < 0.85 * whole
    assert (shown < 0.9 * whole).mean() < 0.5
    assert shown[-1] > 0.95 * whole


def test_the_same_seed_gives_the_same_bytes():
    first, again = (SyntheticSequence(frames=3, size=(96, 128), seed=5) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(first.boxes, again.boxes)


def test_a_different_seed_gives_a_different_path():
    first, other = (SyntheticSequence(frames=3, size=(96, 128), seed=seed) for seed in (5, 6))
    assert not np.allclose(first.boxes, other.boxes)


def test_the_number_of_frames_does_not_affect_the_path():
    few, many = SyntheticSequence(frames=5, size=(96, 128)), SyntheticSequence(frames=9, size=(96, 128))
    np.testing.assert_allclose(few.boxes, many.boxes[::2])


def test_it_is_opened_by_name():
    assert isinstance(open_sequence("synthetic"), SyntheticSequence)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"frames": 0}, ["frames", 1, 0]),
        ({"size": (32, 64)}, ["size", 64, 32]),
        ({"seed": 0.5}, ["seed", 0, 0.5]),
    ],
)
def test_invalid_settings_are_named(options, named):
    with refused(*named):
        SyntheticSequence(**options)
