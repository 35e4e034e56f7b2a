from __future__ import annotations

import math

import pytest

from edgecv.data.conveyor import scene
from edgecv.data.conveyor.scene import make_scene


def test_a_scene_is_decided_by_its_seed_and_its_number() -> None:
    assert make_scene(1, 2, (416, 416)) == make_scene(1, 2, (416, 416))
    assert len({make_scene(seed, number, (416, 416)) for seed in (1, 2) for number in (1, 2)}) == 4


def test_scenes_vary_within_the_named_ranges_and_over_most_of_them() -> None:
    scenes = [make_scene(9, number, (416, 416)) for number in range(300)]
    views = [416 * scene.CANVAS_SCALE / one.per_mm for one in scenes]
    for found, (low, high) in (
        (views, scene.VIEW_MM),
        ([one.clutter for one in scenes], scene.CLUTTER_SHARE),
        ([one.defocus for one in scenes], scene.DEFOCUS_PX),
        ([one.density * (100 * one.per_mm) ** 2 for one in scenes], scene.PARTS_PER_DM2),
        ([one.quality for one in scenes], scene.JPEG_QUALITY),
    ):
        assert low <= min(found) + 1e-9
        assert max(found) <= high + 1e-9
        assert max(found) - min(found) > 0.9 * (high - low)
    quarters = {round(math.atan2(*one.direction) / (math.pi / 2)) % 4 for one in scenes}
    assert quarters == {0, 1, 2, 3}
    assert {one.rails for one in scenes} == {(a, b) for a in (False, True) for b in (False, True)}


def test_lamps_have_directions_of_length_one_above_the_belt() -> None:
    for number in range(50):
        light = make_scene(3, number, (416, 416)).light
        for direction in (light.main, light.fill):
            assert math.hypot(*direction) == pytest.approx(1)
            assert direction[2] > 0.3


@pytest.mark.parametrize("size_wh", [(64, 64), (416, 416), (640, 480), (1920, 1080), (4096, 4096)])
def test_a_cell_is_longer_than_any_part_reaches(size_wh: tuple[int, int]) -> None:
    for number in range(30):
        one = make_scene(1, number, size_wh)
        assert 1.5 * 32 * one.per_mm + 8 * one.per_mm < one.cell_px
        assert one.step >= 1
        assert one.blur % 2 == 1
