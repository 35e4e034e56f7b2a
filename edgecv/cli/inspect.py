"""edgecv inspect: what is in a bundle, and whether its files are still those it was made with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from edgecv.bundle import Bundle, Manifest, ModelSpec, sha256_of
from edgecv.errors import BundleError
from edgecv.shipping.built import add_built
from edgecv.shipping.contents import named, strangers
from edgecv.shipping.signature import APART, is_signed, read_signature

WIDTH = 80


@click.command(name="inspect")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def command(bundle: Path, as_json: bool) -> None:
    """Print BUNDLE: its model, variants, stages and files; verify the sha256 of every file."""
    opened = Bundle.open(bundle)
    add_built(opened, sealed=False)
    state = states(opened)
    if as_json:
        content = {"folder": str(bundle), "manifest": opened.manifest.model_dump(mode="json")}
        added = strangers(bundle, opened.manifest.files, APART)
        click.echo(json.dumps({**content, "files": state, "not_in_manifest": added}, indent=1))
    else:
        _print(opened, state)
    _check(bundle, state)


def states(bundle: Bundle) -> dict[str, str]:
    """Name of each file of the manifest to "ok", "changed" or "missing"."""
    return {name: _state(bundle.path(name), record.sha256) for name, record in _files(bundle)}


def _files(bundle: Bundle) -> list[tuple[str, Any]]:
    return sorted(bundle.manifest.files.items())


def _state(path: Path, sha256: str) -> str:
    if not path.is_file():
        return "missing"
    return "ok" if sha256_of(path) == sha256 else "changed"


def _check(folder: Path, state: dict[str, str]) -> None:
    wrong = [f"{name} ({found})" for name, found in state.items() if found != "ok"]
    if wrong:
        raise BundleError(
            f"{folder}: {len(wrong)} of {len(state)} files are not those of the manifest: "
            f"{', '.join(wrong)}. Make it again by the command that its report names"
        )


def _print(bundle: Bundle, state: dict[str, str]) -> None:
    console = Console(width=WIDTH, highlight=False, markup=False)
    manifest = bundle.manifest
    console.print(f"{bundle.folder}", style="bold", soft_wrap=True)
    if is_signed(bundle.folder):
        console.print(
            f"signed by key {read_signature(bundle.folder).key}; see edgecv bundle verify"
        )
    if manifest.spec is not None:
        _print_spec(console, manifest.spec, manifest.recipe)
    if manifest.variants:
        console.print(_variants(manifest))
    if manifest.history:
        console.print(_history(manifest))
    if manifest.files:
        console.print(_file_table(bundle, state))
    added = strangers(bundle.folder, manifest.files, APART)
    if added:
        console.print(
            f"not in the manifest: {named(added)}. Remove it: sign, pack and deploy refuse it",
            soft_wrap=True,
        )


def _print_spec(console: Console, spec: ModelSpec, recipe: str) -> None:
    size = spec.input
    lines = {
        "model": spec.name,
        "task": f"{spec.task}, {len(spec.class_names)} classes",
        "input": f"{size.name} {size.batch or 'N'}x{size.height}x{size.width}x3 uint8 BGR, "
        f"letterbox {size.align}, pad {size.pad_value}",
        "output": f"{spec.output.boxes}, {spec.output.scores}",
        "recipe": recipe,
    }
    for name, value in lines.items():
        if value:
            console.print(f"{name:<8}{value}")


def _table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return table


def _variants(manifest: Manifest) -> Table:
    table = _table("variant", "precision", "file", "needs")
    for v in manifest.variants:
        needs = ", ".join(f"{key} {value}" for key, value in v.requires.items())
        table.add_row(v.name, v.precision, v.file, needs)
    return table


def _history(manifest: Manifest) -> Table:
    table = _table("stage", "seconds", "result", right=("seconds",))
    for record in manifest.history:
        summary = str(record.metrics.get("summary", ""))
        table.add_row(record.stage, f"{record.seconds:.1f}", summary)
    return table


def _file_table(bundle: Bundle, state: dict[str, str]) -> Table:
    table = _table("file", "bytes", "sha256", "state", right=("bytes",))
    for name, record in _files(bundle):
        table.add_row(name, f"{record.size_bytes:,}", record.sha256[:12], state[name])
    return table
