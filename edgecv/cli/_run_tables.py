"""Tables of the summary of `edgecv run`, eighty columns wide."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

WIDTH = 80
# the rest is in the JSON
SWITCHES_MAX = 10
NAME_MIN = 8


def _table(title: str, *heads: str, names: int = 1) -> Table:
    """The first `names` columns may be cut, those of figures never."""
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), title_justify="left")
    for head in heads[:names]:
        table.add_column(head, overflow="ellipsis", no_wrap=True)
    for head in heads[names:]:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _fitted(table: Table, names: int = 1) -> Table:
    """The same in WIDTH: names are cut, the longest first; wider only where figures need it."""
    widths = [max(len(str(cell)) for cell in (one.header, *one.cells)) for one in table.columns]
    # a space and a divider behind each, and the edges
    room = WIDTH - 1 - sum(2 + width for width in widths)
    while room < 0 and max(widths[:names]) > NAME_MIN:
        widths[widths.index(max(widths[:names]))] -= 1
        room += 1
    for one, width in zip(table.columns, widths, strict=True):
        one.width = width
    table.min_width = WIDTH - room if room < 0 else None
    return table


def streams_table(told: dict[str, Any]) -> Table:
    """A line a stream, and all together."""
    heads = ("stream", "frames", "done", "dropped", "fps", "age p50", "p90", "p99", "tracks")
    table = _table(f"{told['variant']}, tracker {told['tracker'] or 'none'}", *heads)
    rows = list(told["streams"].items())
    if len(rows) > 1:
        rows.append(("all", told | {"fps": told["end_to_end_fps"], "tracks": ""}))
    for name, row in rows:
        counts = [row["frames_in"], row["processed"], sum(row["dropped"].values())]
        ages = [milliseconds(row["age_ms"], key) for key in ("p50", "p90", "p99")]
        table.add_row(name, *map(str, counts), number(row["fps"], ".1f"), *ages, str(row["tracks"]))
    return _fitted(table)


def stages_table(told: dict[str, Any]) -> Table:
    """A line a stage."""
    table = _table("milliseconds a frame", "stage", "p50", "p90", "p99", "CPU")
    for name, times in told["stages_ms"].items():
        if times is not None:
            cells = [milliseconds(times, key) for key in ("p50", "p90", "p99")]
            table.add_row(name, *cells, number(told["cpu_ms"].get(name), ".1f"))
    return table


def counts_table(told: dict[str, Any]) -> Table:
    """A line for each line or zone and class."""
    table = _table("lines and zones", "stream", "name", "class", "in", "out", "now", names=3)
    for stream, row in told["streams"].items():
        for name, one in row["counts"].items():
            inside = one.get("inside")
            classes = sorted({*one["in"], *one["out"], *(inside or ())}) or ["-"]
            for kind in classes:
                now = "" if inside is None else str(inside.get(kind, 0))
                ways = (str(one[way].get(kind, 0)) for way in ("in", "out"))
                table.add_row(stream, name, kind, *ways, now)
    return _fitted(table, names=3)


def switches_table(governor: dict[str, Any]) -> Table:
    """A line for each of the last switches, after one for what ran before them."""
    shown = governor["switches"][-SWITCHES_MAX:]
    table = _table("governor", "engine", "one frame of", "from second", "because")
    table.columns[-1].no_wrap = False  # it holds figures as well
    begin = {"to": shown[0]["from"], "time_s": None, "reason": ""}
    for one in (begin, *shown):
        stride, time = str(one["to"]["stride"]), number(one["time_s"], ".1f")
        table.add_row(one["to"]["variant"], stride, time, one["reason"])
    return table


def milliseconds(times: dict[str, float] | None, key: str) -> str:
    """One of the percentiles, or a dash."""
    return number(None if times is None else times[key], ".1f")


def number(value: float | None, form: str) -> str:
    """A number, or a dash."""
    return "-" if value is None else format(value, form)
