"""edgecv sweep: variants of a recipe as one job, and the front of those that no other beats."""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path
from typing import get_args

import click

from edgecv import recipe_file
from edgecv.bundle import write_atomically
from edgecv.cli._recipe_options import (
    FOLDER,
    calibration_option,
    data_option,
    recipe_option,
    set_option,
    weights_option,
)
from edgecv.cli._sweep_table import print_front
from edgecv.errors import EdgecvError
from edgecv.progress import say
from edgecv.sweep import page
from edgecv.sweep.cluster import Cluster
from edgecv.sweep.duration import seconds
from edgecv.sweep.folder import PAGE, Ledger, alone, log_of, read_sweep
from edgecv.sweep.grid import expand, parse_grid
from edgecv.sweep.halving import Rivals
from edgecv.sweep.order import Order, begin, recorded
from edgecv.sweep.processes import Pool, Processes
from edgecv.sweep.run import Making, measure
from edgecv.sweep.schema import Sweep


@click.command(name="sweep")
@recipe_option("What all variants have in common.")
@click.option(
    "--grid",
    multiple=True,
    metavar="KEY=V1,V2",
    help="Values of a setting, all combined with all others; more KEY=V1,V2 may follow.",
)
@click.argument("more", nargs=-1, metavar="[KEY=V1,V2]...")
@weights_option("As of edgecv compress.")
@data_option(": what mAP is measured on.")
@calibration_option
@set_option
@click.option("--out", type=FOLDER, metavar="DIR", required=True, help="Folder of the sweep.")
@click.option(
    "--jobs", type=click.IntRange(1), metavar="N", help="Variants at once. Default: 1, or a node."
)
@click.option(
    "--ray",
    "address",
    metavar="ADDRESS",
    help="Run on a Ray cluster that shares DIR, e.g. 10.0.0.1:6379 or auto.",
)
@click.option("--budget", metavar="TIME", help="Begin nothing after this time, e.g. 2h or 90m.")
@click.option(
    "--rivals",
    type=click.Choice(get_args(Rivals)),
    default="network",
    show_default=True,
    help="Which variants may stop each other early: those of one network that learn in other "
    "ways, all, or none.",
)
@click.option("--json", "as_json", is_flag=True, help="Print sweep.json instead of a table.")
def command(
    name: str,
    grid: tuple[str, ...],
    more: tuple[str, ...],
    weights: str | None,
    data: Path | None,
    calibration: Path | None,
    overrides: tuple[str, ...],
    out: Path,
    jobs: int | None,
    address: str | None,
    budget: str | None,
    rivals: Rivals,
    as_json: bool,
) -> None:
    """Compress every variant of a recipe, and show which of them no other beats.

    Stopped at any instant, the same command goes on; another --grid adds its variants. To take
    one of them: edgecv compress --from-sweep DIR.
    """
    until = time.monotonic() + seconds("--budget", budget) if budget else float("inf")
    path = recipe_file.find(name)
    order = Order(path, overrides, weights, data, calibration)
    variants = expand(path, overrides, parse_grid((*grid, *more)))
    former = read_sweep(out)
    begun = begin(order, variants, out, former)
    with alone(out):
        # another call may have gone on meanwhile
        begun = begun if read_sweep(out) == former else begin(order, variants, out, read_sweep(out))
        ledger = Ledger(out, begun)
        ledger.replace(begun)
        _say_start(begun)
        pool: Pool = Processes(jobs or 1)
        if address is not None:
            pool = Cluster(address, out, jobs)
        Making(order, recorded(order, begun), ledger, pool, rivals, until).run()
        measure(order, ledger)
        write_atomically(out / PAGE, page.render(ledger.sweep))
    _end(ledger.sweep, out, as_json)


def _say_start(sweep: Sweep) -> None:
    todo = sum(variant.state in ("waiting", "failed") for variant in sweep.variants)
    say(f"{len(sweep.variants)} variants, {todo} of them to make")


def _end(sweep: Sweep, out: Path, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(sweep.model_dump(mode="json"), indent=1))
    else:
        print_front(sweep)
        click.echo(str(out / PAGE))
    left = sum(variant.state == "waiting" for variant in sweep.variants)
    again = shlex.join(["edgecv", *sys.argv[1:]])
    if left:
        say(f"{left} variants are left, as the time is over. To go on: {again}")
    failed = [variant for variant in sweep.variants if variant.state == "failed"]
    if failed:
        first = failed[0]
        raise EdgecvError(
            f"{len(failed)} of {len(sweep.variants)} variants failed. {first.name}: "
            f"{first.reason} (all of it: {log_of(out, first.name)}). The others are kept; the "
            "same command tries again"
        )
