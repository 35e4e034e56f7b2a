"""sweep.html: the front of a sweep on one page that opens without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup

from edgecv.report import charts, shell
from edgecv.report.plot import Axis, frame, marker, padded, polyline
from edgecv.sweep.grid import labels
from edgecv.sweep.schema import Sweep, SweepPoint, SweepVariant

TEMPLATES = Path(__file__).parent / "templates"

Row = tuple[SweepVariant, SweepPoint, int | None]


def render(sweep: Sweep) -> str:
    """The page as HTML."""
    names = [variant.name for variant in sweep.variants]
    short = dict(zip(names, labels([v.settings for v in sweep.variants]), strict=True))
    rows = _rows(sweep)
    values: dict[str, Any] = {
        "sweep": sweep,
        "short": short,
        "best": [row for row in rows if row[1].front],
        "rest": [row for row in rows if not row[1].front],
        "chart": chart(sweep),
        "curves": curves(sweep),
        "unmeasured": [variant for variant in sweep.variants if variant.state != "measured"],
        "mark": mark,
    }
    values["contents"] = [
        (id_, title)
        for id_, title, there in (
            ("front", "The front", rows),
            ("others", "Other files", values["rest"]),
            ("trainings", "Trainings", values["curves"]),
            ("unmeasured", "Not measured", values["unmeasured"]),
        )
        if there
    ]
    return shell.fill("sweep.html.j2", values, TEMPLATES)


def mark(point: SweepPoint) -> Markup:
    """A point's drawing: its engine's shape in its precision's colour."""
    return Markup('<g class="mark {} {}">{}</g>').format(
        point.precision,
        "front-mark" if point.front else "beaten",
        charts.SHAPES.get(point.engine, charts.OTHER_SHAPE),
    )


def chart(sweep: Sweep) -> Markup | None:
    """mAP against p90 of every file, those of the front numbered; None without any."""
    pairs = sweep.points
    if not pairs:
        return None
    places = [(point.p90_ms, point.mAP) for _, point in pairs]
    x = padded("p90, ms (left is faster)", [place[0] for place in places], "{:g}".format)
    y = padded("mAP (up is better)", [place[1] for place in places], "{:.2f}".format)
    marks = [polyline(x, y, charts.front_line(places), "front")]
    # the numbered ones above the others
    for _, point, number in sorted(_rows(sweep), key=lambda row: row[2] is not None):
        label = Markup('<text class="label" y="-11" text-anchor="middle">{}</text>')
        drawn = mark(point) + (label.format(number) if number is not None else Markup(""))
        marks.append(marker(x, y, (point.p90_ms, point.mAP), drawn))
    best = sum(point.front for _, point in pairs)
    told = f"{len(pairs)} engine files, {best} of them beaten by none; the table below has all"
    return frame(x, y, marks, f"mAP against p90 latency: {told}")


def curves(sweep: Sweep) -> Markup | None:
    """mAP on the validation pictures by share of the epochs; None without two scores."""
    trained = [v for v in sweep.variants if v.epochs and v.scores]
    if sum(len(variant.scores) for variant in trained) < 2:
        return None
    top = max(score for variant in trained for _, score in variant.scores)
    x = Axis("epochs done", 0, 1, "{:.0%}".format)
    y = Axis("mAP on val", 0, top * 1.1 or 1.0, "{:.2f}".format)
    marks = []
    for variant in trained:
        line = [(epoch / (variant.epochs or 1), score) for epoch, score in variant.scores]
        css = "line layer" if variant.state == "stopped" else "line fp32"
        marks.append(polyline(x, y, line, css))
        end = Markup('<circle class="mark fp32" r="3"/>')
        marks.append(marker(x, y, line[-1], end))
    stopped = sum(variant.state == "stopped" for variant in trained)
    return frame(x, y, marks, f"mAP by epoch of {len(trained)} trainings, {stopped} stopped early")


def _rows(sweep: Sweep) -> list[Row]:
    """Every point with its number on the front, from 1."""
    found: list[Row] = []
    number = 0
    for variant, point in sweep.points:
        number += point.front
        found.append((variant, point, number if point.front else None))
    return found
