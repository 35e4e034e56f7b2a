"""What `edgecv compress` prints when it is done, and its plan: eighty columns on stdout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from edgecv.bundle import Bundle, Record
from edgecv.pipeline import Planned
from edgecv.report.collect import collect

WIDTH = 80


def report_of(bundle: Bundle) -> dict[str, Any]:
    """What report.json holds; made now where the recipe has no report."""
    path = bundle.path("report.json")
    if "report.json" in bundle.manifest.files:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return content
    return collect(bundle).model_dump(mode="json", by_alias=True)


def print_result(bundle: Bundle) -> None:
    """What to deploy and why, a line a variant, and where the report is."""
    report = report_of(bundle)
    console = Console(width=WIDTH, highlight=False, markup=False)
    console.print()
    if report["recommended"]:
        console.print(f"Deploy {report['recommended']}", style="bold")
    console.print(report["reason"])
    if report["variants"]:
        console.print(_variants(report["variants"]))
    shown = "report.html" if "report.html" in bundle.manifest.files else ""
    console.print(str(bundle.folder / shown), soft_wrap=True)


def _variants(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("variant", no_wrap=True)
    for head in ("mAP", "loss", "p50 ms", "p90 ms", "file MB"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        accuracy, drop, latency = row["accuracy"] or {}, row["drop"] or {}, row["latency_ms"] or {}
        table.add_row(
            row["name"],
            _number(accuracy.get("mAP"), ".4f"),
            _number(drop.get("mAP"), "+.4f"),
            _number(latency.get("p50"), ".1f"),
            _number(latency.get("p90"), ".1f"),
            _number(row["size_bytes"] / 1e6, ".2f"),
        )
    return table


def _number(value: float | None, form: str) -> str:
    # not measured is not zero; a loss under the digits shown has no sign
    if value is None:
        return "-"
    text = format(value, form)
    return text.lstrip("+-") if not float(text) else text


def print_plan(planned: Planned, recipe: Path, out: Path, as_json: bool) -> None:
    """The stages, what they read, their settings that are not the default, what is reused."""
    content = _plan(planned, recipe, out)
    if as_json:
        click.echo(json.dumps(content, indent=1))
        return
    console = Console(width=WIDTH, highlight=False, markup=False)
    for name in ("recipe", "out", *content["inputs"]):
        value = content["inputs"][name]["from"] if name in content["inputs"] else content[name]
        console.print(f"{name:<12}{value}", soft_wrap=True)
    console.print()
    for stage in content["stages"]:
        console.print(f"{stage['stage']:<12}{'reused' if stage['reused'] else 'to run'}")
        for key, value in stage["settings"].items():
            console.print(f"{'':<14}{key} = {value}", soft_wrap=True)
    console.print()
    console.print("Settings at their default are not listed. Nothing was run.")


def _plan(planned: Planned, recipe: Path, out: Path) -> dict[str, Any]:
    context, digests = planned.inputs.context, planned.inputs.digests
    given = {
        "weights": context.weights,
        "data": context.data,
        "calibration": context.calibration,
    }
    return {
        "recipe": str(recipe),
        "out": str(out),
        "inputs": {
            name: {"from": str(value), "sha256": digests.get(name)}  # type: ignore[call-overload]
            for name, value in given.items()
            if value is not None
        },
        "stages": [
            {
                "stage": step.name,
                "key": step.key,
                "reused": number < planned.reused,
                "settings": changed(step.settings),
            }
            for number, step in enumerate(planned.steps)
        ],
    }


def changed(settings: Record, prefix: str = "") -> dict[str, Any]:
    """Settings that differ from their default, by dotted name."""
    found: dict[str, Any] = {}
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, Record):
            found |= changed(value, f"{prefix}{name}.")
        elif value != field.default:
            found[f"{prefix}{name}"] = list(value) if isinstance(value, tuple) else value
    return found
