"""Closed outlines of parts in millimetres, (n, 2) as u along the part's axis and v across it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Outline = NDArray[np.float64]


def polygon(points: list[tuple[float, float]]) -> Outline:
    """Corners as an outline."""
    return np.array(points, np.float64)


def regular(
    corners: int, radius: float, centre: tuple[float, float] = (0, 0), turned: float = 0
) -> Outline:
    """A regular polygon; a circle where it has many corners."""
    angles = turned + np.arange(corners, dtype=np.float64) * (2 * math.pi / corners)
    return np.asarray(_polar(np.full(corners, radius), angles) + np.array(centre))


def circle(radius: float, centre: tuple[float, float] = (0, 0)) -> Outline:
    return regular(48, radius, centre)


def ellipse(radius_u: float, radius_v: float, centre_u: float = 0) -> Outline:
    round_one = regular(32, 1) * np.array([radius_u, radius_v])
    return np.asarray(round_one + np.array([centre_u, 0]))


def sector(inner: float, outer: float, start: float, end: float, skew: float = 0) -> Outline:
    """A piece of a ring from one angle to another, in radians.

    Args:
        skew: the ends lean by this angle from the inside to the outside.
    """
    angles = np.linspace(start, end, 40)
    out = _polar(np.full(40, outer), angles + skew)
    return np.concatenate([out, _polar(np.full(40, inner), angles[::-1])])


def gear(teeth: int, module: float) -> Outline:
    """A spur gear: addendum of one module, dedendum of 1.25, tips narrower than roots."""
    pitch = 2 * math.pi / teeth
    radius = module * teeth / 2
    steps = [(-1.25, -0.30), (0.0, -0.245), (1.0, -0.13), (1.0, 0.13), (0.0, 0.245), (-1.25, 0.30)]
    radii = np.array([radius + module * depth for depth, _ in steps] * teeth)
    angles = np.array([(tooth + at) * pitch for tooth in range(teeth) for _, at in steps])
    return _polar(radii, angles)


def thread(
    start: float, end: float, major: float, minor: float, pitch: float, tip: float = 0
) -> list[tuple[float, float]]:
    """Profile (u, radius) of a thread: a zigzag between two radii.

    Args:
        tip: over this length before the end the thread runs out into a point.
    """
    turns = max(2, round((end - start) / pitch))
    step = (end - start) / turns
    profile = []
    for index in range(2 * turns + 1):
        u = start + index * step / 2
        left = min(1.0, (end - u) / tip + 0.08) if tip else 1.0
        profile.append((u, (major if index % 2 else minor) * left))
    return profile


def turned(profile: list[tuple[float, float]], lean: float = 0, from_u: float = -1e9) -> Outline:
    """The outline of a body of revolution that lies on its side.

    Args:
        profile: (u, radius) from one end to the other.
        lean: how far a winding moves along the axis for each millimetre across it.
        from_u: where the windings begin; what comes before does not lean.
    """
    upper = [(u - lean * r * (u > from_u), r) for u, r in profile]
    lower = [(u + lean * r * (u > from_u), -r) for u, r in profile]
    return polygon(upper + lower[::-1])


def _polar(radii: Outline, angles: Outline) -> Outline:
    points = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    # C libraries differ in the last bit; a hundredth of a micrometre does not
    return np.round(points, 5)
