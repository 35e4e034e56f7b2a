"""The frame of a chart as inline SVG: axes in percent, so that text keeps its size on a phone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """A range of values and its title.

    Attributes:
        title: with the unit.
        low, high: values at the two ends, low < high.
        label: writes a tick's value.
    """

    title: str
    low: float
    high: float
    label: Callable[[float], str] = "{:g}".format

    def percent(self, value: float) -> float:
        """Where a value stands, in percent of the axis."""
        return 100 * (value - self.low) / (self.high - self.low)

    def ticks(self, count: int = 6) -> list[float]:
        """About `count` round values inside the range."""
        step = _round_step((self.high - self.low) / count)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(n * step, 10) for n in range(first, last + 1)]


def padded(
    title: str, values: Sequence[float], label: Callable[[float], str], **ends: float
) -> Axis:
    """An axis with a tenth of room around values; `low` and `high` pin its ends.

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError(f"axis '{title}': no values")
    room = (max(values) - min(values)) * 0.1 or abs(values[0]) * 0.1 or 1.0
    low = ends.get("low", min(values) - room)
    return Axis(title, low, ends.get("high", max(values) + room), label)


def frame(x: Axis, y: Axis, marks: Iterable[Markup], summary: str) -> Markup:
    """A chart: axes, grid, and marks that `polyline` and `marker` made.

    Args:
        summary: what a reader who cannot see the chart should know.
    """
    grid = Markup("").join(
        Markup('<line class="grid" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(_at(y, tick, True))
        for tick in y.ticks()
    )
    x_text = Markup("").join(
        Markup('<text class="tick" x="{}" y="100%" dy="18" text-anchor="middle">{}</text>').format(
            _at(x, tick), x.label(tick)
        )
        for tick in x.ticks()
    )
    y_text = Markup("").join(
        Markup('<text class="tick" x="-8" y="{}" dy="4" text-anchor="end">{}</text>').format(
            _at(y, tick, True), y.label(tick)
        )
        for tick in y.ticks()
    )
    return Markup(
        '<div class="plot"><svg role="img" aria-label="{summary}">{grid}'
        '<line class="axis" x1="0" x2="100%" y1="100%" y2="100%"/>{x_text}{y_text}'
        '<text class="axis-title" x="100%" y="100%" dy="38" text-anchor="end">{x}</text>'
        '<text class="axis-title" x="-48" y="-12">{y}</text>{marks}</svg></div>'
    ).format(
        summary=summary,
        grid=grid,
        x_text=x_text,
        y_text=y_text,
        x=x.title,
        y=y.title,
        marks=Markup("").join(marks),
    )


def polyline(x: Axis, y: Axis, points: Sequence[Point], css: str) -> Markup:
    """A line through points in the axes' units; its width does not scale."""
    path = " ".join(f"{x.percent(a):.2f},{100 - y.percent(b):.2f}" for a, b in points)
    return Markup(
        '<svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%" '
        'overflow="visible"><polyline class="{}" points="{}" vector-effect="non-scaling-stroke"/>'
        "</svg>"
    ).format(css, path)


def marker(x: Axis, y: Axis, point: Point, content: Markup) -> Markup:
    """Any drawing with its origin at a point; its size in pixels does not scale."""
    return Markup('<svg x="{}" y="{}" overflow="visible">{}</svg>').format(
        _at(x, point[0]), _at(y, point[1], True), content
    )


def _at(axis: Axis, value: float, down: bool = False) -> str:
    percent = axis.percent(value)
    return f"{100 - percent if down else percent:.2f}%"


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
