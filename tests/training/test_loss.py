"""Labels of a response map, and the weighted loss."""

import pytest

torch = pytest.importorskip("torch")

from brian_siamsnn.training.loss import balanced_loss, labels  # noqa: E402


@pytest.fixture(scope="module")
def maps():
    """Labels of a target in the middle, one cell to the right of it, and half a cell to the right and one up."""
    return labels(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, -1.0]]), 7)


def test_labels_of_a_centred_target_by_hand(maps):
    assert maps[0].int().tolist() == [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 1, 0, 0, 0],
        [0, 0, 1, 1, 1, 0, 0],
        [0, 1, 1, 1, 1, 1, 0],
        [0, 0, 1, 1, 1, 0, 0],
        [0, 0, 0, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
    ]


def test_a_displacement_in_x_moves_the_labels_by_columns(maps):
    assert torch.equal(maps[1][:, 1:], maps[0][:, :-1])


def test_labels_of_a_target_between_two_cells_by_hand(maps):
    # 4 cells in the target's row, 2 in the rows beside it, none beyond
    assert maps[2].sum(1).tolist() == [0, 2, 4, 2, 0, 0, 0]
    assert maps[2][2].tolist() == [0, 0, 1, 1, 1, 1, 0]


def test_positive_and_negative_cells_have_equal_weight():
    targets = labels(torch.zeros(2, 2), 17)
    assert targets.sum(dim=(1, 2)).tolist() == [13, 13]
    # 13 positive cells at +1 and 276 negative ones at -2 give 1/2 log(1 + e^-1) + 1/2 log(1 + e^-2)
    responses = torch.where(targets > 0, 1.0, -2.0)
    assert balanced_loss(responses, targets).item() == pytest.approx((0.3132617 + 0.1269280) / 2, rel=1e-5)
