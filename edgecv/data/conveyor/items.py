"""What lies on the belt: which part, where, and how it comes to look as it does."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from edgecv.data.conveyor.clutter import CLUTTER, Maker
from edgecv.data.conveyor.draws import Draws
from edgecv.data.conveyor.long_parts import bolt, screw
from edgecv.data.conveyor.relief import MARGIN_MM, Pose
from edgecv.data.conveyor.round_parts import bearing, gear_wheel, nut, washer
from edgecv.data.conveyor.scene import KEEP_APART, OVERLAP_SHARE, Scene
from edgecv.data.conveyor.shade import Sprite, shade

# makers, and how far what they make reaches from its middle, in millimetres
PARTS: dict[str, tuple[Maker, tuple[float, float]]] = {
    "nut": (nut, (5.8, 14)),
    "bolt": (bolt, (9, 32)),
    "washer": (washer, (6, 14)),
    "gear": (gear_wheel, (8, 22)),
    "bearing": (bearing, (8, 19)),
    "screw": (screw, (7, 27)),
}
CLASS_NAMES = tuple(PARTS)
IDS = 64  # track ids that a cell may give


@dataclass(frozen=True)
class Item:
    """An object on the belt; it is drawn when it is first seen.

    Attributes:
        track_id: unique in the scene, from 1; 0 for clutter.
        class_id: index into CLASS_NAMES; -1 for clutter.
        middle: belt pixels from the beginning of its cell, and from the picture's top.
        reach: belt pixels from its middle to its end.
        spread: belt pixels from its middle within which its sprite lies, shadow and all.
        draw: makes its sprite.
    """

    track_id: int
    class_id: int
    middle: tuple[float, float]
    reach: float
    spread: float
    draw: Callable[[], Sprite]

    @cached_property
    def sprite(self) -> Sprite:
        """How it looks."""
        return self.draw()

    @cached_property
    def area(self) -> int:
        """Belt pixels that it covers."""
        return int(np.count_nonzero(self.sprite.mask))


def place_items(scene: Scene, belt: tuple[int, int], number: int) -> tuple[Item, ...]:
    """The objects of a cell, those below first."""
    draws = Draws(*scene.key, 2, number)
    area = scene.cell_px * (belt[1] - belt[0])
    count = min(IDS - 1, int(area * scene.density + draws.between(0, 1)))
    items: list[Item] = []
    for index in range(count):
        own = Draws(*scene.key, 3, number, index)
        class_id = -1 if own.chance(scene.clutter) else own.whole(0, len(PARTS) - 1)
        maker, reaches = own.pick(CLUTTER) if class_id < 0 else PARTS[CLASS_NAMES[class_id]]
        reach_mm = own.between(*reaches)
        reach = reach_mm * scene.per_mm
        middle = _place(own, reach, items, scene.cell_px, belt)
        if middle is not None:
            track_id = 0 if class_id < 0 else number * IDS + index + 1
            draw = partial(_draw, scene, maker, reach_mm, own)
            spread = 1.5 * reach + MARGIN_MM * scene.per_mm
            items.append(Item(track_id, class_id, middle, reach, spread, draw))
    return tuple(items)


def _place(
    draws: Draws, reach: float, placed: list[Item], cell_px: int, belt: tuple[int, int]
) -> tuple[float, float] | None:
    """Somewhere in the cell that is free, or nearly; None where it is full."""
    apart = KEEP_APART * (0.55 if draws.chance(OVERLAP_SHARE) else 1)
    low, high = belt[0] + reach * 0.7, belt[1] - reach * 0.7
    for _ in range(12):
        x, y = draws.between(0, cell_px), draws.between(low, high)
        if all(_gap(x, y, other) >= apart * (reach + other.reach) for other in placed):
            return x, y
    return None


def _gap(x: float, y: float, other: Item) -> float:
    # products and roots, unlike powers, are exact on every platform
    across, along = x - other.middle[0], y - other.middle[1]
    return math.sqrt(across * across + along * along)


def _draw(scene: Scene, maker: Maker, reach_mm: float, draws: Draws) -> Sprite:
    pose = Pose(scene.per_mm, draws.between(0, 2 * math.pi))
    return shade(maker(draws, reach_mm, pose), scene.light, draws)
