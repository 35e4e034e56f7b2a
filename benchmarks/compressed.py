"""Compressed networks against their teacher: mAP on ground truth, and throughput in turns.

    python benchmarks/compressed.py TEACHER BUNDLE... --data DIR [--split test] [--out FILE]

Bundles of `edgecv compress`; the folders' names are the rows' names. Every file for OpenVINO and
ONNX Runtime is scored on its own engine, then all of them are timed in turns in one run. A speed is
a network's pictures a second through the teacher's float: each on the better of the two engines,
and by engine in the JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from edgecv.bundle import Bundle, Variant
from edgecv.cli._eval_boxes import evaluate
from edgecv.recipe import BenchSettings
from edgecv.stages.bench import bench_in_turns, pictures_of

ENGINES = ("openvino", "onnxruntime")
Row = dict[str, Any]


@click.command(help=__doc__)
@click.argument("bundles", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(path_type=Path), help="With ground truth.")
@click.option("--split", help="Part of the data. Default: the only one, else val.")
@click.option("--queries", default=240, show_default=True, help="Timed calls of each file.")
@click.option("--out", type=click.Path(path_type=Path), help="Write all figures as JSON.")
def main(
    bundles: tuple[Path, ...], data: Path, split: str | None, queries: int, out: Path | None
) -> None:
    opened = [Bundle.open(folder) for folder in bundles]
    pairs = [(one, variant) for one in opened for variant in timed(one)]
    times = bench_in_turns(pairs, BenchSettings(queries=queries), pictures_of(data))
    rows = []
    for (bundle, variant), time in zip(pairs, times["variants"], strict=True):
        print(f"scoring {bundle.folder.name} {variant.name}", file=sys.stderr)
        score = evaluate(bundle, data, split, variant.engine, variant.precision)
        rows.append(row_of(bundle, variant, time, score))
    compare(rows)
    print(table(rows))
    if out is not None:
        told = {key: times[key] for key in ("environment", "threads", "requests")}
        out.write_text(
            json.dumps(told | {"data": data.name, "rows": rows}, indent=1) + "\n", "utf-8"
        )


def timed(bundle: Bundle) -> list[Variant]:
    return [one for one in bundle.manifest.variants if one.engine in ENGINES]


def row_of(bundle: Bundle, variant: Variant, time: Row, score: Row) -> Row:
    exported = bundle.metrics("export")
    return {
        "network": bundle.folder.name,
        "engine": variant.engine,
        "precision": variant.precision,
        "macs": exported["macs"],
        "parameters": exported["parameters"],
        "size_bytes": bundle.path(variant.file).stat().st_size,
        "mAP": score["mAP"],
        "interval": score["interval"],
        "fps": time["throughput_fps"],
        "p90_ms": time["engine_ms"]["p90"],
    }


def compare(rows: list[Row]) -> None:
    """Add to each row its part of the teacher's mAP, and its speed against the teacher's float."""
    teacher = [row for row in rows if row["network"] == rows[0]["network"]]
    floats = {row["engine"]: row for row in teacher if row["precision"] == "fp32"}
    best = max(row["fps"] for row in floats.values())
    for row in rows:
        reference = floats[row["engine"]]
        row["of_mAP"] = row["mAP"] / reference["mAP"]
        row["faster_same_engine"] = row["fps"] / reference["fps"]
        row["faster"] = row["fps"] / best


def table(rows: list[Row]) -> str:
    """Markdown, a row for each network and precision on its quicker engine."""
    lines = [
        "| network | M MACs | file, engine | mAP | of the teacher's | pictures a second | times |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys((row["network"], row["precision"]) for row in rows):
        same = [row for row in rows if (row["network"], row["precision"]) == name]
        row = max(same, key=lambda one: one["fps"])
        low, high = row["interval"]
        cells = (
            f"{row['network']}",
            f"{row['macs'] / 1e6:.0f}",
            f"{row['precision']}, {row['engine']}",
            f"{row['mAP']:.3f} ({low:.3f} to {high:.3f})",
            f"{row['of_mAP']:.1%}",
            f"{row['fps']:.0f}",
            f"{row['faster']:.2f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
