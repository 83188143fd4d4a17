"""Labels of a response map, and the losses on it."""

import math

import pytest

torch = pytest.importorskip("torch")

from brian_siamsnn.training.loss import absence_loss, balanced_loss, labels, peak_loss  # noqa: E402


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


def test_the_peak_loss_of_a_flat_map_is_the_logarithm_of_its_size():
    flat = torch.full((2, 17, 17), 3.0)
    assert peak_loss(flat, torch.zeros(2, 2)).item() == pytest.approx(math.log(289), rel=1e-5)


def test_the_peak_loss_by_hand():
    # three cells in each direction: the Gaussian has the weights e^-1/2, 1, e^-1/2 in x and in y
    q = torch.tensor([math.exp(-0.5), 1, math.exp(-0.5)])
    q = torch.outer(q, q) / q.sum() ** 2
    response = torch.arange(9.0).reshape(3, 3)
    log_softmax = response - math.log(sum(math.exp(k) for k in range(9)))
    expected = -(q * log_softmax).sum().item()
    assert peak_loss(response[None], torch.zeros(1, 2)).item() == pytest.approx(expected, rel=1e-5)


def test_the_peak_loss_is_least_at_the_target():
    response = torch.zeros(1, 17, 17)
    response[0, 6, 10] = 5.0  # 2 cells to the right of the centre, 2 up
    losses = {
        (dx, dy): peak_loss(response, torch.tensor([[dx, dy]])).item() for dx in (-2.0, 2.0) for dy in (-2.0, 2.0)
    }
    assert min(losses, key=losses.get) == (2.0, -2.0)


def test_the_absence_loss_counts_the_highest_response_on_other_targets():
    maps = torch.full((3, 3, 2, 2), -9.0)
    maps[0, 1, 1, 0], maps[1, 0, 0, 0] = 2.0, -1.0  # pairs 0 and 1 show different targets
    maps[0, 2] = maps[2, 0] = 50.0  # 0 and 2 show the same one
    maps[[0, 1, 2], [0, 1, 2]] = 50.0
    expected = sum(math.log1p(math.exp(r)) for r in (2.0, -1.0, -9.0, -9.0)) / 4
    assert absence_loss(maps, torch.tensor([7, -3, 7])).item() == pytest.approx(expected, rel=1e-5)


def test_the_absence_loss_of_one_target_is_zero():
    assert absence_loss(torch.ones(2, 2, 3, 3), torch.tensor([4, 4])) == 0
