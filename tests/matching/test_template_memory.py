"""A memory of templates, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brian_siamsnn.matching.spiking import SpikingMatcher
from brian_siamsnn.matching.template_memory import LEAST_SIMILARITY, TemplateMemory
from brian_siamsnn.tracking.tracker import INTERVAL, SiameseTracker
from tests.helpers.messages import refused


def at(degrees, length=1.0):
    """Features of two numbers, at an angle from the first exemplar."""
    return length * np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


def test_one_template_is_that_of_the_first_frame():
    np.testing.assert_array_equal(TemplateMemory(at(0), 4).template, at(0))


def test_the_template_is_half_the_first_and_half_the_mean_of_the_others():
    memory = TemplateMemory(np.array([8.0, 0.0], np.float32), 3)
    assert memory.offer(np.array([4.0, 2.0], np.float32)) and memory.offer(np.array([2.0, 2.0], np.float32))
    assert memory.template.tolist() == [(8 + 3) / 2, (0 + 2) / 2]
    assert memory.template.dtype == np.float32


def test_an_exemplar_unlike_the_first_is_not_kept():
    memory = TemplateMemory(at(0), 3)
    limit = np.degrees(np.arccos(LEAST_SIMILARITY))
    assert not memory.offer(at(limit + 1)) and len(memory) == 1
    assert memory.offer(at(limit - 1, length=7.0)) and len(memory) == 2


def test_a_full_memory_keeps_the_more_diverse_exemplar():
    # with two of them the determinant of the Gram matrix is sin^2 of the angle between them
    memory = TemplateMemory(at(0), 2)
    memory.offer(at(20))
    assert not memory.offer(at(10))
    assert memory.offer(at(40))
    np.testing.assert_allclose(memory.template, (at(0) + at(40)) / 2)


def test_the_first_exemplar_is_never_replaced():
    memory = TemplateMemory(at(0), 1)
    assert not memory.offer(at(30))
    np.testing.assert_array_equal(memory.template, at(0))


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_the_least_needed_exemplar_is_replaced(seed, size):
    rng = np.random.default_rng(seed)
    first, *others = rng.random((size + 1, 6)) + 1  # all within 60 degrees of each other
    memory = TemplateMemory(first, size)
    for features in others[:-1]:
        assert memory.offer(features)

    def diversity(features):
        unit = features / np.linalg.norm(features, axis=1, keepdims=True)
        return np.linalg.det(unit @ unit.T)

    kept = np.array([first, *others[:-1]])
    choices = [kept, *(np.vstack([np.delete(kept, k, 0), others[-1:]]) for k in range(1, size))]
    best = choices[int(np.argmax([diversity(choice) for choice in choices]))]
    memory.offer(others[-1])
    np.testing.assert_allclose(memory.template, (best[0] + best[1:].mean(0)) / 2)


class Remembering:
    """A matcher that describes a crop by its mean colour, and answers with a clear peak in the middle."""

    def __init__(self):
        self.templates, self.clear = [], True

    def describe(self, crop):
        return crop.mean((0, 1)).astype(np.float32)

    def set_exemplar(self, crop):
        self.set_template(self.describe(crop))

    def set_template(self, features):
        self.templates.append(features)

    def match(self, crops):
        responses = np.random.default_rng(0).normal(size=(len(crops), 17, 17))
        responses[:, 8, 8] += 30 * self.clear
        return responses


def tracked(matcher, frames, templates):
    tracker = SiameseTracker(matcher, 1, templates)
    colours = [np.full((90, 90, 3), (100, 100, 100 - 5 * k), np.uint8) for k in range(frames)]
    tracker.init(colours[0], (40, 40, 20, 20))
    for frame in colours[1:]:
        tracker.update(frame)
    return [template[2] for template in matcher.templates]


def test_the_tracker_offers_every_fifth_frame():
    # the frames have the colours 100, 95, 90, ... in blue
    assert INTERVAL == 5
    blue = tracked(Remembering(), 11, 3)
    assert blue == pytest.approx([100, (100 + 75) / 2, (100 + (75 + 50) / 2) / 2])


def test_a_tracker_with_one_template_learns_nothing():
    assert tracked(Remembering(), 11, 1) == [100]


def test_a_lost_target_is_not_learnt():
    matcher = Remembering()
    matcher.clear = False
    assert tracked(matcher, 11, 3) == [100]


def test_trackers_that_share_a_matcher_keep_their_own_memories():
    matcher = SpikingMatcher("compact", 2, "psm", crops=1)
    rng = np.random.default_rng(0)
    clips = [[rng.integers(0, 256, (60, 60, 3), dtype=np.uint8)] * 7 for _ in range(2)]

    def boxes(first, second):
        for tracker, clip in ((first, clips[0]), (second, clips[1])):
            tracker.init(clip[0], (20, 20, 20, 20))
        return [[t.update(clip[k]) for t, clip in ((first, clips[0]), (second, clips[1]))] for k in range(1, 7)]

    shared = boxes(*(SiameseTracker(matcher, 1, 3) for _ in range(2)))
    alone = boxes(*(SiameseTracker(SpikingMatcher("compact", 2, "psm", crops=1), 1, 3) for _ in range(2)))
    np.testing.assert_array_equal(shared, alone)


def test_a_matcher_that_cannot_describe_is_refused_with_several_templates():
    class Bare:
        def set_exemplar(self, crop): ...

        def match(self, crops): ...

    with refused("matcher", "describe", "set_template"):
        SiameseTracker(Bare(), 1, 4)
