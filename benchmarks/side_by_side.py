"""Variants of one network side by side: mAP on data sets, and latency in one interleaved run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from edgecv.bundle import Bundle, Variant
from edgecv.data.dataset import open_dataset
from edgecv.metrics.detection import score_detections
from edgecv.recipe import BenchSettings, EvaluateSettings
from edgecv.stages.bench import bench, pictures_of
from edgecv.stages.evaluate import answer


def score(bundle: Bundle, variant: Variant, data: Path) -> dict[str, Any]:
    """mAP of a variant by COCO's protocol, as `edgecv eval` gives it."""
    settings = EvaluateSettings()
    dataset = open_dataset(data)
    pictures = [sample.path for sample in dataset.samples]
    found = [one.detections for one in answer(bundle, variant, pictures, settings, lambda: None)]
    names = bundle.spec.class_names
    return score_detections(dataset, found, names, resamples=settings.resamples).to_json()


def compare(
    bundle: Bundle, variants: Sequence[Variant], data: Sequence[Path], queries: int
) -> dict[str, Any]:
    """Score and time variants.

    Returns:
        {"environment", "threads", "variants": {name: {"engine", "precision", "accuracy": {data
        set: score}, "p50_ms", "p90_ms", "times_faster": float's p50 of the same engine / its p50}}}
    """
    timed = [variant for variant in variants if variant.engine != "tensorrt"]
    pictures = pictures_of(data[0] if data else None)
    times = bench(bundle, timed, BenchSettings(queries=queries), pictures)
    p50 = {name: row["engine_ms"]["p50"] for name, row in times["variants"].items()}
    rows: dict[str, Any] = {}
    for variant in variants:
        print(f"scoring: {variant.name}", file=sys.stderr)
        rows[variant.name] = {
            "engine": variant.engine,
            "precision": variant.precision,
            "accuracy": {folder.name: score(bundle, variant, folder) for folder in data},
        }
        if variant.name in p50:
            base = p50[f"{variant.engine}-fp32"]
            rows[variant.name] |= {
                "p50_ms": p50[variant.name],
                "p90_ms": times["variants"][variant.name]["engine_ms"]["p90"],
                "times_faster": round(base / p50[variant.name], 3),
            }
    return {key: times[key] for key in ("environment", "threads")} | {"variants": rows}


def print_table(found: dict[str, Any]) -> None:
    """One line a variant; a dash where it was not timed."""
    sets = list(next(iter(found["variants"].values()))["accuracy"])
    table = Table(
        title=f"{found['environment']['cpu']}, {found['threads']} threads",
        caption="mAP with 95 % interval; p50 in ms, engine alone, variants in turns; "
        "x: times faster than float on the same engine",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("variant", no_wrap=True)
    for head in (*sets, "p50", "x"):
        table.add_column(head, justify="right", no_wrap=True)
    for name, row in found["variants"].items():
        cells = [_accuracy(row["accuracy"][one]) for one in sets]
        timed = "p50_ms" in row
        cells += [f"{row['p50_ms']:.1f}", f"{row['times_faster']:.2f}"] if timed else ["-", "-"]
        table.add_row(name, *cells)
    Console(width=80).print(table)


def _accuracy(value: dict[str, Any]) -> str:
    if value["interval"] is None:
        return f"{value['mAP']:.3f}"
    low, high = value["interval"]
    return f"{value['mAP']:.3f} ({low:.2f} to {high:.2f})"
