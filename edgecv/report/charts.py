"""The charts of the report: trade-off, latency distribution, budget search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from edgecv.report.plot import Axis, Point, frame, marker, padded, polyline
from edgecv.report.schema import VariantReport

# the engines differ by shape and dash, the precisions by colour: either alone is enough
SHAPES = {
    "openvino": Markup('<circle r="6"/>'),
    "onnxruntime": Markup('<rect x="-5.5" y="-5.5" width="11" height="11"/>'),
    "tensorrt": Markup('<path d="M0,-7 7,5.5 -7,5.5Z"/>'),
}
OTHER_SHAPE = Markup('<path d="M0,-7 7,0 0,7 -7,0Z"/>')
CHOSEN = Markup(
    '<circle class="chosen-ring" r="12"/>'
    '<text class="label" y="-20" text-anchor="middle">deploy</text>'
)


def shape(variant: VariantReport) -> Markup:
    """A variant's mark: its engine's shape in its precision's colour."""
    return Markup('<g class="mark {}">{}</g>').format(
        variant.precision, SHAPES.get(variant.engine, OTHER_SHAPE)
    )


def pareto(variants: Sequence[VariantReport], recommended: str | None) -> Markup | None:
    """mAP against p90 in ms, with the front of those that no other beats in both.

    None when fewer than two variants have both.
    """
    both = [v for v in variants if v.accuracy and v.latency_ms]
    points = {v.name: _point(v) for v in both}
    if len(both) < 2:
        return None
    ends = [value for v in both for value in _interval(v)]
    x = padded("p90, ms (left is faster)", [p[0] for p in points.values()], "{:g}".format)
    y = padded("mAP (up is better)", [*ends, *(p[1] for p in points.values())], "{:.2f}".format)
    marks = [polyline(x, y, front_line(list(points.values())), "front")]
    marks += [
        polyline(x, y, [(points[v.name][0], end) for end in _interval(v)], f"whisker {v.precision}")
        for v in both
        if _interval(v)
    ]
    marks += [marker(x, y, points[v.name], shape(v)) for v in both]
    if recommended in points:
        marks.append(marker(x, y, points[recommended], CHOSEN))
    told = "; ".join(f"{n}: mAP {b:.3f} at {a:.1f} ms" for n, (a, b) in points.items())
    return frame(x, y, marks, f"mAP against p90 latency. {told}")


def ecdf(
    samples: Mapping[str, Sequence[float]], variants: Sequence[VariantReport]
) -> Markup | None:
    """For each variant the share of calls that were done within so many ms.

    The axis ends at the slowest p99, so that one stray call does not flatten the rest.
    None when nothing was timed.
    """
    timed = [v for v in variants if samples.get(v.name)]
    if not timed:
        return None
    last = max(float(np.percentile(samples[v.name], 99)) for v in timed)
    first = min(min(samples[v.name]) for v in timed)
    x = padded("ms a call", [first, last], "{:g}".format, high=last * 1.02)
    y = Axis("share of calls", 0, 1, "{:.0%}".format)
    marks = [
        polyline(x, y, _steps(samples[v.name], x.high), f"line {v.precision} {v.engine}")
        for v in timed
    ]
    told = "; ".join(
        f"{v.name}: half within {np.median(samples[v.name]):.1f} ms, "
        f"nine in ten within {np.percentile(samples[v.name], 90):.1f} ms"
        for v in timed
    )
    return frame(x, y, marks, f"Distribution of latency. {told}")


def _point(variant: VariantReport) -> Point:
    latency, accuracy = variant.latency_ms, variant.accuracy
    return (latency.p90 if latency else 0.0, accuracy.mAP if accuracy else 0.0)


def _interval(variant: VariantReport) -> tuple[float, ...]:
    return tuple(variant.accuracy.interval or ()) if variant.accuracy else ()


def front_line(points: Sequence[Point]) -> list[Point]:
    """The corners of the front of points (less is better, more is better), from the left."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p[0], -p[1])):
        if not front or point[1] > front[-1][1]:
            front += [(point[0], front[-1][1]), point] if front else [point]
    return front


def _steps(samples: Sequence[float], high: float) -> list[Point]:
    values = sorted(samples)
    points = [(values[0], 0.0)]
    for index, value in enumerate(values):
        if value > high:
            return [*points, (high, index / len(values))]
        points += [(value, index / len(values)), (value, (index + 1) / len(values))]
    return points
