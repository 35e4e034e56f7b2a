"""edgecv bench: latency, throughput and memory of a bundle's engines on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from edgecv.bundle import Bundle, Variant
from edgecv.cli._bench_layers import bench_layers
from edgecv.errors import BundleError, UsageError
from edgecv.metrics.speeds import keep_speeds
from edgecv.progress import say
from edgecv.recipe import BenchSettings
from edgecv.shipping.trust import open_bundle
from edgecv.stages.bench import bench, pictures_of, timed_variants

DEFAULTS = BenchSettings()


@click.command(name="bench")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--engine",
    "engines",
    multiple=True,
    metavar="ENGINE|VARIANT",
    help="Only this one; may be repeated. Without it all that run here.",
)
@click.option("--data", type=click.Path(path_type=Path), help="Pictures; without it noise.")
@click.option("--queries", type=click.IntRange(1), default=DEFAULTS.queries, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=DEFAULTS.rounds, show_default=True)
@click.option("--requests", type=click.IntRange(1), default=DEFAULTS.requests, show_default=True)
@click.option(
    "--layers", is_flag=True, help="Time every layer instead, and keep the times in BUNDLE."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(
    bundle: Path,
    engines: tuple[str, ...],
    data: Path | None,
    queries: int,
    rounds: int,
    requests: int,
    layers: bool,
    as_json: bool,
) -> None:
    """Time the engines of BUNDLE in turns: engine alone, and from picture to boxes (e2e).

    The same user's `edgecv run --fps` then knows which engine is quicker here.
    """
    opened = open_bundle(bundle)
    variants, skipped = _wanted(opened, engines)
    if layers:
        bench_layers(opened, variants, engines, as_json)
        return
    settings = BenchSettings(queries=queries, rounds=rounds, requests=requests)
    # what was named has to open
    unopened: dict[str, str] | None = None if engines else {}
    found = bench(opened, variants, settings, pictures_of(data), unopened)
    skipped |= unopened or {}
    if not found["variants"]:
        raise _nothing(skipped)
    found["skipped"] = skipped
    keep_speeds(opened, found)
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    _print(found)
    for name, reason in skipped.items():
        say(f"{name} is not timed: {reason}")


def _wanted(bundle: Bundle, engines: tuple[str, ...]) -> tuple[list[Variant], dict[str, str]]:
    timed, skipped = timed_variants(bundle)
    for engine in engines:
        bundle.variant(engine)  # refuses what the bundle does not have
        reasons = {name: why for name, why in skipped.items() if _is(name, engine)}
        if not any(_is(variant.name, engine) for variant in timed):
            raise _nothing(reasons)
    if engines:
        timed = [one for one in timed if any(_is(one.name, engine) for engine in engines)]
        skipped = {
            name: why
            for name, why in skipped.items()
            if any(_is(name, engine) for engine in engines)
        }
    if not timed and not skipped:
        raise BundleError(
            f"{bundle.folder}: no engine in this bundle yet. "
            f"Build one: edgecv build {bundle.folder} --engine openvino"
        )
    if not timed:
        raise _nothing(skipped)
    return timed, skipped


def _is(variant: str, asked: str) -> bool:
    """Whether a variant is what was asked for, by its own name or by its engine's."""
    return asked in (variant, variant.rpartition("-")[0])


def _nothing(skipped: dict[str, str]) -> UsageError:
    reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped.items())
    return UsageError(f"nothing to time here. {reasons}")


def _print(found: dict[str, Any]) -> None:
    machine = found["environment"]
    table = Table(
        title=f"{machine['cpu']}, {found['threads']} threads, milliseconds",
        caption="one call at a time, variants in turns; e2e: from picture to boxes; "
        f"fps: with {found['requests']} calls in flight",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    heads = ("p50", "p90", "p99", "max", "e2e p50", "e2e p90", "fps", "RSS MB")
    table.add_column("variant", no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right")
    for name, row in found["variants"].items():
        alone, whole = row["engine_ms"], row["end_to_end_ms"]
        times = [alone["p50"], alone["p90"], alone["p99"], alone["max"], whole["p50"], whole["p90"]]
        rest = [row["throughput_fps"], row["peak_rss_mb"]]
        cells = [f"{value:.1f}" for value in times] + [f"{value:.0f}" for value in rest]
        table.add_row(name, *cells)
    console = Console(width=80, highlight=False)
    console.print(table)
    for line in _device(found):
        console.print(line, markup=False)


def _device(found: dict[str, Any]) -> Iterator[str]:
    """What the machine told of itself meanwhile."""
    device = found["device"]
    for name, row in found["variants"].items():
        if row["power_w"] is not None:
            yield f"{name}: {row['power_w']:.1f} W, {row['mj_per_frame']:.1f} mJ a frame"
    if device["power_of"] is not None:
        yield f"power: of {device['power_of']}, with calls in flight"
    if device["temperature_c"] is not None:
        yield f"hottest: {device['temperature_of']}, {device['temperature_c']:.0f} C"
    if device["throttled_by"]:
        causes = ", ".join(device["throttled_by"])
        yield f"held back for {device['throttled_s']:.0f} s by {causes}: cooler it is faster"
