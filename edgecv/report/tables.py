"""The rows of the report's tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from edgecv.report.schema import Report, VariantReport

RANKING_SHOWN = 20
# the stages before leave a load of one a core; more than half again is somebody else's
BUSY_LOAD = 1.5

Pair = tuple[float | None, float | None]


def pairs(variants: Sequence[VariantReport]) -> list[dict[str, Any]]:
    """One row for each engine that has a float and an INT8 file: before, after, change."""
    rows = []
    for engine in dict.fromkeys(v.engine for v in variants):
        of = {v.precision: v for v in variants if v.engine == engine}
        after, before = of.get("int8"), of.get("fp32") or of.get("fp16")
        if before is None or after is None:
            continue
        maps, p90s, sizes = (
            (get(before), get(after)) for get in (_map, _p90, lambda v: v.size_bytes)
        )
        change = None if maps[0] is None or maps[1] is None else maps[1] - maps[0]
        rows.append(
            {
                "engine": engine,
                "map": (*maps, change),
                "p90": (*p90s, _ratio(*p90s)),
                "size": (*sizes, _ratio(*sizes)),
            }
        )
    return rows


def classes(int8: VariantReport | None, reference: VariantReport | None) -> list[dict[str, Any]]:
    """AP of each class before and after, the largest change first."""
    if not (int8 and int8.accuracy and reference and reference.accuracy):
        return []
    before, after = reference.accuracy.per_class, int8.accuracy.per_class
    rows = [{"name": n, "before": before[n], "after": after[n]} for n in before if n in after]
    return sorted(rows, key=lambda row: -abs(row["after"] - row["before"]))


def ranking(report: Report) -> list[dict[str, Any]]:
    """The most sensitive layers; damage is how far each falls short of the least, in [0, 1]."""
    layers = [layer for layer in report.ranking if layer.sqnr_db is not None]
    layers.sort(key=lambda layer: layer.sqnr_db or 0.0)
    if not layers:
        return []
    low, high = layers[0].sqnr_db or 0.0, layers[-1].sqnr_db or 0.0
    kept = {layer.node for layer in report.kept_float}
    return [
        {
            "layer": layer,
            "kept": layer.node in kept,
            "damage": (high - (layer.sqnr_db or 0.0)) / ((high - low) or 1.0),
        }
        for layer in layers[:RANKING_SHOWN]
    ]


def acceptance(variants: Sequence[VariantReport]) -> list[dict[str, Any]]:
    """The verdicts of the acceptance builds, of both files where there is one in 16 bits."""
    keys = ("accepted", "version", "capabilities", "seconds", "errors", "layers", "reason")
    return [
        {"variant": v, "half": name != "acceptance", **{key: verdict.get(key) for key in keys}}
        for v in variants
        for name in ("acceptance", "acceptance_half")
        if (verdict := v.details.get(name))
    ]


def numerics_notes(report: Report) -> list[str]:
    """Which variants were scored by another engine than the one they are for."""
    return [
        f"{v.name}: no {v.engine} could run here, so its numbers of accuracy come from the same "
        f"file executed by {v.details['numerics']} without graph optimisation."
        for v in report.variants
        if v.details.get("numerics")
    ]


def busy(report: Report) -> str | None:
    """A warning where the machine had more to do than it has cores when timing began."""
    load = report.environment.get("load_average_1m")
    cores = report.environment.get("cores_available")
    if not load or not cores or load <= BUSY_LOAD * cores:
        return None
    return (
        f"The machine was busy when timing began (load {load:g} on {cores} cores): these times "
        "are longer than those of a quiet one. Time it again: edgecv bench"
    )


def throttled(report: Report) -> str | None:
    """A warning where heat or the supply held the machine back while it was timed."""
    device = report.device
    if device is None or not device.throttled_by:
        return None
    return (
        f"The machine was held back for {device.throttled_s:.0f} s while timing, by "
        f"{', '.join(device.throttled_by)}: with better cooling or supply these times are shorter."
    )


def flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested facts as lines of name and text; those that are unknown are left out."""
    lines = []
    for key, value in values.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        if isinstance(value, Mapping):
            lines += flat(value, f"{name}: ")
        elif isinstance(value, list | tuple):
            lines.append((name, ", ".join(map(str, value))))
        elif value is not None:
            lines.append((name, str(value)))
    return [line for line in lines if line[1]]


def breakable(name: str) -> Markup:
    """A node's long name that may wrap after its dots, slashes and underscores."""
    return Markup(re.sub(r"([./_])", r"\1<wbr>", str(escape(name))))  # noqa: S704


def _map(variant: VariantReport) -> float | None:
    return variant.accuracy.mAP if variant.accuracy else None


def _p90(variant: VariantReport) -> float | None:
    return variant.latency_ms.p90 if variant.latency_ms else None


def _ratio(before: float | None, after: float | None) -> float | None:
    return before / after if before and after else None
