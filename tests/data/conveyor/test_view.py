from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgecv.data.conveyor.scene import CANVAS_SCALE, make_scene
from edgecv.data.conveyor.view import make_view

SCENE = make_scene(1, 0, (160, 120))
PLAIN = replace(SCENE, direction=(1.0, 0.0), keystone=(0.0, 0.0), rails=(False, False))


def test_a_camera_straight_above_sees_the_belt_at_its_scale() -> None:
    view = make_view(PLAIN)
    assert view.size_wh == (round(160 * CANVAS_SCALE), round(120 * CANVAS_SCALE))
    assert view.belt == (0, view.size_wh[1])
    assert view.seen.mean() > 0.99
    row, column = np.divmod(view.lookup, view.size_wh[0])
    centre = np.arange(160) + 0.5
    assert np.array_equal(column[7], np.floor(centre * CANVAS_SCALE).astype(np.int64))
    assert row[-1, 0] == int(119.5 * CANVAS_SCALE)


def test_a_quarter_turn_runs_the_belt_down_the_picture() -> None:
    view = make_view(replace(PLAIN, direction=(0.0, 1.0)))
    row, column = np.divmod(view.lookup, view.size_wh[0])
    assert (np.diff(column[:, 5]) >= 0).all()
    assert (np.diff(row[5]) <= 0).all()
    assert column[:, 5].max() > 100


def test_keystone_makes_one_side_nearer() -> None:
    view = make_view(replace(PLAIN, keystone=(0.2, 0.0)))
    column = (view.lookup % view.size_wh[0])[60]
    assert column[20] - column[0] > 1.2 * (column[159] - column[139])
    assert 0.7 < view.seen.mean() < 0.99


def test_rails_stand_beside_the_belt() -> None:
    view = make_view(replace(PLAIN, rails=(True, False)))
    assert 10 < view.belt[0] < 30
    assert view.belt[1] == view.size_wh[1]
