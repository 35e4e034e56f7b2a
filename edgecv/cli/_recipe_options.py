"""Options of the commands that run a recipe: which one, on what, and where to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

FOLDER = click.Path(path_type=Path)

set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a setting."
)
calibration_option = click.option(
    "--calibration",
    type=FOLDER,
    metavar="DIR",
    help="Pictures without ground truth, to measure ranges on. Default: those of --data.",
)


def recipe_option(told: str, *, required: bool = True) -> Callable[[Command], Command]:
    """--recipe, as `name`."""
    return click.option("--recipe", "name", required=required, metavar="NAME|FILE", help=told)


def weights_option(told: str) -> Callable[[Command], Command]:
    """--weights, as text: it may be a URL or a name."""
    return click.option("--weights", metavar="FILE|URL|NAME", help=told)


def data_option(told: str) -> Callable[[Command], Command]:
    """--data: pictures with ground truth, as far as `told` goes on."""
    told = f"Pictures with ground truth (COCO, YOLO, VOC){told}"
    return click.option("--data", type=FOLDER, metavar="DIR", help=told)


def out_option(default: str) -> Callable[[Command], Command]:
    """--out: the folder of what is made."""
    told = f"Folder of the bundle. Default: {default}."
    return click.option("--out", type=FOLDER, metavar="DIR", help=told)
