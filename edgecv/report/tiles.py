"""The figures of the summary: INT8 against float."""

from __future__ import annotations

from edgecv.report import figures
from edgecv.report.recommend import best_int8, p90_ms
from edgecv.report.schema import Report, VariantReport


def compared(report: Report) -> tuple[VariantReport | None, VariantReport | None]:
    """The INT8 variant to show, and the fastest float one; none timed: that of its engine."""
    budget = report.quantization.budget if report.quantization else None
    int8 = best_int8(report.variants, budget.max_drop if budget else 0.0)
    floats = [v for v in report.variants if v.precision != "int8"]
    floats.sort(key=lambda v: (p90_ms(v), int8 is None or v.engine != int8.engine))
    return int8, next(iter(floats), None)


def tiles(
    int8: VariantReport | None, base: VariantReport | None, report: Report
) -> list[dict[str, str]]:
    """The four figures of the summary; those that were not measured are left out."""
    if int8 is None or base is None:
        return []
    found = [_speed_tile(int8, base), _size_tile(int8, base), _accuracy_tile(int8)]
    shares = report.quantization.int8_macs_share if report.quantization else {}
    if int8.engine in shares:
        others = [f"{figures.share(shares[e])} for {e}" for e in shares if e != int8.engine]
        note = ", ".join(others) or "the rest stays in float"
        found.append(_tile("Runs in INT8", figures.share(shares[int8.engine]), "of MACs", note))
    return [tile for tile in found if tile]


def _tile(title: str, figure: str, unit: str, note: str) -> dict[str, str]:
    return {"title": title, "figure": figure, "unit": unit, "note": note}


def _speed_tile(int8: VariantReport, base: VariantReport) -> dict[str, str] | None:
    if not int8.latency_ms or not base.latency_ms:
        return None
    before, after = base.latency_ms.p90, int8.latency_ms.p90
    note = f"{figures.ms(after)} against {figures.ms(before)} ms at p90"
    return _tile("Speed", figures.times(before / after), "float's", note)


def _size_tile(int8: VariantReport, base: VariantReport) -> dict[str, str]:
    share = int8.size_bytes / max(base.size_bytes, 1)
    note = f"{figures.megabytes(int8.size_bytes)} against {figures.megabytes(base.size_bytes)} MB"
    return _tile("Size", f"{share:.0%}", "of float's", note)


def _accuracy_tile(int8: VariantReport) -> dict[str, str] | None:
    if int8.accuracy and int8.drop:
        note = f"now {int8.accuracy.mAP:.3f}"
        if int8.drop.interval:
            note += f"; 95%: {figures.loss_interval(int8.drop.interval)}"
        return _tile("Change of mAP", figures.signed(-int8.drop.mAP), "", note)
    if int8.parity and int8.parity.matched is not None:
        share = figures.share(int8.parity.matched)
        return _tile("Agreement", share, "of boxes", "found again; no ground truth was given")
    return None
