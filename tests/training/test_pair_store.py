"""Pairs on disk with a teacher's features."""

import numpy as np
import pytest

from brian_siamsnn.model.layers import compact
from brian_siamsnn.training.pairs import Pair
from tests.helpers.messages import refused

torch = pytest.importorskip("torch")

from brian_siamsnn.model.cnn import SiamFC  # noqa: E402
from brian_siamsnn.training.pair_store import DIRECTIONS, PairPool, images_to_tensor  # noqa: E402

SIZE = 20


def sampler(index):
    rng = np.random.default_rng(index)
    images = [rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for side in (127, 255)]
    return Pair(*images, rng.uniform(-32, 32, 2), 100 + index)


@pytest.fixture(scope="module")
def teacher():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SiamFC(compact("4-6-5")).eval()


@pytest.fixture(scope="module")
def pool(teacher, tmp_path_factory):
    pool = PairPool(tmp_path_factory.mktemp("pool"), sampler, teacher, {"seed": 0}, SIZE)
    pool.fill()
    return pool


def test_window_features_equal_those_of_the_cut_crop(pool, teacher):
    starts = np.array([[0, 0], [6, 1], [3, 3]])
    exemplars, searches, displacements, targets, z, x = pool.batch([2, 19, 7], starts, 207)
    assert targets.tolist() == [102, 119, 107]
    for k, index in enumerate((2, 19, 7)):
        pair = sampler(index)
        column, row = starts[k] * 8
        np.testing.assert_array_equal(exemplars[k], pair.exemplar)
        np.testing.assert_array_equal(searches[k], pair.search[row : row + 207, column : column + 207])
        # the window's centre is 24 pixels before the crop's at start 0
        np.testing.assert_allclose(displacements[k], pair.displacement + 24 - starts[k] * 8, rtol=1e-5)
    # the teacher has fewer channels than directions, so the directions preserve all inner products
    with torch.no_grad():
        for images, kept in ((exemplars, z), (searches, x)):
            features = teacher.embed(images_to_tensor(list(images))).permute(0, 2, 3, 1).numpy()
            assert kept.shape == (*features.shape[:3], DIRECTIONS)
            scale = (features**2).sum(-1).max()
            np.testing.assert_allclose((kept**2).sum(-1), (features**2).sum(-1), atol=2e-3 * scale)
            np.testing.assert_allclose(
                kept[0, 0, 0] @ kept[1, 2, 3], features[0, 0, 0] @ features[1, 2, 3], atol=2e-3 * scale
            )


def test_a_resumed_pool_has_the_same_content(pool, teacher, tmp_path):
    def stopped(index):
        if index == 13:
            raise KeyboardInterrupt
        return sampler(index)

    half = PairPool(tmp_path, stopped, teacher, {"seed": 0}, SIZE)
    with pytest.raises(KeyboardInterrupt):
        half.fill()
    # the directions are computed from all 20, so nothing was stored before that
    PairPool(tmp_path, sampler, teacher, {"seed": 0}, SIZE)._directions()
    with pytest.raises(KeyboardInterrupt):
        half.fill()
    assert (tmp_path / "filled.json").read_text() == "8"
    PairPool(tmp_path, sampler, teacher, {"seed": 0}, SIZE).fill()
    for file in pool.folder.glob("*.npy"):
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name


def test_another_pool_or_damaged_arrays_are_refused(pool, teacher, tmp_path):
    with refused(pool.folder, "seed", "pairs"):
        PairPool(pool.folder, sampler, teacher, {"seed": 1}, SIZE + 1)
    PairPool(tmp_path, sampler, teacher, {}, 4)
    (tmp_path / "x.npy").write_bytes(b"nothing")
    with refused(tmp_path / "x.npy"):
        PairPool(tmp_path, sampler, teacher, {}, 4)


def test_a_pool_larger_than_the_disk_is_refused(teacher, tmp_path):
    with refused(tmp_path, 10**9, "GiB", "pairs"):
        PairPool(tmp_path, sampler, teacher, {}, 10**9)
