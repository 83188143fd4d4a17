"""The student's losses against its teacher."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from brian_siamsnn.training.distillation import Distillation, _align, cross_responses, unexplained  # noqa: E402


def test_unexplained_variance_by_hand():
    teacher = torch.tensor([1.0, 2.0, 3.0])
    assert unexplained(teacher, teacher) == 0
    assert unexplained(torch.full((3,), 2.0), teacher) == 1
    # errors 1, 0, 1 against deviations 1, 0, 1; then 0, 0, 1
    assert unexplained(torch.tensor([2.0, 2.0, 2.0]), teacher) == 1
    assert unexplained(torch.tensor([1.0, 2.0, 4.0]), teacher) == 0.5


def test_cross_responses_are_sums_of_products():
    rng = np.random.default_rng(0)
    z, x = rng.normal(size=(3, 2, 2, 2)), rng.normal(size=(3, 2, 4, 4))
    maps = cross_responses(torch.from_numpy(z), torch.from_numpy(x)).numpy()
    assert maps.shape == (3, 3, 3, 3)
    for j in range(3):
        for i in range(3):
            for row in range(3):
                for column in range(3):
                    expected = (z[i] * x[j][:, row : row + 2, column : column + 2]).sum()
                    assert maps[j, i, row, column] == pytest.approx(expected)


@pytest.mark.parametrize(("student", "teacher"), [(25, 22), (23, 22), (24, 22), (9, 6), (7, 6), (6, 6), (5, 6), (4, 6)])
def test_both_grids_show_the_same_positions(student, teacher):
    # a feature that holds its own position on the crop, in strides from the centre
    ours = torch.arange(student) - (student - 1) / 2
    theirs = torch.arange(teacher) - (teacher - 1) / 2
    aligned = _align(ours.expand(1, 1, student, student), theirs.expand(1, 1, teacher, teacher))
    torch.testing.assert_close(*aligned)
    # no common position is dropped, except half a cell at the border where the grids interleave
    assert aligned[0].shape[-1] == min(student - (student - teacher) % 2, teacher)


def test_a_student_equal_to_its_teacher_has_zero_loss():
    torch.manual_seed(0)
    distillation = Distillation(3, 3)
    with torch.no_grad():
        distillation.adapter.weight.copy_(torch.eye(3)[:, :, None, None])
        distillation.adapter.bias.zero_()
    features = torch.randn(4, 3, 2, 2), torch.randn(4, 3, 6, 6)
    assert distillation(features, features) == 0
    # the error of twice the features is as large as they are, about zero
    twice = tuple(2 * part for part in features)
    errors = [(part.square().sum() / (part - part.mean()).square().sum()).item() for part in features]
    assert distillation(twice, features).item() == pytest.approx(np.mean(errors), rel=1e-5)
