"""edgecv compress: from a recipe, weights and pictures to a bundle with engines and a report."""

from __future__ import annotations

import difflib
import json
import sys
from pathlib import Path
from typing import get_args

import click

from edgecv import recipe_file
from edgecv.bundle import Bundle
from edgecv.cli import _summary
from edgecv.cli._from_sweep import from_sweep_options, refuse_mixed, take_from_sweep
from edgecv.cli._recipe_options import (
    calibration_option,
    data_option,
    out_option,
    recipe_option,
    set_option,
    weights_option,
)
from edgecv.errors import UsageError
from edgecv.inputs import stem_of, weights_of
from edgecv.pipeline import check_budget, compress, plan
from edgecv.recipe import Target
from edgecv.stages import Context


@click.command(name="compress")
@recipe_option("Which stages, and how.", required=False)
@weights_option(
    "Checkpoint (.pth, .pt, .safetensors), ONNX file, URL, or a known download: yolox_nano."
)
@data_option(": what the accuracy budget is measured on.")
@calibration_option
@click.option("--target", metavar="A,B", help="Engines to build: openvino,onnxruntime,tensorrt.")
@out_option("runs/RECIPE-WEIGHTS")
@set_option
@click.option("--dry-run", is_flag=True, help="Print the plan and what would be reused.")
@click.option("--fresh", is_flag=True, help="Reuse nothing of former runs.")
@click.option("--json", "as_json", is_flag=True, help="Print report.json, or the plan, as JSON.")
@from_sweep_options
def command(
    name: str | None,
    weights: str | None,
    data: Path | None,
    calibration: Path | None,
    target: str | None,
    out: Path | None,
    overrides: tuple[str, ...],
    dry_run: bool,
    fresh: bool,
    as_json: bool,
    sweep: Path | None,
    max_drop: float | None,
    p90: str | None,
) -> None:
    """Compress a detector: float ONNX, INT8 engines, and a report that shows what they lose.

    Stages that are done already are reused; stopped at any instant, the same command goes on.
    Exit status 3: all is written, but INT8 loses more than the recipe's accuracy budget.
    """
    if refuse_mixed(click.get_current_context()) and sweep is not None:
        _print(take_from_sweep(sweep, max_drop, p90, out), as_json)
        return
    path = recipe_file.find(str(name))
    chosen = () if target is None else (f"build.targets=[{','.join(_targets(target))}]",)
    recipe = recipe_file.load(path, (*overrides, *chosen))
    context = Context(weights, data, calibration, command=("edgecv", *sys.argv[1:]))
    if out is None:
        out = Path("runs") / f"{path.stem}-{stem_of(weights_of(recipe, context))}"
    if dry_run:
        _summary.print_plan(plan(recipe, context, out, fresh=fresh), path, out, as_json)
        return
    bundle = compress(recipe, path.stem, context, out, fresh=fresh)
    _print(bundle, as_json)
    check_budget(bundle)


def _print(bundle: Bundle, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_summary.report_of(bundle), indent=1))
    else:
        _summary.print_result(bundle)


def _targets(text: str) -> list[str]:
    known = get_args(Target)
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in known:
            close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
            hint = f"; did you mean '{close[0]}'?" if close else ""
            there = ", ".join(known)
            raise UsageError(f"--target {text}: no target '{word}'{hint}; there are {there}")
    return words
