"""Parts that lie on their side: bolt and screw, told apart by head, thread and tip."""

from __future__ import annotations

import math

import numpy as np

from edgecv.data.conveyor.draws import Draws
from edgecv.data.conveyor.materials import metal
from edgecv.data.conveyor.outlines import ellipse, polygon, regular, thread, turned
from edgecv.data.conveyor.relief import Material, Pose, Relief

Profile = list[tuple[float, float]]


def bolt(draws: Draws, reach: float, pose: Pose) -> Relief:
    """A hexagonal head, a shank, a fine thread with a blunt end."""
    slender = max(2.2, 2 * reach / 10 - 0.65), min(6, 2 * reach / 4.2 - 0.65)
    size = 2 * reach / (draws.between(slender[0], max(slender)) + 0.65)  # of the thread
    radius = size / 2
    head = size * 0.65
    flats = size * 0.85  # half the width across flats
    corner = flats * 2 / math.sqrt(3)
    stuff = metal(draws, ("steel", "bright", "zinc", "yellow_zinc", "black_oxide"))
    middle = reach
    relief = Relief((middle + size * 0.25, corner * 1.1), pose)
    start = head - middle
    smooth = start + (middle - start) * (draws.between(0.15, 0.6) if draws.chance(0.6) else 0.03)
    pitch = size * 0.19
    end = middle - size * 0.12
    profile = [(start - 0.2, radius), (smooth, radius)]
    profile += thread(smooth + 0.01, end, radius, radius * 0.84, pitch)
    profile.append((middle, radius * 0.72))
    _lay(relief, profile, stuff, flats, pitch / (4 * radius), smooth)
    _hexagon(draws, relief, (-middle, start), flats, stuff)
    return relief


def screw(draws: Draws, reach: float, pose: Pose) -> Relief:
    """A countersunk or a pan head with a slot or a cross, a coarse thread that ends in a point."""
    slender = max(3.5, 2 * reach / 6.5 - 0.6), min(8, 2 * reach / 3.2 - 0.6)
    size = 2 * reach / (draws.between(slender[0], max(slender)) + 0.6)
    radius = size / 2
    wide = size * draws.between(0.88, 1.0)  # radius of the head
    sunk = draws.chance(0.5)
    head = size * (0.55 if sunk else 0.6)
    stuff = metal(draws, ("steel", "bright", "yellow_zinc", "black_oxide", "brass"))
    middle = reach
    relief = Relief((middle + size * 0.3, wide * 1.1), pose)
    start = head - middle
    smooth = start + (middle - start) * (draws.between(0.15, 0.4) if draws.chance(0.5) else 0.04)
    pitch = size * draws.between(0.36, 0.5)
    profile = [(-middle, wide), (start, radius * 0.8)] if sunk else _pan(-middle, head, wide)
    profile += [(start + 0.01, radius * 0.78), (smooth, radius * 0.78)]
    profile += thread(smooth + 0.01, middle, radius, radius * 0.66, pitch, tip=size * 1.5)
    _lay(relief, profile, stuff, wide * 0.8, pitch / (4 * radius), smooth)
    _face(draws, relief, -middle + (0 if sunk else head * 0.12), wide * (1 if sunk else 0.8), stuff)
    return relief


def _pan(left: float, head: float, wide: float) -> Profile:
    """Profile of a rounded head."""
    steps = [(0.0, 0.62), (0.12, 0.8), (0.3, 0.93), (0.55, 1.0), (0.97, 1.0)]
    return [(left + head * along, wide * out) for along, out in steps]


def _lay(
    relief: Relief, profile: Profile, stuff: Material, axis: float, lean: float, from_u: float
) -> None:
    """A body of revolution whose axis lies `axis` millimetres above the belt."""
    u, v = relief.uv
    along = u + np.float32(lean) * v * (u > from_u)
    places, radii = np.array(profile).T
    out = np.interp(along, places, radii).astype(np.float32)
    top = axis + np.sqrt(np.maximum(out * out - v * v, 0))
    relief.put(relief.region(turned(profile, lean, from_u)), top, stuff)


def _hexagon(
    draws: Draws, relief: Relief, ends: tuple[float, float], flats: float, stuff: Material
) -> None:
    """A hexagonal head on its side: three facets, and its top where the bolt leans."""
    rolled = draws.between(-0.25, 0.25)
    corner = flats * 2 / math.sqrt(3)
    v = relief.uv[1]
    slopes = [rolled - math.pi / 3, rolled, rolled + math.pi / 3]
    facets = [(flats - v * math.sin(slope)) / math.cos(slope) for slope in slopes]
    top = flats + np.minimum(np.minimum(facets[0], facets[1]), facets[2])
    half = corner * math.cos(rolled)
    cut = (ends[1] - ends[0]) * 0.2
    points = [(ends[0], -half * 0.84), (ends[0] + cut, -half), (ends[1], -half)]
    outline = points + [(u, -across) for u, across in points[::-1]]
    relief.put(relief.region(polygon(outline)), top, stuff, 0.25)
    if draws.chance(0.6):
        lift = draws.between(0.1, 0.22)
        face = regular(6, 1, turned=math.pi / 6) * np.array([half * lift, half * 0.84])
        face = face + np.array([ends[0], 0])
        slope = flats * 1.6 + (relief.uv[0] - ends[0]) * 2
        relief.put(relief.region(face), slope, stuff)


def _face(draws: Draws, relief: Relief, at_u: float, wide: float, stuff: Material) -> None:
    """The top of a screw's head: it rests on its rim and its tip, so its top turns to the eye."""
    lift = draws.between(0.12, 0.26)
    slope = wide * 1.6 + (relief.uv[0] - at_u) * 1.5
    relief.put(relief.region(ellipse(wide * lift, wide, at_u)), slope, stuff, 0.15)
    dark = Material((0.06, 0.06, 0.06), 0.0, 6, 0.02)
    turned_by = draws.between(0, math.pi)
    for arm in range(draws.whole(1, 2)):
        bar = polygon([(-0.14, -0.75), (0.14, -0.75), (0.14, 0.75), (-0.14, 0.75)])
        cos, sin = math.cos(turned_by + arm * math.pi / 2), math.sin(turned_by + arm * math.pi / 2)
        bar = bar @ np.array([[cos, sin], [-sin, cos]])
        bar = np.round(bar * np.array([wide * lift, wide]) + np.array([at_u, 0]), 5)
        relief.put(relief.region(bar), wide * 1.2, dark)
