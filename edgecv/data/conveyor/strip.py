"""The belt with its parts as one endless strip: parts lie in cells, which are drawn in pieces."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from edgecv.data.conveyor.belt import LOOP_PX, make_belt
from edgecv.data.conveyor.draws import Draws
from edgecv.data.conveyor.items import Item, place_items
from edgecv.data.conveyor.scene import Scene
from edgecv.types import Image

PIECES = 4  # of a cell, each drawn when it is seen: parts that no camera sees take no time
KEPT = 12  # cells: a camera sees about four at a time

TrackIds = NDArray[np.int32]


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
        self._items = lru_cache(maxsize=KEPT)(partial(place_items, scene, belt))
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
