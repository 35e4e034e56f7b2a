"""What to do with each engine's files, timed here or not."""

from __future__ import annotations

from collections.abc import Sequence

from edgecv.report.recommend import Samples, best_int8, keeps_budget, p90_ms, recommend
from edgecv.report.schema import TargetAdvice, VariantReport


def advise(
    variants: Sequence[VariantReport], max_drop: float, samples: Samples | None = None
) -> tuple[TargetAdvice, ...]:
    """One piece of advice for each engine: which of its files, and how sure that is."""
    engines = dict.fromkeys(variant.engine for variant in variants)
    return tuple(
        _advice([v for v in variants if v.engine == engine], max_drop, samples)
        for engine in engines
    )


def _advice(
    variants: Sequence[VariantReport], max_drop: float, samples: Samples | None
) -> TargetAdvice:
    name = recommend(variants, max_drop, samples).name
    timed = next((v for v in variants if v.name == name), None)
    shown = timed or best_int8(variants, max_drop) or variants[0]
    text = f"{p90_ms(timed):.1f} ms at p90 on this machine" if timed else _untimed(shown, max_drop)
    return TargetAdvice(target=shown.engine, variant=shown.name, file=shown.file, advice=text)


def _untimed(variant: VariantReport, max_drop: float) -> str:
    acceptance = variant.details.get("acceptance") or {}
    parts = []
    if acceptance.get("accepted") is not None:
        verdict = "accepted" if acceptance["accepted"] else "refused"
        parts.append(f"{verdict} by {acceptance.get('version', 'TensorRT')}")
    if keeps_budget(variant, max_drop) is False:
        parts.append("misses the accuracy budget")
    if variant.latency_ms is None:
        parts.append("to be timed on the device")
    return ", ".join(parts) or "its accuracy was not measured"
