from __future__ import annotations

import numpy as np
import pytest
import torch

from edgecv.distillation.features import LOSSES, Adapters, channel_wise, correlation


def pair(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    return torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)


@pytest.mark.parametrize("name", LOSSES)
def test_equal_features_cost_nothing_and_others_something(name: str) -> None:
    student, teacher = pair()
    assert LOSSES[name](teacher, teacher, 1.0).item() == pytest.approx(0, abs=1e-5)
    assert LOSSES[name](student, teacher, 1.0).item() > 0.1


def test_correlation_is_one_less_pearsons_by_numpy() -> None:
    student, teacher = pair()
    rows = [value.numpy().transpose(1, 0, 2, 3).reshape(3, -1) for value in (student, teacher)]
    each = [np.corrcoef(first, second)[0, 1] for first, second in zip(*rows, strict=True)]
    assert correlation(student, teacher, 1.0).item() == pytest.approx(1 - np.mean(each), abs=1e-4)


def test_correlation_sees_neither_scale_nor_offset_of_a_channel() -> None:
    student, teacher = pair()
    scale = torch.tensor([0.01, 3.0, 100.0]).view(1, 3, 1, 1)
    found = correlation(student * scale + 5 * scale, teacher, 1.0)
    assert found.item() == pytest.approx(correlation(student, teacher, 1.0).item(), abs=2e-3)
    assert correlation(-teacher, teacher, 1.0).item() == pytest.approx(2, abs=1e-4)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_channel_wise_is_the_divergence_of_places_by_numpy(temperature: float) -> None:
    student, teacher = (value.numpy().astype(np.float64) for value in pair())
    total = 0.0
    for picture in range(2):
        for channel in range(3):
            mine, its = (
                np.exp(value[picture, channel].reshape(-1) / temperature)
                for value in (student, teacher)
            )
            mine, its = mine / mine.sum(), its / its.sum()
            total += float((its * np.log(its / mine)).sum())
    expected = temperature**2 * total / 6
    assert channel_wise(*pair(), temperature).item() == pytest.approx(expected, rel=1e-4)


def test_features_that_are_flat_everywhere_give_finite_gradients() -> None:
    student = torch.zeros(1, 2, 3, 3, requires_grad=True)
    for loss in LOSSES.values():
        loss(student, pair()[1][:1, :2, :3, :3], 1.0).backward()
    assert student.grad is not None
    assert student.grad.isfinite().all()


def test_adapters_give_each_level_the_teachers_channels() -> None:
    adapters = Adapters((8, 8, 8), (4, 16, 32))
    levels = [torch.zeros(2, 8, side, side) for side in (8, 4, 2)]
    assert [tuple(level.shape) for level in adapters(levels)] == [
        (2, 4, 8, 8), (2, 16, 4, 4), (2, 32, 2, 2),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="zip"):
        Adapters((8, 8), (4, 16, 32))
