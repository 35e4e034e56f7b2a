"""What parts are made of."""

from __future__ import annotations

from edgecv.data.conveyor.draws import Draws
from edgecv.data.conveyor.relief import Material

METALS = {  # blue, green, red
    "steel": (0.60, 0.59, 0.58),
    "bright": (0.78, 0.76, 0.75),
    "zinc": (0.62, 0.60, 0.56),
    "yellow_zinc": (0.36, 0.58, 0.66),
    "black_oxide": (0.17, 0.16, 0.16),
    "brass": (0.30, 0.56, 0.72),
    "copper": (0.30, 0.42, 0.68),
}
PLASTICS = {
    "white": (0.80, 0.83, 0.84),
    "black": (0.08, 0.08, 0.08),
    "grey": (0.42, 0.42, 0.42),
    "blue": (0.62, 0.33, 0.10),
    "red": (0.13, 0.14, 0.62),
    "yellow": (0.10, 0.62, 0.75),
    "green": (0.22, 0.45, 0.12),
    "ivory": (0.62, 0.76, 0.82),
}


def metal(draws: Draws, names: tuple[str, ...], turned: float = 0.0) -> Material:
    """One of the named metals, a little brighter or duller than the last."""
    blue, green, red = METALS[draws.pick(names)]
    level = draws.between(0.8, 1.15)
    warm = draws.between(0.96, 1.04)
    bgr = (blue * level / warm, green * level, red * level * warm)
    return Material(bgr, 1.0, draws.between(5, 26), draws.between(0.35, 0.9), turned)


def plastic(draws: Draws, names: tuple[str, ...] = tuple(PLASTICS)) -> Material:
    """One of the named plastics."""
    blue, green, red = PLASTICS[draws.pick(names)]
    level = draws.between(0.85, 1.15)
    bgr = (blue * level, green * level, red * level)
    return Material(bgr, 0.0, draws.between(8, 40), draws.between(0.05, 0.3))


def rubber(draws: Draws) -> Material:
    level = draws.between(0.05, 0.14)
    return Material((level, level, level), 0.0, 6, draws.between(0.03, 0.12))
