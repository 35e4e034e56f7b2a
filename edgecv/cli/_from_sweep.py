"""`edgecv compress --from-sweep`: a point of a sweep instead of a recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from edgecv.bundle import Bundle
from edgecv.cli._recipe_options import FOLDER
from edgecv.errors import UsageError
from edgecv.progress import say
from edgecv.sweep.choose import choose, open_sweep, take, told
from edgecv.sweep.duration import seconds

Command = TypeVar("Command", bound=Callable[..., Any])

MAX_DROP = 0.01
OF_SWEEP = ("sweep", "max_drop", "p90")
OF_BOTH = ("out", "as_json")


def from_sweep_options(command: Command) -> Command:
    """--from-sweep, --max-drop and --p90, as `sweep`, `max_drop` and `p90`."""
    drop = click.FloatRange(0, 1)
    told = f"With --from-sweep: most mAP to lose. Default: {MAX_DROP}."
    for option in (
        click.option("--p90", metavar="TIME", help="With --from-sweep: most time, e.g. 10ms."),
        click.option("--max-drop", type=drop, metavar="MAP", help=told),
        click.option(
            "--from-sweep",
            "sweep",
            type=FOLDER,
            metavar="DIR",
            help="Take the fastest variant of a sweep that meets --max-drop and --p90.",
        ),
    ):
        command = option(command)
    return command


def refuse_mixed(context: click.Context) -> bool:
    """Whether the options are those of --from-sweep; refuses those that do not go together.

    Raises:
        click.UsageError: naming them.
    """
    asked = {
        name: _option(context, name)
        for name in context.params
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    if "sweep" not in asked:
        alone = [option for name, option in asked.items() if name in OF_SWEEP]
        if alone:
            raise click.UsageError(f"{', '.join(alone)} needs --from-sweep")
        if "name" not in asked:
            raise click.MissingParameter(
                ctx=context, param=_parameter(context, "name"), param_type="option"
            )
        return False
    other = [option for name, option in asked.items() if name not in OF_SWEEP + OF_BOTH]
    if other:
        raise click.UsageError(
            f"{', '.join(other)} with --from-sweep: its variants are made already. Without "
            "--from-sweep a new bundle is made"
        )
    return True


def take_from_sweep(
    folder: Path, max_drop: float | None, p90: str | None, out: Path | None
) -> Bundle:
    """Copy the bundle that fits, and say which and why.

    Raises:
        UsageError: no sweep, or nowhere to put it.
        EdgecvError: no point fits.
    """
    if out is None:
        raise UsageError("--from-sweep needs --out, the folder for the bundle")
    limit = None if p90 is None else 1e3 * seconds("--p90", p90)
    drop = MAX_DROP if max_drop is None else max_drop
    choice = choose(open_sweep(folder), drop, limit)
    bundle = take(folder, choice, out)
    within = "" if limit is None else f" and at most {limit:g} ms"
    say(f"{told(choice)}: the fastest with at most {drop:g} mAP lost{within}")
    return bundle


def _parameter(context: click.Context, name: str) -> click.Parameter:
    return next(one for one in context.command.params if one.name == name)


def _option(context: click.Context, name: str) -> str:
    return _parameter(context, name).opts[0]
