"""What lies on the belt and is no part: unlabelled, some of it much like a part."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from edgecv.data.conveyor.draws import Draws
from edgecv.data.conveyor.materials import metal, plastic, rubber
from edgecv.data.conveyor.outlines import Outline, circle, polygon, turned
from edgecv.data.conveyor.relief import Material, Pose, Relief

Maker = Callable[[Draws, float, Pose], Relief]


def blank(draws: Draws, reach: float, pose: Pose) -> Relief:
    """A punched disc without a hole, as a washer before its last step; some with a rim."""
    outer = reach
    stuff = metal(draws, ("steel", "bright", "brass", "copper"), turned=draws.between(0, 0.3))
    relief = Relief((outer, outer), pose)
    disc = relief.region(circle(outer))
    relief.put(disc, 1.5, stuff, 0.3)
    if draws.chance(0.5):
        relief.put(relief.region(circle(outer * 0.82)), 1.0, stuff, 0.2)
    return relief


def o_ring(draws: Draws, reach: float, pose: Pose) -> Relief:
    """A thin ring of rubber, slightly oval."""
    outer, cord = reach, draws.between(1.2, 2.2)
    oval = np.array([1.0, draws.between(0.85, 1.0)])
    relief = Relief((outer, outer), pose)
    ring = relief.region(circle(outer) * oval, circle(outer - cord) * oval)
    relief.put(ring, cord, rubber(draws), cord / 2)
    return relief


def pin(draws: Draws, reach: float, pose: Pose) -> Relief:
    """A dowel or a headless stud's blank: a plain rod."""
    radius, half = reach * draws.between(0.12, 0.24), reach
    relief = Relief((half, radius + 0.3), pose)
    edge = radius * 0.25
    profile = [(-half, radius - edge), (-half + edge, radius), (half - edge, radius)]
    outline = turned([*profile, (half, radius - edge)])
    bulge = np.sqrt(np.maximum(radius**2 - np.square(relief.uv[1]), 0))
    stuff = metal(draws, ("steel", "bright", "black_oxide", "brass"))
    relief.put(relief.region(outline), np.asarray(radius + bulge, np.float32), stuff)
    return relief


def scrap(draws: Draws, reach: float, pose: Pose) -> Relief:
    """An offcut of sheet metal, bent along a line."""
    corners = draws.whole(3, 6)
    angles = [
        (index + draws.between(-0.3, 0.3)) * 2 * math.pi / corners for index in range(corners)
    ]
    points = [(reach * draws.between(0.45, 1), at) for at in angles]
    outline = polygon([(r * math.cos(at), r * math.sin(at)) for r, at in points])
    relief = Relief((reach, reach), pose)
    bend = draws.between(-0.4, 0.4) * np.maximum(relief.uv[0] - draws.between(-3, 3), 0)
    stuff = metal(draws, ("steel", "bright", "copper", "brass", "zinc"))
    rise = np.asarray(1.5 + np.abs(bend), np.float32)
    relief.put(relief.region(np.round(outline, 5)), rise, stuff, 0.2)
    return relief


def chip(draws: Draws, reach: float, pose: Pose) -> Relief:
    """An integrated circuit: a black block with legs and a dot."""
    half_u, half_v = reach, reach * draws.between(0.4, 0.7)
    relief = Relief((half_u, half_v + 1.6), pose)
    legs = metal(draws, ("bright",))
    count = draws.whole(3, 8)
    step = 2 * half_u / count
    middles = [(index + 0.5) * step - half_u for index in range(count)]
    pins = [_bar(at, 0, step / 4, half_v + 1.4) for at in middles]
    relief.put(relief.region(*pins), 0.8, legs)
    relief.put(relief.region(_bar(0, 0, half_u, half_v)), 2.2, plastic(draws, ("black",)), 0.3)
    dot = circle(half_v * 0.16, (-half_u * 0.75, half_v * 0.5))
    relief.put(relief.region(dot), 2.0, plastic(draws, ("grey",)))
    return relief


def cable(draws: Draws, reach: float, pose: Pose) -> Relief:
    """A piece of insulated wire with a bare end."""
    radius, length = draws.between(0.8, 1.7), 2 * reach
    bend = draws.between(-0.9, 0.9)
    steps = np.linspace(-0.5, 0.5, 24)
    middle = np.stack([steps * length, bend * length * (0.25 - steps**2)], 1)
    middle = np.round(middle - np.array([0, bend * length * 0.12]), 5)
    half_v = abs(bend) * length * 0.14 + radius + 0.5
    relief = Relief((length / 2 + radius, half_v), pose)
    coat = plastic(draws, ("red", "blue", "yellow", "green", "black"))
    relief.put(relief.region(_along(middle[:4], radius * 0.6)), 1, metal(draws, ("copper",)), 0.5)
    relief.put(relief.region(_along(middle[3:], radius)), radius * 2, coat, radius)
    return relief


def swarf(draws: Draws, reach: float, pose: Pose) -> Relief:
    """A curled chip from a lathe: thin, bright, a spiral."""
    turns, outer = draws.between(1.2, 3), reach / 1.5
    angles = np.linspace(0, turns * 2 * math.pi, 60)
    radii = np.linspace(outer * draws.between(0.3, 0.8), outer, 60)
    drift = np.linspace(-outer, outer, 60) * draws.between(0, 0.8)
    path = np.stack([radii * np.cos(angles) * 0.55 + drift, radii * np.sin(angles)], 1)
    relief = Relief((outer * 1.5, outer + 0.6), pose)
    stuff = metal(draws, ("bright", "yellow_zinc", "steel"))
    relief.put(relief.region(_along(np.round(path, 5), 0.45)), 2.5, stuff, 0.4)
    return relief


def sticker(draws: Draws, reach: float, pose: Pose) -> Relief:
    """A paper label with bars and lines of print."""
    half_u, half_v = reach, reach * draws.between(0.4, 0.7)
    relief = Relief((half_u, half_v), pose)
    paper = plastic(draws, ("white", "white", "yellow", "ivory"))
    relief.put(relief.region(_bar(0, 0, half_u, half_v)), 0.2, paper)
    ink = Material((0.1, 0.1, 0.1), 0.0, 6, 0.0)
    middles = [half_u * (-0.8 + 0.13 * index) for index in range(draws.whole(4, 12))]
    bars = [_bar(at, half_v * 0.2, draws.between(0.15, 0.6), half_v * 0.5) for at in middles]
    relief.put(relief.region(*bars), 0.2, ink)
    relief.put(relief.region(_bar(0, -half_v * 0.6, half_u * 0.7, half_v * 0.1)), 0.2, ink)
    return relief


def _bar(u: float, v: float, half_u: float, half_v: float) -> Outline:
    left, right, top, bottom = u - half_u, u + half_u, v - half_v, v + half_v
    return polygon([(left, top), (right, top), (right, bottom), (left, bottom)])


def _along(path: Outline, radius: float) -> Outline:
    """The outline of a band along a path."""
    step = np.gradient(path, axis=0)
    normal = step[:, ::-1] * np.array([-1, 1]) / np.sqrt((step**2).sum(1, keepdims=True))
    return np.round(np.concatenate([path + normal * radius, (path - normal * radius)[::-1]]), 5)


# makers, and how far what they make reaches from its middle, in millimetres
CLUTTER: tuple[tuple[Maker, tuple[float, float]], ...] = (
    (blank, (6, 13)),
    (blank, (6, 13)),
    (o_ring, (6, 14)),
    (pin, (7, 24)),
    (pin, (7, 24)),
    (scrap, (5, 18)),
    (scrap, (5, 18)),
    (chip, (4, 10)),
    (cable, (9, 25)),
    (swarf, (5, 13)),
    (sticker, (7, 18)),
)
