"""report.html: one page that opens without a network and runs no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgecv.report import charts, heat, overlay, pruning, rows, shell, tables, tiles
from edgecv.report.photos import Comparison
from edgecv.report.plot import Axis, padded
from edgecv.report.schema import Report, VariantReport

Samples = Mapping[str, Sequence[float]]


def render(
    report: Report,
    samples: Samples,
    comparison: Comparison | None = None,
    class_names: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> str:
    """The page as HTML.

    Args:
        report: what report.json holds.
        samples: variant name to ms of each timed call of the engine.
        comparison: photos with both answers; absent: no such section.
        class_names: of the model, to name the boxes.
        notes: what the reader should know of how this report came about.
    """
    values = {
        **_common(report),
        **_measured(report, samples),
        **_quantized(report),
        **_pruned(report),
        "comparison": comparison,
        "drawings": _drawings(comparison, class_names),
        "notes": [*notes, *tables.numerics_notes(report)],
    }
    values["contents"] = _contents(report, values)
    return shell.fill("report.html.j2", values)


def _common(report: Report) -> dict[str, Any]:
    int8, base = tiles.compared(report)
    return {
        "report": report,
        "chosen": report.variant(report.recommended),
        "budget": report.quantization.budget if report.quantization else None,
        "int8": int8,
        "base": base,
        "tiles": tiles.tiles(int8, base, report),
        "pairs": tables.pairs(report.variants),
        "classes": tables.classes(int8, report.variant(report.reference)),
        "reference": report.variant(report.reference),
        "largest": max([v.size_bytes for v in report.variants], default=0) or 1,
        "environment": tables.flat(report.environment),
        "shape": charts.shape,
        "interval_row": rows.interval,
        "change_row": rows.change,
        "bar_row": rows.bar,
        "unit_axis": Axis("AP", 0, 1),
    }


def _measured(report: Report, samples: Samples) -> dict[str, Any]:
    variants = report.variants
    scored = [v for v in variants if v.accuracy]
    return {
        "scored": scored,
        "map_axis": _map_axis(scored),
        "timed": [v for v in variants if v.latency_ms],
        "compared": [v for v in variants if v.parity],
        "busy": tables.busy(report),
        "throttled": tables.throttled(report),
        "powered": [v for v in variants if v.power_w is not None],
        "temperature": heat.temperature(report.device),
        "clocks": heat.clocks(report.device),
        "acceptance": tables.acceptance(variants),
        "pareto": charts.pareto(variants, report.recommended),
        "ecdf": charts.ecdf(samples, variants),
    }


def _quantized(report: Report) -> dict[str, Any]:
    budget = report.quantization.budget if report.quantization else None
    before = budget.float_value if budget else None
    goal = None if budget is None or before is None else before - budget.max_drop
    return {
        "goal": goal,
        "ranking": tables.ranking(report),
    }


def _pruned(report: Report) -> dict[str, Any]:
    found = report.pruning
    return {
        "sensitivity": pruning.sensitivity(found),
        "pruned_layers": (pruning.most_sensitive(found) or found.layers) if found else (),
    }


def _map_axis(scored: Sequence[VariantReport]) -> Axis | None:
    ends: list[float] = []
    for v in scored:
        if v.accuracy:
            ends += [v.accuracy.mAP, *(v.accuracy.interval or ())]
    return padded("mAP", ends, "{:.2f}".format) if ends else None


def _drawings(comparison: Comparison | None, class_names: Sequence[str]) -> list[Any]:
    photos = comparison.photos if comparison else ()
    return [(p, *overlay.pair(p, number, class_names)) for number, p in enumerate(photos)]


def _contents(report: Report, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    sections = (
        ("engines", "Before and after", values["pairs"]),
        ("accuracy", "Accuracy", values["scored"]),
        ("speed", "Speed", values["timed"]),
        ("size", "Size", report.variants),
        ("pruning", "Pruning", report.pruning),
        ("distillation", "Teacher and student", report.distillation),
        ("quantization", "Quantisation", report.quantization),
        ("parity", "Agreement", values["compared"] or values["acceptance"]),
        ("photos", "Photos", values["drawings"]),
        ("method", "Method", True),
    )
    return [(id_, title) for id_, title, there in sections if there]
