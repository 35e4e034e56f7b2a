from __future__ import annotations

import math

import numpy as np
import pytest

from edgecv.data.conveyor.clutter import CLUTTER, Maker
from edgecv.data.conveyor.draws import Draws
from edgecv.data.conveyor.items import PARTS
from edgecv.data.conveyor.relief import FINE, Pose

MAKERS = {**PARTS, **{maker.__name__: (maker, reach) for maker, reach in CLUTTER}}


@pytest.mark.parametrize("name", MAKERS)
def test_each_maker_draws_within_its_reach_and_fills_some_of_it(name: str) -> None:
    maker, reaches = MAKERS[name]
    for reach in reaches:
        for seed in range(6):
            relief = maker(Draws(seed), reach, Pose(3, seed))
            covered = relief.covers.sum() / (3 * FINE) ** 2
            assert 3 < covered < 4 * reach**2
            rows, columns = (np.flatnonzero(relief.covers.any(axis)) for axis in (1, 0))
            for found, side in zip((rows, columns), relief.covers.shape, strict=True):
                # slopes and their smoothing reach two pixels beyond the part
                assert found[0] >= 2
                assert found[-1] < side - 2
            assert max(len(rows), len(columns)) / (3 * FINE) < 2.9 * reach
            assert np.isfinite(relief.height).all()
            assert relief.height.min() >= -1e-3


def bore(maker: Maker, reach: float) -> float:
    """Share of the part's middle that is open, over some draws."""
    open_ = 0
    for seed in range(10):
        relief = maker(Draws(seed), reach, Pose(3, 0))
        middle = np.array(relief.covers.shape) // 2
        open_ += not relief.covers[middle[0], middle[1]]
    return open_ / 10


def test_what_has_a_bore_has_one_and_a_blank_has_none() -> None:
    for name in ("nut", "washer", "gear", "bearing", "o_ring"):
        assert bore(MAKERS[name][0], 12) == 1, name
    for name in ("bolt", "screw", "blank", "chip"):
        assert bore(MAKERS[name][0], 12) == 0, name


def width_along(name: str, seed: int) -> np.ndarray:
    """Width of a long part in millimetres from its head to its end."""
    relief = MAKERS[name][0](Draws(seed), 20, Pose(4, 0))
    width = relief.covers.sum(0) / (4 * FINE)
    return np.trim_zeros(width)


@pytest.mark.parametrize("seed", range(8))
def test_a_screw_ends_in_a_point_and_a_bolt_does_not(seed: int) -> None:
    bolt, screw = width_along("bolt", seed), width_along("screw", seed)
    shank_of = {
        "bolt": np.median(bolt[len(bolt) // 3 :]),
        "screw": np.median(screw[len(screw) // 3 :]),
    }
    assert bolt[-10] > 0.6 * shank_of["bolt"]
    assert screw[-10] < 0.45 * shank_of["screw"]
    assert bolt[: len(bolt) // 4].max() > 1.5 * shank_of["bolt"]
    assert screw[: len(screw) // 4].max() > 1.5 * shank_of["screw"]


def test_a_nut_has_six_corners() -> None:
    relief = MAKERS["nut"][0](Draws(3), 12, Pose(4, 0))
    u, v = relief.uv
    edge = np.zeros(360)
    covered = relief.covers > 0
    angles = (np.degrees(np.arctan2(v, u)) % 360).astype(int) % 360
    np.maximum.at(edge, angles[covered], relief.radius[covered])
    spectrum = np.abs(np.fft.rfft(edge - edge.mean()))
    assert int(spectrum.argmax()) == 6
    assert edge.min() / edge.max() == pytest.approx(math.cos(math.pi / 6), abs=0.04)
