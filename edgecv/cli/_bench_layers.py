"""edgecv bench --layers: where each engine of a bundle spends the time of a call."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edgecv.bundle import Bundle, Variant
from edgecv.engines._layers import PROFILERS
from edgecv.metrics.layers import LayerTable, layers_file, measure_layers
from edgecv.progress import bar, say
from edgecv.shipping.signature import is_signed

SHOWN = 20


def bench_layers(
    bundle: Bundle, variants: Sequence[Variant], asked: Sequence[str], as_json: bool
) -> None:
    """Time the layers of variants, keep what was found in the bundle, and print it.

    Args:
        bundle: opened; one that is signed stays as it is.
        variants: to time.
        asked: engines or variants that were named; of the others those that tell no times of layers
            are left out.
        as_json: print all layers, by variant, instead of the slowest.

    Raises:
        UsageError: an engine that was named tells no times of single layers.
        BundleError, EngineError: as `measure_layers`.
    """
    timed = [v for v in variants if v.engine in PROFILERS or {v.engine, v.name} & {*asked}]
    found: list[LayerTable] = []
    with bar("timing layers", len(timed)) as advance:
        for variant in timed:
            found.append(measure_layers(bundle, variant))
            advance()
    if is_signed(bundle.folder):
        say(f"{bundle.folder} is signed, so the times are not kept in it; --json prints all")
    else:
        _keep(bundle, found)
    if as_json:
        tables = {table.variant: table.model_dump(mode="json") for table in found}
        click.echo(json.dumps(tables, indent=1))
        return
    for table in found:
        _print(table)


def _keep(bundle: Bundle, tables: Sequence[LayerTable]) -> None:
    for table in tables:
        bundle.write_json(layers_file(table.variant), table.model_dump(mode="json"))
    bundle.save(written={layers_file(table.variant) for table in tables})


def _print(found: LayerTable) -> None:
    slowest = sorted(found.layers, key=lambda layer: -layer.ms)
    table = Table(
        title=f"{found.variant} on {found.cpu}, {found.cores} threads, milliseconds",
        caption=f"the slowest {min(SHOWN, len(slowest))} of {len(slowest)} layers; all together "
        f"{found.layers_ms:.2f}, a call untimed inside {found.whole_ms:.2f}",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("layer", overflow="fold")
    table.add_column("kind", overflow="fold")
    table.add_column("ms", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    for layer in slowest[:SHOWN]:
        share = layer.ms / found.layers_ms
        name = layer.nodes[0] if layer.nodes else layer.name
        table.add_row(escape(name), layer.kind, f"{layer.ms:.3f}", f"{share:.1%}")
    Console(width=80).print(table)
