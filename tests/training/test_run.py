"""One training run: learning, and the reported score."""

import cv2
import numpy as np
import pytest

from brian_siamsnn.training.pairs import PairSampler, held_out_pairs, read_photos, read_videos
from brian_siamsnn.training.recipe import Recipe

torch = pytest.importorskip("torch")

from brian_siamsnn.training import batches  # noqa: E402
from brian_siamsnn.training.loop import held_out_score  # noqa: E402
from brian_siamsnn.training.run import TrainingRun  # noqa: E402


def answering(maps):
    """Answer with given response maps, ten pairs at a time."""
    parts = iter(maps.split(10))
    return lambda exemplars, searches: next(parts)


@pytest.fixture(scope="module")
def pairs(clips):
    return held_out_pairs(read_videos(clips / "video"), 4)


@pytest.fixture(scope="module")
def cells(pairs):
    """Target positions, in cells of the response map from its centre."""
    return torch.tensor(np.array([pair.displacement for pair in pairs]) / 8, dtype=torch.float32)


def test_score_of_a_network_that_peaks_at_the_target(pairs, cells):
    grid = torch.arange(17.0) - 8
    near = -(grid - cells[:, :1])[:, None, :].abs() - (grid - cells[:, 1:])[:, :, None].abs()
    score = held_out_score(answering(near), pairs)
    assert score["within_1"] == 1
    assert score["distance"] < 0.71  # half a cell in x and in y


def test_score_of_a_blind_network(pairs, cells):
    score = held_out_score(answering(torch.zeros(len(pairs), 17, 17)), pairs)
    assert score["held_out_loss"] == pytest.approx(np.log(2), rel=1e-5)
    # a flat map has its first peak in the corner, 8 cells to the left of and above the centre
    assert score["distance"] == pytest.approx(np.linalg.norm(cells.numpy() + 8, axis=1).mean(), rel=1e-5)


# random features can hardly be explained, but no loss term may block another
@pytest.mark.parametrize(("taught", "share"), [(False, 0.9), (True, 0.95)])
def test_a_run_overfits_a_single_batch(clips, taught, share):
    sampler = PairSampler(read_videos(clips / "video"), [], read_photos(clips / "photos"), 0)
    arrays = batches.new_batch(sampler, Recipe(batch=4), 0)
    if taught:
        z, x = (np.random.default_rng(side).normal(size=(4, side, side, 64)).astype(np.float32) for side in (6, 16))
        arrays = (*arrays, z, x)
    run = TrainingRun(Recipe(architecture="4-6-5", spiking_share=0.0), teacher_response=(0.1, 0.0))
    losses = [run.advance(batches.to_tensors(arrays, "cpu")) for _ in range(12)]
    assert losses[-1] < share * losses[0]


def _blurred(rng, side):
    """Two images with structures larger than a kernel, so that activations differ from pixel to pixel."""
    small = rng.integers(0, 256, (2, 9, 9, 3), dtype=np.uint8)
    return np.stack([cv2.resize(image, (side, side)) for image in small])


@pytest.fixture(scope="module")
def trained_with_weight():
    """Two runs of 40 steps, by their weight of operations."""
    rng = np.random.default_rng(0)
    exemplars, searches = (_blurred(rng, side) for side in (127, 207))
    batch = batches.to_tensors((exemplars, searches, np.zeros((2, 2)), np.arange(2)), "cpu")
    settings = {"architecture": "4-6-5", "spiking_share": 0.5, "steps": 40, "learning_rate": 0.005}
    runs = {weight: TrainingRun(Recipe(**settings, operations_weight=weight)) for weight in (0.0, 10.0)}
    for run in runs.values():
        for _ in range(40):
            run.advance(batch)
    return runs


@pytest.mark.parametrize("weight", [0.0, 10.0])
def test_operations_are_rates_times_synapses(trained_with_weight, weight):
    run = trained_with_weight[weight]
    # conv1: 62 x 62 pixels of 4 channels, conv2: 29 x 29 of 6; 25 and 9 positions in the kernels
    synapses = {"conv1": 29 * 29 * 6 * 25 * 4, "conv2": 27 * 27 * 5 * 9 * 6}
    expected = 4 * sum(count * run.quantised.rates[name].item() for name, count in synapses.items())
    assert run.operations() == pytest.approx(expected, rel=1e-5)


def test_a_penalty_on_operations_reduces_them(trained_with_weight):
    operations = {weight: run.operations() for weight, run in trained_with_weight.items()}
    assert 0 < operations[10.0] < 0.7 * operations[0.0]


def test_the_last_layer_is_rectified_and_trained():
    # AlexNet's conv5 is not rectified in SiamFC, but spikes are never negative
    run = TrainingRun(Recipe(architecture="alexnet"))
    assert run.network.layers[-1].rectify and set(run.quantised.bounds) == {f"conv{k}" for k in range(1, 6)}


def test_the_learning_rate_falls_to_a_hundredth_in_each_part():
    run = TrainingRun(Recipe(architecture="4-6-5", steps=200, spiking_share=0.5, learning_rate=0.08))
    rates = []
    for run.step in (0, 50, 100, 150, 200):
        rates.append(run._learning_rate())
    np.testing.assert_allclose(rates, [0.08, 0.008, 0.02, 0.002, 0.0002])


def test_windows_keep_their_targets_within_the_response_map():
    displacements = np.array([[32.0, -32.0], [0.0, 0.0], [-31.0, 4.0]])
    seen = [batches.windows(displacements, np.random.default_rng(seed)) for seed in range(300)]
    left = displacements - (np.array(seen) - 3) * 8
    assert np.abs(left).max() <= 32
    # a centred target can be anywhere within 24 pixels, one at the edge only closer to the centre
    assert {start[1, 0] for start in seen} == set(range(7))
    assert {start[0, 0] for start in seen} == {3, 4, 5, 6}
    assert {start[0, 1] for start in seen} == {0, 1, 2, 3}
