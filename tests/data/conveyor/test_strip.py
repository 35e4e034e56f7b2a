from __future__ import annotations

import numpy as np
import pytest

from edgecv.data.conveyor.items import CLASS_NAMES, IDS
from edgecv.data.conveyor.scene import make_scene
from edgecv.data.conveyor.strip import Strip

SCENE = make_scene(1, 4, (160, 120))
BELT = (0, 150)


@pytest.fixture(scope="module")
def strip() -> Strip:
    return Strip(SCENE, BELT, 150)


def test_a_window_shows_the_same_belt_wherever_it_begins(strip: Strip) -> None:
    image, ids = strip.window(700, 300)
    assert image.shape == (150, 300, 3)
    assert ids.shape == (150, 300)
    later, later_ids = strip.window(790, 210)
    assert np.array_equal(image[:, 90:], later)
    assert np.array_equal(ids[:, 90:], later_ids)
    assert len(np.unique(ids)) > 3


def test_a_strip_looked_at_in_another_order_is_the_same(strip: Strip) -> None:
    other = Strip(SCENE, BELT, 150)
    other.window(90_000, 300)
    assert np.array_equal(other.window(1000, 200)[0], strip.window(1000, 200)[0])


def test_no_edge_shows_where_cells_meet(strip: Strip) -> None:
    ratios = []
    for cell in range(3, 12):  # at one or two a part ends by chance
        image, _ = strip.window(cell * SCENE.cell_px - 60, 120)
        steps = np.abs(np.diff(image.astype(np.int64), axis=1)).mean((0, 2))
        ratios.append(steps[59] / steps.mean())
    assert np.median(ratios) < 1.5


def test_items_have_ids_of_their_own_and_classes_of_the_set(strip: Strip) -> None:
    items = strip.items_between(10 * SCENE.cell_px, 3 * SCENE.cell_px)
    parts = [item for item in items if item.track_id]
    assert len({item.track_id for item in parts}) == len(parts) > 10
    assert {item.class_id for item in parts} <= set(range(len(CLASS_NAMES)))
    assert {item.class_id for item in items if not item.track_id} == {-1}
    assert {item.track_id // IDS for item in parts} <= {9, 10, 11, 12, 13}


def test_a_part_covers_what_its_mask_says_where_nothing_lies_on_it(strip: Strip) -> None:
    start = 6 * SCENE.cell_px
    _, ids = strip.window(start, 3 * SCENE.cell_px)
    whole = 0
    for item in strip.items_between(start + SCENE.cell_px, SCENE.cell_px):
        if not item.track_id or not (ids == item.track_id).any():
            continue
        shown = int((ids == item.track_id).sum())
        assert shown <= item.area
        whole += shown == item.area
    assert whole > 2


def test_what_it_keeps_is_bounded(strip: Strip) -> None:
    for place in range(0, 60 * SCENE.cell_px, 2 * SCENE.cell_px):
        strip.items_between(place, 1)
    assert strip._items.cache_info().currsize <= strip._items.cache_info().maxsize < 20
