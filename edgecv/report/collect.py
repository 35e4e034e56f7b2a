"""A bundle's manifest to the facts of a report."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from edgecv.bundle import Bundle, Record, StageRecord, Variant
from edgecv.report.advice import advise
from edgecv.report.distillation import distillation
from edgecv.report.pruning import pruning
from edgecv.report.quantization import Budget, Layer, Quantization, Step
from edgecv.report.recommend import recommend
from edgecv.report.schema import (
    Accuracy,
    DataSummary,
    DeviceReport,
    Drop,
    Latency,
    Parity,
    Report,
    StageSeconds,
    VariantReport,
)
from edgecv.report.training.collect import PAGE, trained

DEFAULT_MAX_DROP = 0.005  # as the recipe's, for a bundle that was never quantised

Samples = dict[str, list[float]]
R = TypeVar("R", bound=Record)


def collect(bundle: Bundle, command: Sequence[str] = ()) -> Report:
    """All facts that the stages of a bundle left in its manifest, and the verdict on them."""
    quantize, evaluate, bench = (bundle.metrics(s) for s in ("quantize", "evaluate", "bench"))
    variants = tuple(_variant(bundle, v, evaluate, bench) for v in bundle.manifest.variants)
    quantization = _quantization(quantize) if quantize else None
    budget = quantization.budget if quantization else None
    max_drop = budget.max_drop if budget else DEFAULT_MAX_DROP
    samples = engine_samples(bundle)
    verdict = recommend(variants, max_drop, samples)
    return Report(
        recipe=bundle.manifest.recipe,
        model=bundle.spec.name,
        input_wh=(bundle.spec.input.width, bundle.spec.input.height),
        training=PAGE if trained(bundle) else None,
        pruning=pruning(bundle.metrics("prune")),
        distillation=distillation(bundle.metrics("distill")),
        data=_part(DataSummary, evaluate.get("data")),
        environment=_environment(bundle, bench),
        threads=bench.get("threads"),
        device=_part(DeviceReport, bench.get("device")),
        reference=evaluate.get("reference"),
        recommended=verdict.name,
        reason=verdict.reason,
        targets=advise(variants, max_drop, samples),
        command=shlex.join(command),
        variants=variants,
        not_timed=bench.get("skipped") or {},
        quantization=quantization,
        kept_float=_parts(Layer, quantize.get("kept_float", ())),
        ranking=_parts(Layer, quantize.get("ranking", ())),
        steps=_parts(Step, quantize.get("steps", ())),
        stages=tuple(StageSeconds(stage=r.stage, seconds=r.seconds) for r in _latest(bundle)),
    )


def engine_samples(bundle: Bundle) -> Samples:
    """Variant name to the ms of each timed call of the engine alone."""
    timed = bundle.metrics("bench").get("variants", {})
    return {name: list(entry["engine_ms"].get("samples", ())) for name, entry in timed.items()}


def _variant(
    bundle: Bundle, variant: Variant, evaluate: Mapping[str, Any], bench: Mapping[str, Any]
) -> VariantReport:
    scored = evaluate.get("variants", {}).get(variant.name, {})
    timed = bench.get("variants", {}).get(variant.name, {})
    return VariantReport(
        name=variant.name,
        engine=variant.engine,
        precision=variant.precision,
        file=variant.file,
        size_bytes=_size(bundle, variant.file),
        accuracy=_part(Accuracy, scored.get("accuracy")),
        drop=_part(Drop, scored.get("drop")),
        parity=_part(Parity, scored.get("parity")),
        latency_ms=_part(Latency, timed.get("engine_ms")),
        end_to_end_ms=_part(Latency, timed.get("end_to_end_ms")),
        throughput_fps=timed.get("throughput_fps"),
        power_w=timed.get("power_w"),
        mj_per_frame=timed.get("mj_per_frame"),
        peak_rss_mb=timed.get("peak_rss_mb"),
        load_seconds=timed.get("load_seconds"),
        details=variant.details,
    )


def _part(model: type[R], values: Mapping[str, Any] | None) -> R | None:
    # a stage may record more than a report shows
    if not values:
        return None
    fields = model.model_fields
    names = {*fields, *(field.alias for field in fields.values() if field.alias)}
    return model(**{key: value for key, value in values.items() if key in names})


def _parts(model: type[R], entries: Iterable[Mapping[str, Any]]) -> tuple[R, ...]:
    return tuple(part for entry in entries if (part := _part(model, entry)))


def _size(bundle: Bundle, file: str) -> int:
    path = bundle.path(file)
    # OpenVINO keeps weights beside the graph, ONNX may
    parts = [path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path]
    parts.append(path.with_name(f"{path.name}.data"))
    return sum(part.stat().st_size for part in parts if part.is_file())


def _quantization(metrics: Mapping[str, Any]) -> Quantization | None:
    return _part(Quantization, {**metrics, "budget": _part(Budget, metrics.get("budget"))})


def _environment(bundle: Bundle, bench: Mapping[str, Any]) -> dict[str, Any]:
    history = bundle.manifest.history
    return dict(bench.get("environment") or (history[-1].environment if history else {}))


def _latest(bundle: Bundle) -> list[StageRecord]:
    return list({record.stage: record for record in bundle.manifest.history}.values())
