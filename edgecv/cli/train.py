"""edgecv train: from a recipe and pictures with ground truth to a trained network."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from edgecv import recipe_file
from edgecv.bundle import Bundle
from edgecv.cli._recipe_options import (
    data_option,
    out_option,
    recipe_option,
    set_option,
    weights_option,
)
from edgecv.errors import RecipeError
from edgecv.inputs import stem_of
from edgecv.pipeline import compress
from edgecv.recipe import LoadSettings, Recipe, ReportSettings
from edgecv.report.training import PAGE
from edgecv.stages import STAGES, Context
from edgecv.stages.load import WEIGHTS
from edgecv.stages.train import follow

RUN = ("load", "train", "report")


@click.command(name="train")
@recipe_option("One that trains.")
@data_option(", in splits train and val or in one.")
@weights_option(
    "Checkpoint to start from, of any classes. Default: none, the network starts from scratch."
)
@out_option("runs/train-NETWORK-DATA")
@set_option
@click.option("--fresh", is_flag=True, help="Begin again; what is in the folder is replaced.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    name: str,
    data: Path | None,
    weights: str | None,
    out: Path | None,
    overrides: tuple[str, ...],
    fresh: bool,
    as_json: bool,
) -> None:
    """Train or fine-tune a detector; the stages load, train and report of a recipe are run.

    Stopped at any instant, the same command goes on after the last checkpoint. To compress what
    it made: edgecv compress --weights OUT/weights.safetensors. With several GPUs or processes:
    torchrun --nproc-per-node N -m edgecv train ...
    """
    from edgecv.training.processes import from_first, joined

    path = recipe_file.find(name)
    recipe = _training_alone(recipe_file.load(path, overrides), path)
    out = out or _default_folder(recipe, weights, data)
    with joined() as here:
        if here.rank:
            follow()
            return
        try:
            context = Context(weights, data, command=("edgecv", *sys.argv[1:]))
            bundle = compress(recipe, path.stem, context, out, fresh=fresh, keep=True)
        finally:
            from_first(None)
    _print(bundle, as_json)


def _training_alone(recipe: Recipe, path: Path) -> Recipe:
    if recipe.train is None:
        raise RecipeError(
            f"{path}: has no section 'train'. Take one that has, e.g. --recipe transfer_int8, or "
            "add one with its defaults: --set train.epochs=100"
        )
    run = {"load": recipe.load or LoadSettings(), "report": recipe.report or ReportSettings()}
    others = {stage: None for stage in STAGES if stage not in RUN}
    return recipe.model_copy(update={**others, **run})


def _default_folder(recipe: Recipe, weights: str | None, data: Path | None) -> Path:
    named = weights or (recipe.load and recipe.load.weights)
    network = stem_of(named) if named else getattr(recipe.train, "variant", "")
    return Path("runs") / "-".join(["train", network, *([data.name] if data else [])])


def _print(bundle: Bundle, as_json: bool) -> None:
    found = bundle.metrics("train")
    weights, page = (str(bundle.folder / name) for name in (WEIGHTS, PAGE))
    if as_json:
        shown = {name: value for name, value in found.items() if name != "summary"}
        click.echo(json.dumps({**shown, "weights": weights, "report": page}, indent=1))
        return
    click.echo("\n".join((found["summary"], weights, page)))
