"""edgecv doctor: what this machine can do."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from edgecv.doctor import examine


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def command(as_json: bool) -> None:
    """Say what this machine can run, build and detect, and what to install for the rest."""
    found = examine()
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    console = Console(width=80, highlight=False, markup=False)
    for name, value in _machine(found):
        console.print(f"{name:<10}{value}")
    console.print(_engines(found["engines"]))
    for name, extra in found["extras"].items():
        if extra["missing"]:
            console.print(f"{name} lacks {', '.join(extra['missing'])}: {extra['install']}")


def _machine(found: dict[str, Any]) -> list[tuple[str, str]]:
    machine = found["machine"]
    gpu = ", ".join(found["gpu"]["names"]) or ("yes" if found["gpu"]["present"] else "none")
    rows = [
        ("CPU", f"{machine['cpu']}, {machine['cores_available']} cores"),
        ("int8", f"{found['int8']['cpu']}. {found['int8']['meaning']}"),
        ("with", " ".join(machine["isa"]) or "no known instructions"),
        ("memory", f"{machine['memory_gb']} GB"),
        ("NVIDIA", gpu),
        ("cameras", " ".join(found["cameras"]) or "none"),
        ("system", f"{machine['os']}, Python {machine['python']}"),
    ]
    return [("board", machine["board"]), *rows] if machine["board"] else rows


def _engines(engines: dict[str, Any]) -> Table:
    table = Table(width=80)
    for head in ("engine", "runs", "builds", "note"):
        table.add_column(head, overflow="fold")
    for name, row in engines.items():
        answers = ("yes" if row[key] else "no" for key in ("run", "build"))
        table.add_row(name, *answers, row["note"])
    return table
