"""Lines and zones of a picture, as a person writes them into a JSON file."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgecv.errors import UsageError
from edgecv.runtime.borders import area, crosses_itself, is_polygon
from edgecv.runtime.counts import Point


class Border(BaseModel):
    """A line or a zone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=64, description="Unique in the file.")
    classes: tuple[str, ...] = Field((), description="Only these are counted; empty: all.")
    source: str | None = Field(None, description="Only in this stream; null: in all.")
    anchor: Literal["bottom", "center"] = Field(
        "bottom",
        description="Which point of a box counts: the middle of its lower edge, where an object "
        "stands on the ground, or its centre, for a camera that looks down.",
    )


class Line(Border):
    """Crossed `in` from the left hand to the right of who goes from its first point to its last.

    A line that is drawn from left to right is crossed `in` downwards.
    """

    points: tuple[Point, Point]


class Zone(Border):
    """A polygon, entered `in` and left `out`."""

    points: tuple[Point, ...] = Field(min_length=3)


class Zones(BaseModel):
    """All that is counted.

    Attributes:
        size: width and height of the picture that the points were read from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: tuple[int, int] = Field(description="Width and height in pixels.")
    lines: tuple[Line, ...] = ()
    zones: tuple[Zone, ...] = ()

    @property
    def borders(self) -> tuple[Line | Zone, ...]:
        """Lines, then zones."""
        return (*self.lines, *self.zones)


def read_zones(path: Path, class_names: Sequence[str], streams: Sequence[str]) -> Zones:
    """Read and check a file.

    Args:
        path: JSON of {"size": [width, height], "lines": [...], "zones": [...]}.
        class_names: of the network.
        streams: names of all.

    Raises:
        UsageError: with every problem of the file.
    """
    try:
        zones = Zones.model_validate(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise _refusal(path, [_told(one) for one in error.errors()]) from error
    except ValueError as error:
        raise UsageError(f"{path}: no JSON ({error}); docs/run.md shows such a file") from error
    problems = [*_of_all(zones), *_of_each(zones, class_names, streams)]
    if problems:
        raise _refusal(path, problems)
    return zones


def _refusal(path: Path, problems: Sequence[str]) -> UsageError:
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    return UsageError("\n  ".join([f"{path}: {count}", *problems]))


def _told(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"]) or "the file"
    if item["type"] == "extra_forbidden":
        kinds = {"lines": Line, "zones": Zone}
        model: type[BaseModel] = (
            kinds.get(str(item["loc"][0]), Zones) if where.count(".") else Zones
        )
        return f"{where}: unknown key{_meant(str(item['loc'][-1]), list(model.model_fields))}"
    if item["type"] == "missing":
        return f"{where}: missing"
    message = str(item["msg"]).replace("Input should", "should")
    return f"{where}: {message[0].lower()}{message[1:]}, got {item['input']!r:.60}"


def _meant(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else f"; there are {', '.join(known[:8])}"


def _of_all(zones: Zones) -> list[str]:
    found = []
    if min(zones.size) < 1:
        found.append(f"size: expected width and height in pixels, got {list(zones.size)}")
    if not zones.borders:
        found.append("neither lines nor zones; give at least one")
    names = [border.name for border in zones.borders]
    for name in sorted({name for name in names if names.count(name) > 1}):
        found.append(f"'{name}': {names.count(name)} of this name; each needs one of its own")
    return found


def _of_each(zones: Zones, class_names: Sequence[str], streams: Sequence[str]) -> list[str]:
    found = []
    for border in zones.borders:
        where = f"'{border.name}'"
        for name in border.classes:
            if name not in class_names:
                found.append(f"{where}: no class '{name}'{_meant(name, class_names)}")
        if border.source is not None and border.source not in streams:
            found.append(f"{where}: no source '{border.source}'{_meant(border.source, streams)}")
        width, height = zones.size
        for x, y in border.points:
            if not (0 <= x <= width and 0 <= y <= height):
                found.append(f"{where}: point ({x:g}, {y:g}) is outside of {width}x{height}")
        found += [f"{where}: {text}" for text in _shape_problems(border.points)]
    return found


def _shape_problems(points: Sequence[Point]) -> list[str]:
    if not is_polygon(points):
        return [] if points[0] != points[1] else ["its two points are the same"]
    if crosses_itself(points):
        return ["its sides cross each other; list the corners in order around it"]
    return [] if area(points) >= 1 else ["has no area"]
