from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgecv.data.conveyor.camera import Camera
from edgecv.data.conveyor.scene import make_scene
from edgecv.data.conveyor.view import make_view

SCENE = make_scene(1, 0, (160, 120))
PLAIN = replace(SCENE, direction=(1.0, 0.0), keystone=(0.0, 0.0), rails=(False, False))
CLEAN = replace(PLAIN, blur=1, defocus=0.3, noise=0.0, gamma=1.0, gains=(1.0, 1.0, 1.0))


def test_pictures_and_lookup_show_the_same_place() -> None:
    scene = replace(CLEAN, direction=SCENE.direction, keystone=(0.1, -0.15))
    view = make_view(scene)
    belt = np.full((*view.size_wh[::-1], 3), 40, np.uint8)
    belt[60:80, 70:100] = 220
    marked = np.zeros(view.size_wh[::-1], bool)
    marked[60:80, 70:100] = True
    looked_up = marked.ravel()[view.lookup]
    image = Camera(scene, view, 100).take(belt, 0)
    bright = image.mean(2) > 0.5 * image.mean(2)[looked_up].mean()
    assert (bright & looked_up).sum() / (bright | looked_up).sum() > 0.93


def test_the_same_frame_has_the_same_noise_and_the_next_has_not() -> None:
    scene = replace(CLEAN, noise=6.0)
    view = make_view(scene)
    belt = np.full((*view.size_wh[::-1], 3), 110, np.uint8)
    camera, clean = Camera(scene, view, 110), Camera(CLEAN, view, 110)
    first = camera.take(belt.copy(), 5)
    assert np.array_equal(first, camera.take(belt.copy(), 5))
    assert not np.array_equal(first, camera.take(belt.copy(), 6))
    noise = first.astype(float) - clean.take(belt.copy(), 5)
    assert noise.std() == pytest.approx(6, rel=0.35)
    assert abs(noise.mean()) < 1


def test_motion_blurs_along_the_belt_only() -> None:
    scene = replace(CLEAN, blur=9)
    view = make_view(scene)
    belt = np.full((*view.size_wh[::-1], 3), 30, np.uint8)
    belt[60:62] = 200
    belt[:, 90:92] = 200
    image = Camera(scene, view, 100).take(belt, 0).mean(2)
    assert image[55, 20:60].mean() > 0
    across, along = image[45:62, 20], image[20, 70:90]
    assert across.max() - across.min() > 3 * (along.max() - along.min())


def test_a_shadow_passes() -> None:
    scene = make_scene(1, 3, (160, 120))
    view = make_view(scene)
    camera = Camera(scene, view, 100)
    belt = np.full((*view.size_wh[::-1], 3), 110, np.uint8)
    levels = [camera.take(belt.copy(), index).mean() for index in range(0, 400, 40)]
    assert max(levels) - min(levels) > 2
    assert camera.take(belt.copy(), 400).mean() == pytest.approx(levels[0], abs=0.5)
