"""What is counted at lines and in zones: the values that travel with a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

Point = tuple[float, float]
ByClass = dict[str, int]


class Crossing(NamedTuple):
    """One track went over a line, or over the border of a zone.

    Attributes:
        name: of the line or zone.
        track_id: of the object.
        class_name: of the object.
        direction: in or out.
    """

    name: str
    track_id: int
    class_name: str
    direction: str

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "id": self.track_id,
            "class": self.class_name,
            "direction": self.direction,
        }


@dataclass(frozen=True)
class BorderCounts:
    """How many went over one line or border since the run began, and who is there now.

    Attributes:
        name: of the line or zone.
        points: its ends or corners, in pixels of the frame.
        entered, left: by class; over a line, in each direction.
        inside: by class, in this frame; None for a line.
    """

    name: str
    points: tuple[Point, ...]
    entered: ByClass
    left: ByClass
    inside: ByClass | None

    def to_json(self) -> dict[str, ByClass]:
        """{"in", "out", "inside" of a zone}, each by class."""
        found = {"in": self.entered, "out": self.left}
        return found if self.inside is None else {**found, "inside": self.inside}

    def label(self) -> str:
        """Name and totals in a line."""
        told = f"{self.name}  in {sum(self.entered.values())}  out {sum(self.left.values())}"
        return told if self.inside is None else f"{told}  now {sum(self.inside.values())}"


class Counted(NamedTuple):
    """The counts of a stream after a frame, and what changed them in it."""

    counts: tuple[BorderCounts, ...]
    crossings: tuple[Crossing, ...] = ()

    def to_json(self) -> dict[str, dict[str, ByClass]]:
        """The counts, by name."""
        return {one.name: one.to_json() for one in self.counts}
