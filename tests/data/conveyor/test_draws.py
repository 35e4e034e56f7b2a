from __future__ import annotations

import math

import numpy as np
import pytest

from edgecv.data.conveyor.draws import TEXTURE_PX, Draws, cut, texture, turn


def test_a_stream_without_a_key_is_splitmix64_from_zero() -> None:
    # the first outputs of the published generator for the seed 0
    known = (0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC)
    draws = Draws()
    assert [draws.between(0, 1) for _ in known] == [(word >> 11) / 2**53 for word in known]


def test_a_key_decides_the_stream_and_each_of_its_numbers_counts() -> None:
    keys = [(), (0,), (1,), (0, 0), (0, 1), (1, 0), (2**40,)]
    first = [Draws(*key).between(0, 1) for key in keys]
    assert len(set(first)) == len(keys)
    assert [Draws(*key).between(0, 1) for key in keys] == first


def test_draws_keep_within_their_bounds_and_reach_all_of_them() -> None:
    draws = Draws(1)
    wholes = [draws.whole(-1, 2) for _ in range(400)]
    assert set(wholes) == {-1, 0, 1, 2}
    reals = [draws.between(3, 5) for _ in range(400)]
    assert 3 <= min(reals) < 3.1
    assert 4.9 < max(reals) < 5
    assert {draws.pick("abc") for _ in range(50)} == set("abc")
    assert 60 < sum(draws.chance(0.25) for _ in range(400)) < 140


@pytest.mark.parametrize("shape", [(0,), (1,), (7, 5), (300, 200)])
def test_many_fills_any_shape_with_uniform_numbers(shape: tuple[int, ...]) -> None:
    draws = Draws(2)
    field, next_field = draws.many(*shape), draws.many(*shape)
    assert field.shape == shape
    assert field.dtype == np.float32
    assert not math.prod(shape) or not np.array_equal(field, next_field)
    assert ((field >= 0) & (field < 1)).all()
    if field.size > 1000:
        assert abs(field.mean() - 0.5) < 0.01
        assert abs(field.std() - 12**-0.5) < 0.01


def test_turn_is_a_cosine_and_a_sine() -> None:
    assert turn(0) == (1, 0)
    assert turn(math.pi / 2) == (0, 1)
    assert turn(1) == pytest.approx((math.cos(1), math.sin(1)), abs=1e-9)


@pytest.mark.parametrize("name", ["grain", "weave", "clouds", "streaks"])
def test_a_texture_is_even_noise_that_repeats_without_a_seam(name: str) -> None:
    field = texture(name)
    assert field.shape == (2 * TEXTURE_PX, 2 * TEXTURE_PX)
    assert np.array_equal(field[:TEXTURE_PX], field[TEXTURE_PX:])
    assert abs(field.mean()) < 1e-3
    assert field.std() == pytest.approx(1, abs=1e-3)
    steps = np.abs(np.diff(field, axis=1)).mean(0)
    assert steps[TEXTURE_PX - 1] < 1.5 * steps.mean() + 1e-6


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (90, 40), (600, TEXTURE_PX), (40, 1500)])
def test_cut_takes_a_piece_of_any_size(shape: tuple[int, int]) -> None:
    piece = cut("clouds", Draws(3), *shape)
    assert piece.shape == shape
    wide = piece[:, : shape[1] - TEXTURE_PX]
    if wide.size and shape[1] > TEXTURE_PX:
        assert np.array_equal(wide, piece[:, TEXTURE_PX:])
