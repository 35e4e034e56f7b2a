from __future__ import annotations

import numpy as np
import pytest

from edgecv.quantization.rounding import (
    Limits,
    channel_pairs,
    round_gptq,
    round_nearest,
    weight_scales,
)

SEVEN, EIGHT = Limits(63), Limits(127)
PAIRED = Limits(127, channel_pairs(8, 3))  # eight channels, three taps


def problem(columns: int = 24, rows: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (1, rows, columns), correlated inputs (columns, N) and their second moments."""
    random = np.random.default_rng(0)
    mixed = random.normal(size=(columns, columns)) @ random.normal(size=(columns, 5000))
    inputs = (mixed + random.normal(size=mixed.shape)).astype(np.float32)
    weight = random.normal(size=(1, rows, columns)).astype(np.float32)
    return weight, inputs, (inputs @ inputs.T / inputs.shape[1])[None]


@pytest.mark.parametrize("limits", [SEVEN, EIGHT, PAIRED])
def test_integers_stay_within_their_limits(limits: Limits) -> None:
    weight, _, products = problem()
    scale = weight_scales(weight, np.ones((1, 24)), limits)
    found = (round_nearest(weight, scale, limits), round_gptq(weight, scale, products, limits))
    for integers in found:
        assert integers.dtype == np.int8
        assert np.abs(integers.astype(int)).max() <= limits.top


def test_partners_are_the_other_channel_of_a_pair_at_the_same_tap() -> None:
    assert channel_pairs(4, 2).tolist() == [2, 3, 0, 1, 6, 7, 4, 5]
    assert channel_pairs(2, 1).tolist() == [1, 0]
    assert channel_pairs(0, 3).tolist() == []
    with pytest.raises(ValueError, match="reshape"):
        channel_pairs(3, 1)


@pytest.mark.parametrize("fill", [1.0, -1.0, None])
def test_no_pair_of_integers_overflows_sixteen_bits(fill: float | None) -> None:
    weight, _, products = problem()
    if fill is not None:
        weight[:] = fill
    scale = weight_scales(weight, np.ones((1, 24)), PAIRED) * 0.8  # and where it clips
    found = (round_nearest(weight, scale, PAIRED), round_gptq(weight, scale, products, PAIRED))
    for integers in found:
        sums = integers.astype(int) + integers[:, :, PAIRED.partners].astype(int)
        assert np.abs(sums).max() <= 128


def test_pairs_lose_less_than_seven_bits() -> None:
    weight, inputs, products = problem()
    exact = weight[0] @ inputs
    power = np.diagonal(products, axis1=1, axis2=2)
    lost = []
    for limits in (SEVEN, PAIRED, EIGHT):
        scale = weight_scales(weight, power, limits)
        integers = round_gptq(weight, scale, products, limits)
        lost.append(float((((integers * scale)[0] @ inputs - exact) ** 2).mean()))
    assert lost[2] < lost[1] < 0.6 * lost[0]


def test_gptq_loses_less_of_the_output_than_the_nearest_integers() -> None:
    weight, inputs, products = problem()
    scale = weight_scales(weight, np.ones((1, 24)), SEVEN)
    exact = weight[0] @ inputs
    lost = [
        float((((integers * scale)[0] @ inputs - exact) ** 2).mean())
        for integers in (
            round_nearest(weight, scale, SEVEN),
            round_gptq(weight, scale, products, SEVEN),
        )
    ]
    assert lost[1] < 0.8 * lost[0]


def test_gptq_in_blocks_equals_gptq_column_by_column(monkeypatch: pytest.MonkeyPatch) -> None:
    weight, _, products = problem(columns=40)
    scale = weight_scales(weight, np.ones((1, 40)), EIGHT)
    whole = round_gptq(weight, scale, products, EIGHT)
    monkeypatch.setattr("edgecv.quantization.rounding.BLOCK", 7)
    assert (round_gptq(weight, scale, products, EIGHT) == whole).all()


def test_inputs_without_correlation_round_to_the_nearest() -> None:
    weight, _, _ = problem()
    scale = weight_scales(weight, np.ones((1, 24)), EIGHT)
    independent = np.eye(24, dtype=np.float32)[None]
    found = round_gptq(weight, scale, independent, EIGHT)
    assert (found == round_nearest(weight, scale, EIGHT)).all()


def test_an_input_that_is_always_zero_breaks_nothing() -> None:
    weight, _, products = problem()
    products[0, 3, :] = products[0, :, 3] = 0
    scale = weight_scales(weight, np.ones((1, 24)), EIGHT)
    assert round_gptq(weight, scale, products, EIGHT).shape == weight.shape


def test_scales_clip_a_lone_large_weight_behind_a_weak_input() -> None:
    weight = np.full((1, 1, 64), 0.1, np.float32) * np.linspace(0.5, 1, 64, dtype=np.float32)
    weight[0, 0, 0] = 1.0
    power = np.ones((1, 64))
    power[0, 0] = 1e-6
    scale = weight_scales(weight, power, EIGHT)
    assert scale[0, 0, 0] * 127 < 0.7


def test_a_row_of_zeros_has_a_scale() -> None:
    assert weight_scales(np.zeros((1, 2, 4), np.float32), np.ones((1, 4)), EIGHT).min() > 0
