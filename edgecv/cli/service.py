"""edgecv service: `edgecv run` as a systemd service that comes back by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from edgecv.bundle import write_atomically
from edgecv.cli import _service_parts as parts
from edgecv.cli._service_checks import check_run, notes_on
from edgecv.cli._service_secrets import hidden, keep, masked
from edgecv.errors import EdgecvError, UsageError
from edgecv.shipping.trust import open_bundle
from edgecv.shipping.unit import MARK, unit_of

NAME = click.option(
    "--name", default="edgecv", show_default=True, callback=parts.check_name, help="Of the service."
)
FOLDER = click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default="/etc/systemd/system",
    show_default=True,
    help="Where systemd's units are.",
)
YES = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group(name="service")
def command() -> None:
    """Keep `edgecv run` going with systemd: from boot on, and again after every failure."""


@command.command(context_settings={"ignore_unknown_options": True})
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("run_options", nargs=-1, type=click.UNPROCESSED, metavar="RUN_OPTIONS...")
@NAME
@click.option("--user", help="Who runs it. Default: you.")
@click.option(
    "--memory-max",
    default="75%",
    show_default=True,
    callback=parts.check_memory,
    help="Started again above it: 2G, or 75%.",
)
@FOLDER
@click.option("--print", "only_print", is_flag=True, help="Print the unit, write nothing.")
@YES
def install(
    bundle: Path,
    run_options: tuple[str, ...],
    name: str,
    user: str | None,
    memory_max: str,
    folder: Path,
    only_print: bool,
    yes: bool,
) -> None:
    """Write the unit of a run of BUNDLE.

    RUN_OPTIONS are those of `edgecv run`, among them --source. The unit is shown before it is
    written. BUNDLE may be a link, as edgecv deploy keeps one: what it leads to is decided at each
    start.
    """
    given = parts.parsed(bundle, run_options)
    check_run(open_bundle(bundle, sealed=False), given)
    words, values = hidden(run_options)
    made = parts.service_of(bundle, words, name, user, memory_max)
    text, path = unit_of(made), folder / f"{name}.service"
    click.echo(text, nl=False)
    if values:
        click.echo(f"\n{made.environment}, mode 600:\n{masked(values)}", nl=False, err=True)
    for note in notes_on(given, made.environment):
        click.echo(f"note: {note}", err=True)
    if only_print:
        return
    if path.exists() and not _is_own(path):
        raise UsageError(f"{path}: not of edgecv. Name this service otherwise with --name")
    _ask(f"Write this to {path}?", yes)
    with _told(made.environment):
        keep(made.environment, values)
    with _told(path):
        write_atomically(path, text)
        path.chmod(0o644)
    click.echo(
        f"\nWritten to {path}. Start it, now and at every boot:\n"
        f"  sudo systemctl daemon-reload && sudo systemctl enable --now {name}\n"
        f"See what it does:\n  edgecv service status --name {name}\n  journalctl -fu {name}"
    )


def _is_own(path: Path) -> bool:
    return path.read_bytes().startswith(MARK.encode())


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say which file could not be written, and what to do."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written ({error.strerror}). Call it with sudo, or take --print "
            "and put it there yourself"
        ) from error


@command.command()
@NAME
def status(name: str) -> int:
    """Say whether the service runs and since when.

    And how often it was started again.

    Exit status: 0 it runs; 1 it does not.
    """
    state = parts.state_of(name)
    if state["LoadState"] == "not-found":
        raise UsageError(f"no service {name}. Make it: edgecv service install BUNDLE --source ...")
    memory = state["MemoryCurrent"]
    rows = {
        "service": f"{name}, {state['ActiveState']} ({state['SubState']})",
        "since": state["ActiveEnterTimestamp"],
        "says": state["StatusText"],
        "restarts": state["NRestarts"],
        "memory": f"{int(memory) / 1e6:.0f} MB" if memory.isdigit() else "",
        "last end": "" if state["Result"] == "success" else state["Result"],
    }
    for key, value in rows.items():
        if value:
            click.echo(f"{key:<10}{value}")
    return 0 if state["ActiveState"] == "active" else 1


@command.command()
@NAME
@FOLDER
@YES
def uninstall(name: str, folder: Path, yes: bool) -> None:
    """Stop the service, and remove its unit.

    The secrets that install kept go too; the bundle stays.
    """
    path = folder / f"{name}.service"
    if not path.is_file():
        raise UsageError(f"{path}: no such unit; nothing to remove")
    if not _is_own(path):
        raise UsageError(f"{path}: not of edgecv, so it is not removed")
    _ask(f"Stop {name} and remove {path}?", yes)
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{path}: cannot be removed by you. Call it with sudo")
    if parts.systemd_runs():
        done = subprocess.run(
            ["systemctl", "disable", "--now", name], capture_output=True, text=True
        )
        if done.returncode:
            raise EdgecvError(f"{name}: cannot be stopped: {done.stderr.strip()}. Nothing removed")
    with _told(parts.environment_of(name)):
        keep(parts.environment_of(name), {})
    path.unlink()
    click.echo(f"Removed {path}. Tell systemd: sudo systemctl daemon-reload")


def _ask(question: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("nobody here to ask. Add --yes")
    click.confirm(question, abort=True, err=True)
