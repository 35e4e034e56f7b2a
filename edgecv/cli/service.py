"""edgecv service: `edgecv run` as a systemd service that comes back by itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click

from edgecv.bundle import write_atomically
from edgecv.cli import _service_parts as parts
from edgecv.errors import EdgecvError, UsageError
from edgecv.shipping.trust import open_bundle
from edgecv.shipping.unit import MARK, Service, unit_of

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
    "--memory-max", default="75%", show_default=True, help="Started again above it: 2G, or 75%."
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
    """Write the unit that runs BUNDLE with the options of `edgecv run`, among them --source.

    It is shown before it is written. BUNDLE may be a link, as edgecv deploy keeps one: what it
    leads to is decided at each start.
    """
    open_bundle(bundle)
    made = parts.service_of(bundle, run_options, name, user, memory_max)
    text, path = unit_of(made), folder / f"{name}.service"
    click.echo(text, nl=False)
    if only_print:
        return
    if path.exists() and not path.read_text("utf-8").startswith(MARK):
        raise UsageError(f"{path}: not of edgecv. Name this service otherwise with --name")
    _ask(f"Write this to {path}?", yes)
    _write(path, text, made)
    click.echo(
        f"\nWritten to {path}. Start it, now and at every boot:\n"
        f"  sudo systemctl daemon-reload && sudo systemctl enable --now {name}\n"
        f"See what it does:\n  edgecv service status --name {name}\n  journalctl -fu {name}"
    )


def _write(path: Path, text: str, made: Service) -> None:
    try:
        write_atomically(path, text)
        # a unit may be read by all; one that holds a password only by root
        secret = any(re.search(r"://[^/\s]*:[^/\s]*@", word) for word in made.command)
        path.chmod(0o600 if secret else 0o644)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written ({error.strerror}). Call it with sudo, or take --print "
            "and put the unit there yourself"
        ) from error


@command.command()
@NAME
def status(name: str) -> int:
    """Say whether the service runs, since when, and how often it was started again.

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
    """Stop the service and remove its unit; the bundle stays."""
    path = folder / f"{name}.service"
    if not path.is_file():
        raise UsageError(f"{path}: no such unit; nothing to remove")
    if not path.read_text("utf-8").startswith(MARK):
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
    path.unlink()
    click.echo(f"Removed {path}. Tell systemd: sudo systemctl daemon-reload")


def _ask(question: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("nobody here to ask. Add --yes")
    click.confirm(question, abort=True, err=True)
