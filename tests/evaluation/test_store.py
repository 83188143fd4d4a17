"""Results of single sequences, stored in files."""

import numpy as np
import pytest

from brian_siamsnn.evaluation.store import Store
from brian_siamsnn.sequences.datasets import open_dataset


@pytest.fixture
def stored(root, tmp_path):
    """A store with the first sequence of a data set, and all its sequences."""
    items = open_dataset(root).items
    store = Store(tmp_path)
    (tmp_path / "boxes").mkdir()
    store.save(items[0], {"boxes": items[0].open().boxes, "frames": 4})
    return store, items, [item.open() for item in items]


def test_a_stored_result_is_found(stored):
    store, items, sequences = stored
    np.testing.assert_allclose(store.load(items[0], sequences[0])["boxes"], sequences[0].boxes, atol=1e-4)


def test_a_result_with_more_frames_is_not_used(stored):
    store, items, sequences = stored
    assert store.load(items[0], sequences[0], frames=3) is None


def test_a_result_of_another_sequence_is_not_used(stored):
    store, items, sequences = stored
    assert store.load(items[0], sequences[1]) is None


def test_a_modified_result_is_not_used(stored, tmp_path):
    store, items, sequences = stored
    path = tmp_path / "boxes" / "Crossing.txt"
    path.write_text(path.read_text().replace("1", "2", 1))
    assert store.load(items[0], sequences[0]) is None
