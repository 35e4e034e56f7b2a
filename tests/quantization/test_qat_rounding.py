from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from edgecv.quantization.network import Layer
from edgecv.quantization.plan import QuantisedLayer, QuantisedTensor
from edgecv.quantization.qat_rounding import Passage, Rounded, nearest
from edgecv.quantization.ranges import Range
from edgecv.quantization.rounding import Limits, channel_pairs, round_nearest

DIVISOR = np.array([0.5, 1, 2, 4], np.float32)


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def row(divisor: np.ndarray | None = None) -> QuantisedLayer:
    """A 3x3 conv of four channels to three, in integers that nothing overflows."""
    random = np.random.default_rng(5)
    layer = Layer(
        *("conv", "in", "out", "out", "identity"),
        weight=draw(3, 4, 3, 3),
        bias=draw(3, seed=1),
        groups=1,
        strides=(1, 1),
        pads=(1, 1, 1, 1),
        dilations=(1, 1),
        macs=1,
        final=False,
    )
    return QuantisedLayer(
        layer,
        QuantisedTensor(Range(-1.0, 3.0), divisor),
        random.integers(-60, 61, (3, 4, 3, 3)).astype(np.int8),
        np.array([0.01, 0.02, 0.03], np.float32),
        draw(3, seed=2),
    )


@pytest.mark.parametrize("rows", [0, 1, 40])
@pytest.mark.parametrize("limits", [Limits(127), Limits(63), Limits(127, channel_pairs(4, 9))])
def test_integers_are_those_of_calibration(rows: int, limits: Limits) -> None:
    latent = 70 * draw(rows, 36)
    wanted = (
        round_nearest(latent, np.float32(1), limits)
        if limits.partners is None
        else (round_nearest(latent[None], np.float32(1), limits)[0])
    )
    partners = None if limits.partners is None else torch.from_numpy(limits.partners)
    found = nearest(torch.from_numpy(latent), limits.top, partners)
    np.testing.assert_array_equal(found.numpy(), wanted)


def test_no_pair_ever_sums_to_more_than_16_bits_hold() -> None:
    limits = Limits(127, channel_pairs(4, 9))
    assert limits.partners is not None
    rounded = Rounded(row(), limits)
    moved = torch.from_numpy(3 * draw(3, 4, 3, 3, seed=3))
    steps = rounded.steps(moved).numpy()
    free = Rounded(row(), Limits(127)).steps(moved).numpy()
    assert np.abs(free[:, 0::2] + free[:, 1::2]).max() > 128
    assert np.abs(steps[:, 0::2] + steps[:, 1::2]).max() <= 128
    assert np.abs(steps).max() <= 127


@pytest.mark.parametrize("divisor", [None, DIVISOR])
@pytest.mark.parametrize("offset", [0.0, 0.75])
def test_a_tensor_arrives_as_the_plan_says(divisor: np.ndarray | None, offset: float) -> None:
    chosen = QuantisedTensor(Range(-1.5, 1.5) if offset else Range(-0.3, 4), divisor, offset)
    values = 3 * draw(4, 500)
    wanted = chosen.arrive(values)
    found = Passage(chosen).arrive(torch.from_numpy(values.reshape(1, 4, 20, 25)))
    np.testing.assert_allclose(found.numpy().reshape(4, -1), wanted, atol=1e-6)
    assert len(np.unique(wanted)) > 20


def test_a_tensor_that_passes_through_comes_back_undivided() -> None:
    values = torch.from_numpy(np.abs(draw(1, 4, 5, 5)))
    passage = Passage(QuantisedTensor(Range(0, 10), DIVISOR))
    back = passage(values)
    step = 10 / 255 * DIVISOR.reshape(1, 4, 1, 1)
    assert (np.abs((back - values).numpy()) <= 0.5 * step + 1e-6).all()
    assert torch.equal(back, passage.arrive(values) * torch.from_numpy(DIVISOR).view(1, 4, 1, 1))


def test_weights_begin_as_calibration_left_them() -> None:
    chosen = row(DIVISOR)
    rounded = Rounded(chosen, Limits(127))
    still = torch.zeros(3, 4, 3, 3)
    np.testing.assert_array_equal(rounded.steps(still).numpy(), chosen.integers)
    wanted = chosen.integers * chosen.scale.reshape(-1, 1, 1, 1)
    np.testing.assert_allclose(rounded(still).numpy(), wanted, rtol=1e-6)


def test_a_weight_moves_a_step_when_it_has_moved_by_half_of_one() -> None:
    chosen = row(DIVISOR)
    rounded = Rounded(chosen, Limits(127))
    # in the float network a step of channel 2 is its scale over the divisor
    step = float(chosen.scale[1] / DIVISOR[2])
    for part, expected in ((0.49, 0), (0.51, 1), (-0.51, -1), (1.4, 1)):
        moved = torch.zeros(3, 4, 3, 3)
        moved[1, 2, 0, 0] = part * step
        difference = rounded.steps(moved).numpy() - chosen.integers
        assert difference[1, 2, 0, 0] == expected
        assert np.count_nonzero(difference) == abs(expected)


def test_the_gradient_passes_the_rounding() -> None:
    chosen = row(DIVISOR)
    moved = torch.zeros(3, 4, 3, 3, requires_grad=True)
    Rounded(chosen, Limits(127))(moved).sum().backward()
    assert moved.grad is not None
    # the weight for the divided input is that of the float network times the divisor
    wanted = np.broadcast_to(DIVISOR.reshape(1, 4, 1, 1), (3, 4, 3, 3))
    np.testing.assert_allclose(moved.grad.numpy(), wanted, rtol=1e-5)


def test_outside_its_range_a_tensor_learns_nothing() -> None:
    values = torch.tensor([-2.0, 0.5, 1.0, 9.0]).view(1, 4, 1, 1).requires_grad_()
    Passage(QuantisedTensor(Range(-1.0, 3.0))).arrive(values).sum().backward()
    assert values.grad is not None
    assert values.grad.flatten().tolist() == [0, 1, 1, 0]


def test_a_depthwise_conv_takes_the_divisor_of_its_own_channels() -> None:
    base = row()
    layer = replace(base.layer, weight=draw(4, 1, 3, 3), bias=draw(4), groups=4)
    integers = np.ones((4, 1, 3, 3), np.int8)
    chosen = QuantisedLayer(
        layer,
        QuantisedTensor(Range(0.0, 1.0), DIVISOR),
        integers,
        np.ones(4, np.float32),
        draw(4),
    )
    moved = torch.full((4, 1, 3, 3), 1.0)
    steps = Rounded(chosen, Limits(127)).steps(moved).numpy()
    wanted = 1 + np.rint(DIVISOR)  # .5 goes to the even 2
    wanted[0] = 2
    np.testing.assert_array_equal(steps[:, 0, 0, 0], wanted)
