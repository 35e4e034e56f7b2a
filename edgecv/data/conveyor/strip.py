"""The belt with its parts as one endless strip: parts lie in cells, which are drawn in pieces."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from edgecv.data.conveyor.belt import LOOP_PX, make_belt
from edgecv.data.conveyor.clutter import CLUTTER, Maker
from edgecv.data.conveyor.draws import Draws
from edgecv.data.conveyor.long_parts import bolt, screw
from edgecv.data.conveyor.relief import MARGIN_MM, Pose
from edgecv.data.conveyor.round_parts import bearing, gear_wheel, nut, washer
from edgecv.data.conveyor.scene import KEEP_APART, OVERLAP_SHARE, Scene
from edgecv.data.conveyor.shade import Sprite, shade
from edgecv.types import Image

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
PIECES = 4  # of a cell, each drawn when it is seen: parts that no camera sees take no time
KEPT = 12  # cells: a camera sees about four at a time

TrackIds = NDArray[np.int32]


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


Items = Callable[[int], tuple[Item, ...]]


class Strip:
    """The belt of a scene.

    Args:
        scene: what it is like.
        belt: rows where the belt begins and ends.
        height: rows of the picture of the belt.

    Attributes:
        brightness: of the bare belt, 0 to 255.
    """

    def __init__(self, scene: Scene, belt: tuple[int, int], height: int) -> None:
        loop = make_belt(Draws(*scene.key, 1), height)
        self.brightness = float(loop.mean())
        loop = np.tile(loop, (1, -(-scene.cell_px // LOOP_PX), 1))
        self._cell_px, self._piece_px = scene.cell_px, scene.cell_px // PIECES
        # of functions, not of methods: a strip then goes when nothing holds it
        self._items = lru_cache(maxsize=KEPT)(partial(_place_items, scene, belt))
        self._piece = lru_cache(maxsize=KEPT * PIECES)(
            partial(_paint, loop, scene.cell_px, self._items)
        )

    def window(self, start: int, length: int) -> tuple[Image, TrackIds]:
        """What lies between two places of the belt.

        Returns:
            (height, length, 3) uint8 BGR and (height, length) int32 track ids, 0 for none.
        """
        first, last = start // self._piece_px, (start + length - 1) // self._piece_px
        pieces = [self._piece(number) for number in range(first, last + 1)]
        cut = slice(start - first * self._piece_px, start - first * self._piece_px + length)
        image = np.concatenate([image for image, _ in pieces], 1)[:, cut]
        return image, np.concatenate([ids for _, ids in pieces], 1)[:, cut]

    def items_between(self, start: int, length: int) -> list[Item]:
        """All objects of which a pixel may lie there."""
        first, last = start // self._cell_px - 1, (start + length - 1) // self._cell_px + 1
        return [item for number in range(first, last + 1) for item in self._items(number)]


def _paint(loop: Image, cell_px: int, items: Items, number: int) -> tuple[Image, TrackIds]:
    """A piece's picture and its track ids; what lies in the next cells may reach into it."""
    piece_px = cell_px // PIECES
    from_px = number * piece_px % loop.shape[1]
    image = loop[:, from_px : from_px + piece_px].copy()
    ids = np.zeros(image.shape[:2], np.int32)
    cell, piece = divmod(number, PIECES)
    for neighbour in (-1, 0, 1):
        for item in items(cell + neighbour):
            _lay(image, ids, item, neighbour * cell_px - piece * piece_px)
    return image, ids


def _place_items(scene: Scene, belt: tuple[int, int], number: int) -> tuple[Item, ...]:
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


def _lay(image: Image, ids: TrackIds, item: Item, shift: int) -> None:
    """Put an object on a piece of belt, as much of it as lies there.

    Args:
        image: (rows, columns, 3), changed.
        ids: (rows, columns), changed.
        item: the object.
        shift: how far right of this piece the object's cell begins.
    """
    rows, columns = ids.shape
    x, y = round(item.middle[0]) + shift, round(item.middle[1])
    if not -item.spread < x < columns + item.spread:
        return
    height, width = item.sprite.mask.shape
    left, top = x - width // 2, y - height // 2
    x0, x1 = max(left, 0), min(left + width, columns)
    y0, y1 = max(top, 0), min(top + height, rows)
    if x0 >= x1 or y0 >= y1:
        return
    part = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    there = image[y0:y1, x0:x1]
    kept = there.astype(np.uint16) * item.sprite.keep[part][..., None]
    image[y0:y1, x0:x1] = np.minimum((kept + 127) // 255 + item.sprite.add[part], 255)
    ids[y0:y1, x0:x1][item.sprite.mask[part] > 0] = item.track_id
