"""Parts that lie flat on the belt: nut, washer, gear, bearing."""

from __future__ import annotations

import math

import numpy as np

from edgecv.data.conveyor.draws import Draws
from edgecv.data.conveyor.materials import metal, plastic, rubber
from edgecv.data.conveyor.outlines import Outline, circle, gear, polygon, regular, sector
from edgecv.data.conveyor.relief import Material, Pose, Relief

COMMON = ("steel", "bright", "zinc", "yellow_zinc", "black_oxide", "brass")


def nut(draws: Draws, reach: float, pose: Pose) -> Relief:
    """A hexagon with a threaded bore, its corners chamfered; some with a flange or a nylon ring."""
    flange = reach if draws.chance(0.15) else 0.0
    corner = reach / draws.between(1.1, 1.25) if flange else reach
    flats = corner * math.sqrt(3)  # width across flats
    bore = flats * draws.between(0.26, 0.34)
    thick = flats * draws.between(0.4, 0.55)
    stuff = plastic(draws) if draws.chance(0.12) else metal(draws, COMMON)
    relief = Relief((reach, reach), pose)
    if flange:
        rim = relief.region(circle(flange), circle(bore))
        relief.put(rim, thick * 0.3 - 0.3 * np.maximum(relief.radius - flats * 0.5, 0), stuff, 0.4)
    body = relief.region(regular(6, corner), circle(bore))
    top = thick - 0.7 * np.maximum(relief.radius - flats * 0.47, 0)
    top = top - 0.9 * np.maximum(bore * 1.2 - relief.radius, 0)
    relief.put(body, top, stuff, 0.25)
    if draws.chance(0.2):
        ring = relief.region(circle(bore * 1.45), circle(bore * 0.95))
        swell = thick + 0.5 - 0.15 * np.square(relief.radius - bore * 1.2)
        relief.put(ring, swell, plastic(draws, ("blue", "white", "ivory")))
    return relief


def washer(draws: Draws, reach: float, pose: Pose) -> Relief:
    """A flat ring, thin or wide, or a spring washer: split, its ends apart."""
    outer = reach
    stuff = metal(draws, COMMON, turned=draws.between(0, 0.35))
    relief = Relief((reach, reach), pose)
    if draws.chance(0.3):
        inner = outer * draws.between(0.6, 0.7)
        gap = draws.between(0.1, 0.3)
        split = sector(inner, outer, gap / 2, 2 * math.pi - gap / 2, draws.between(-0.2, 0.2))
        rise = 1.2 + 0.12 * relief.uv[1]  # one end stands higher than the other
        relief.put(relief.region(split), (outer - inner) * 0.6 + rise, stuff, 0.3)
        return relief
    inner = outer * draws.between(0.3, 0.62)
    thick = draws.between(0.8, 2.4)
    stuff = plastic(draws) if draws.chance(0.15) else stuff
    relief.put(relief.region(circle(outer), circle(inner)), thick, stuff, draws.between(0.15, 0.5))
    return relief


def gear_wheel(draws: Draws, reach: float, pose: Pose) -> Relief:
    """A spur gear with a bore, often a hub, a keyway and a web with holes or spokes."""
    teeth = draws.whole(8, 30)
    outer = reach
    module = outer / (teeth / 2 + 1)
    root = module * (teeth / 2 - 1.25)
    coarse = draws.chance(0.4)
    stuff = plastic(draws) if draws.chance(0.35) else metal(draws, ("steel", "brass", "bright"))
    thick = outer * draws.between(0.25, 0.45)
    bore = root * draws.between(0.18, 0.34 if coarse else 0.28)
    relief = Relief((reach, reach), pose)
    holes = [circle(bore)]
    web = root > 7 and draws.chance(0.7)
    if web:
        holes += _windows(draws, root)
    relief.put(relief.region(gear(teeth, module), *holes), thick, stuff, 0.3)
    if web:
        sunk = relief.region(circle(root * 0.84), circle(root * 0.44), *holes[1:])
        relief.put(sunk, thick * 0.55, stuff)
    if draws.chance(0.6):
        hub = [circle(max(root * 0.44, bore * 1.5)), circle(bore)]
        if draws.chance(0.5):
            hub[1] = _keyed(bore)
        relief.put(relief.region(*hub), thick * 1.25, stuff, 0.4)
    return relief


def bearing(draws: Draws, reach: float, pose: Pose) -> Relief:
    """Two turned rings; between them balls in a cage, or a shield of steel or rubber."""
    outer = reach
    bore = outer * draws.between(0.34, 0.52)
    wall = (outer - bore) * draws.between(0.2, 0.3)
    thick = (outer - bore) * draws.between(0.6, 0.9)
    steel = metal(draws, ("bright", "steel"), turned=draws.between(0.2, 0.5))
    relief = Relief((reach, reach), pose)
    gap = (outer - wall, bore + wall)
    if draws.chance(0.55):
        _race(draws, relief, gap, thick, bore)
    else:
        stuff = _seal(draws, steel)
        relief.put(relief.region(circle(gap[0]), circle(gap[1])), thick - 0.7, stuff, 0.3)
    relief.put(relief.region(circle(outer), circle(gap[0])), thick, steel, 0.35)
    relief.put(relief.region(circle(gap[1]), circle(bore)), thick, steel, 0.35)
    return relief


def _race(
    draws: Draws, relief: Relief, gap: tuple[float, float], thick: float, bore: float
) -> None:
    """Balls on a circle between two rings, held by a cage, the groove dark below them."""
    middle = (gap[0] + gap[1]) / 2
    ball = (gap[0] - gap[1]) / 2 * 0.92
    count = max(5, int(middle * math.pi / ball * draws.between(0.62, 0.85)))
    dark = Material((0.05, 0.05, 0.06), 0.0, 6, 0.02)
    groove = relief.region(circle(gap[0]), circle(gap[1]))
    relief.put(groove, thick * 0.3, dark)
    cage = metal(draws, ("brass", "steel")) if draws.chance(0.7) else plastic(draws, ("black",))
    band = ball * draws.between(0.3, 0.6)
    ring = relief.region(circle(middle + band), circle(middle - band))
    relief.put(ring, thick * 0.62, cage, 0.2)
    bright = metal(draws, ("bright",))
    u, v = relief.uv
    balls = regular(count, middle)
    squares = [(u - np.float32(x)) ** 2 + (v - np.float32(y)) ** 2 for x, y in balls]
    dome = thick * 0.35 + np.sqrt(np.maximum(ball**2 - np.min(squares, 0), 0))
    relief.put(relief.region(*(circle(ball, (x, y)) for x, y in balls)), dome, bright)


def _seal(draws: Draws, steel: Material) -> Material:
    if draws.chance(0.35):
        return steel
    return plastic(draws, ("blue", "red", "green")) if draws.chance(0.4) else rubber(draws)


def _windows(draws: Draws, root: float) -> list[Outline]:
    """Holes in a gear's web: round ones, or sectors that leave spokes."""
    count = draws.whole(3, 6)
    step = 2 * math.pi / count
    if draws.chance(0.5):
        middle, radius = root * 0.64, root * draws.between(0.1, 0.15)
        return [circle(radius, (at[0], at[1])) for at in regular(count, middle)]
    half = step / 2 - draws.between(0.14, 0.22)
    starts = [index * step for index in range(count)]
    return [sector(root * 0.48, root * 0.8, start - half, start + half) for start in starts]


def _keyed(bore: float) -> Outline:
    """A bore with a notch for a key."""
    ring = circle(bore)
    ring = ring[np.abs(ring[:, 1]) > bore * 0.3 * (ring[:, 0] > 0)]
    half = bore * 0.3
    key = polygon([(bore * 0.95, -half), (bore * 1.3, -half), (bore * 1.3, half)])
    notch = np.concatenate([key, polygon([(bore * 0.95, half)])])
    order = np.argsort(np.arctan2(ring[:, 1], ring[:, 0]) % (2 * math.pi), kind="stable")
    return np.concatenate([notch, ring[order]])
