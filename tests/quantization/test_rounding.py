from __future__ import annotations

import numpy as np
import pytest

from edgecv.quantization.rounding import round_gptq, round_nearest, weight_scales


def problem(columns: int = 24, rows: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (1, rows, columns), correlated inputs (columns, N) and their second moments."""
    random = np.random.default_rng(0)
    mixed = random.normal(size=(columns, columns)) @ random.normal(size=(columns, 5000))
    inputs = (mixed + random.normal(size=mixed.shape)).astype(np.float32)
    weight = random.normal(size=(1, rows, columns)).astype(np.float32)
    return weight, inputs, (inputs @ inputs.T / inputs.shape[1])[None]


@pytest.mark.parametrize("bits", [7, 8])
def test_integers_stay_within_their_bits(bits: int) -> None:
    weight, _, products = problem()
    scale = weight_scales(weight, np.ones((1, 24)), bits)
    top = 2 ** (bits - 1) - 1
    for integers in (round_nearest(weight, scale, bits), round_gptq(weight, scale, products, bits)):
        assert integers.dtype == np.int8
        assert np.abs(integers.astype(int)).max() <= top


def test_gptq_loses_less_of_the_output_than_the_nearest_integers() -> None:
    weight, inputs, products = problem()
    scale = weight_scales(weight, np.ones((1, 24)), 7)
    exact = weight[0] @ inputs
    lost = [
        float((((integers * scale)[0] @ inputs - exact) ** 2).mean())
        for integers in (round_nearest(weight, scale, 7), round_gptq(weight, scale, products, 7))
    ]
    assert lost[1] < 0.8 * lost[0]


def test_gptq_in_blocks_equals_gptq_column_by_column(monkeypatch: pytest.MonkeyPatch) -> None:
    weight, _, products = problem(columns=40)
    scale = weight_scales(weight, np.ones((1, 40)), 8)
    whole = round_gptq(weight, scale, products, 8)
    monkeypatch.setattr("edgecv.quantization.rounding.BLOCK", 7)
    assert (round_gptq(weight, scale, products, 8) == whole).all()


def test_inputs_without_correlation_round_to_the_nearest() -> None:
    weight, _, _ = problem()
    scale = weight_scales(weight, np.ones((1, 24)), 8)
    independent = np.eye(24, dtype=np.float32)[None]
    found = round_gptq(weight, scale, independent, 8)
    assert (found == round_nearest(weight, scale, 8)).all()


def test_an_input_that_is_always_zero_breaks_nothing() -> None:
    weight, _, products = problem()
    products[0, 3, :] = products[0, :, 3] = 0
    scale = weight_scales(weight, np.ones((1, 24)), 8)
    assert round_gptq(weight, scale, products, 8).shape == weight.shape


def test_scales_clip_a_lone_large_weight_behind_a_weak_input() -> None:
    weight = np.full((1, 1, 64), 0.1, np.float32) * np.linspace(0.5, 1, 64, dtype=np.float32)
    weight[0, 0, 0] = 1.0
    power = np.ones((1, 64))
    power[0, 0] = 1e-6
    scale = weight_scales(weight, power, 8)
    assert scale[0, 0, 0] * 127 < 0.7


def test_a_row_of_zeros_has_a_scale() -> None:
    assert weight_scales(np.zeros((1, 2, 4), np.float32), np.ones((1, 4)), 8).min() > 0
