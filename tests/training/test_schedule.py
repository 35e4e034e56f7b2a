from __future__ import annotations

import math

import pytest

from edgecv.recipe import TrainSettings
from edgecv.training.schedule import ema_decay, learning_rate, picture_side

TEN = TrainSettings(epochs=100, batch=32, lr=0.02, warmup_epochs=2, plain_epochs=15)


def rate(step: int) -> float:
    return learning_rate(TEN, step, 10)


def test_the_rate_rises_with_the_square_of_the_step_to_the_peak_for_the_batch() -> None:
    peak = 0.02 * 32 / 64
    assert [rate(step) for step in (0, 9, 19)] == pytest.approx(
        [peak / 400, peak / 4, peak], rel=1e-9
    )
    assert rate(20) == pytest.approx(peak)


def test_the_rate_falls_as_half_a_cosine_and_rests_through_the_plain_epochs() -> None:
    peak, low = 0.01, 0.0005
    middle = (20 + 850) / 2
    assert rate(int(middle)) == pytest.approx((peak + low) / 2, rel=1e-6)
    quarter = low + (peak - low) * (1 + math.cos(math.pi / 4)) / 2
    assert learning_rate(TEN, 2075, 100) == pytest.approx(
        low + (peak - low) * (1 + math.cos(math.pi * 1875 / 8300)) / 2
    )
    assert rate(20 + 830 // 4) == pytest.approx(quarter, rel=1e-2)
    assert [rate(step) for step in (850, 900, 999)] == pytest.approx([low] * 3)


def test_without_warm_up_the_first_step_has_the_peak() -> None:
    settings = TrainSettings(warmup_epochs=0, batch=64)
    assert learning_rate(settings, 0, 10) == pytest.approx(0.01)


@pytest.mark.parametrize("steps", [1, 3])
def test_a_training_of_one_epoch_has_a_rate_above_zero_in_every_step(steps: int) -> None:
    settings = TrainSettings(epochs=1, warmup_epochs=0.5)
    assert all(learning_rate(settings, step, steps) > 0 for step in range(steps))


@pytest.mark.parametrize(("epochs", "plain_from"), [(1, 1), (3, 3), (10, 8), (40, 34), (300, 285)])
def test_plain_epochs_are_at_most_15_percent_of_all(epochs: int, plain_from: int) -> None:
    assert TrainSettings(epochs=epochs).plain_from == plain_from


def test_the_side_is_one_of_five_multiples_of_32_and_holds_for_ten_steps() -> None:
    settings = TrainSettings()
    sides = [picture_side(settings, 416, 3, step) for step in range(2000)]
    assert set(sides) == {352, 384, 416, 448, 480}
    assert all(len(set(sides[start : start + 10])) == 1 for start in range(0, 2000, 10))
    assert sides == [picture_side(settings, 416, 3, step) for step in range(2000)]


def test_the_side_follows_from_seed_and_epoch() -> None:
    def sides(seed: int, epoch: int) -> list[int]:
        settings = TrainSettings(seed=seed)
        return [picture_side(settings, 416, epoch, step) for step in range(0, 300, 10)]

    assert sides(0, 0) != sides(0, 1)
    assert sides(0, 0) != sides(1, 0)


def test_without_multiscale_the_side_is_that_of_the_input_and_never_under_32() -> None:
    still = TrainSettings.model_validate({"augment": {"multiscale": 0}})
    assert {picture_side(still, 416, 0, step) for step in range(100)} == {416}
    assert min(picture_side(TrainSettings(), 64, 0, step) for step in range(0, 500, 10)) == 32


def test_the_average_forgets_its_start_and_then_moves_slowly() -> None:
    settings = TrainSettings()
    assert ema_decay(settings, 0) == pytest.approx(0.9998 * (1 - math.exp(-1 / 2000)))
    assert ema_decay(settings, 10**6) == pytest.approx(0.9998)
