"""edgecv doctor: what this machine can do."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console
from rich.padding import Padding
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
    console.print(_machine(found))
    console.print(_engines(found["engines"]))
    for name, extra in found["extras"].items():
        if extra["install"]:
            console.print(f"{name} lacks {', '.join(extra['missing'])}: {extra['install']}")
    for one in found["advice"]:
        console.print(f"{one['problem']}:")
        console.print(Padding(one["do"], (0, 0, 0, 4)))


def _machine(found: dict[str, Any]) -> Table:
    table = Table.grid()
    table.add_column(width=10)
    for name, value in _facts(found):
        table.add_row(name, value)
    return table


def _facts(found: dict[str, Any]) -> list[tuple[str, str]]:
    machine, memory = found["machine"], found["memory"]
    gpu = ", ".join(found["gpu"]["names"]) or ("yes" if found["gpu"]["present"] else "none")
    cameras = [f"{one['source']} ({one['name'] or 'no name'})" for one in found["cameras"]]
    swap = [f"{memory['zram_gb']} GB zram"] if memory["zram_gb"] else []
    swap += [f"{memory['swap_gb']} GB swap"] if memory["swap_gb"] else []
    free = f"{memory['available_gb']} of {memory['total_gb']} GB free"
    return [
        *(_jetson(found["jetson"]) if found["jetson"] else []),
        ("CPU", f"{machine['cpu']}, {machine['cores_available']} cores"),
        ("int8", f"{found['int8']['cpu']}. {found['int8']['meaning']}"),
        ("features", " ".join(machine["isa"]) or "no known instructions"),
        ("memory", ", ".join([free, *swap])),
        ("NVIDIA", gpu),
        ("cameras", ", ".join(cameras) or "none"),
        ("system", f"{machine['os']}, Python {machine['python']}"),
    ]


def _jetson(board: dict[str, Any]) -> list[tuple[str, str]]:
    module = f" ({board['module']})" if board["module"] else ""
    mode = board["power_mode"] or "unknown"
    if board["fastest_power_mode"]:
        mode += f", fastest {board['fastest_power_mode']}"
    elements = [name for name, there in (board["gstreamer"] or {}).items() if there]
    nothing = "its tools are missing" if board["gstreamer"] is None else "nothing of NVIDIA's"
    return [
        ("board", board["model"] + module),
        ("JetPack", f"{board['jetpack'] or 'unknown'}, Jetson Linux {board['l4t'] or 'unknown'}"),
        ("power", mode),
        ("TensorRT", board["tensorrt"] or "none"),
        ("DLA", f"{board['dla_cores']} cores" if board["dla_cores"] else "none"),
        ("GStreamer", " ".join(elements) or nothing),
    ]


def _engines(engines: dict[str, Any]) -> Table:
    table = Table(width=80)
    for head in ("engine", "runs", "builds", "note"):
        table.add_column(head, overflow="fold")
    for name, row in engines.items():
        answers = ("yes" if row[key] else "no" for key in ("run", "build"))
        table.add_row(name, *answers, row["note"])
    return table
