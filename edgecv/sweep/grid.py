"""The grid of a sweep: settings with several values each, checked as those of `--set` are."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from edgecv import recipe_file
from edgecv.errors import RecipeError, UsageError
from edgecv.recipe import Recipe

# as dotted name and text, in the order in which they were asked for
Settings = dict[str, str]

# sections for all variants alike, run when nothing else runs
MEASURING = ("bench", "report")

MOST = 1000  # a grid of more is a slip: days of work


class Variant(NamedTuple):
    """One recipe of a sweep.

    Attributes:
        settings: what the grid sets.
        recipe: with them.
        name: of its folder; the same recipe has always the same end, whatever grid it is of.
    """

    settings: Settings
    recipe: Recipe
    name: str

    @property
    def identity(self) -> str:
        return self.name.rpartition("-")[2]


def parse_grid(texts: Sequence[str]) -> dict[str, list[str]]:
    """Values by setting, e.g. of "distill.width=0.25,0.5"; brackets and quotes hold commas.

    Raises:
        UsageError: not key=v1,v2, a key or value that is there twice, or one of how it is measured.
    """
    grid: dict[str, list[str]] = {}
    for text in texts:
        key, equals, values = (part.strip() for part in text.partition("="))
        if not equals or not key:
            raise UsageError(f"--grid {text}: expected key=v1,v2, e.g. distill.width=0.25,0.5")
        if key.partition(".")[0] in MEASURING:
            raise UsageError(f"--grid {text}: variants are measured alike; say it once by --set")
        if key in grid:
            raise UsageError(f"--grid {text}: {key} is there twice; give its values together")
        grid[key] = _values(values, text)
    return grid


def expand(path: Path, overrides: Sequence[str], grid: dict[str, list[str]]) -> dict[str, Variant]:
    """Every combination by its identity; those that come to the same recipe are one.

    Args:
        path: of the recipe.
        overrides: of `--set`, for all.
        grid: as `parse_grid` gives it; empty: the recipe alone.

    Raises:
        RecipeError: every problem of the first combination that is wrong.
        UsageError: too many.
    """
    count = math.prod(map(len, grid.values()))
    if count > MOST:
        sizes = " x ".join(str(len(values)) for values in grid.values())
        raise UsageError(f"--grid: {sizes} = {count} variants, at most {MOST}. Narrow it")
    found: dict[str, Variant] = {}
    for values in itertools.product(*grid.values()):
        settings = dict(zip(grid, values, strict=True))
        variant = _variant(settings, _load(path, overrides, settings))
        found.setdefault(variant.identity, variant)
    return found


def written(settings: Settings) -> list[str]:
    """As `--set` takes them."""
    return [f"{key}={value}" for key, value in settings.items()]


def _values(text: str, option: str) -> list[str]:
    listed = f"[{text}]"
    try:
        node: Any = yaml.compose(listed, Loader=yaml.SafeLoader)
        values = [json.dumps(value, default=str) for value in yaml.safe_load(listed)]
    except yaml.YAMLError as error:
        raise UsageError(f"--grid {option}: the values are not YAML: v1,v2 or [a,b],[c]") from error
    twice = [one for one in dict.fromkeys(values) if values.count(one) > 1]
    if twice:
        raise UsageError(f"--grid {option}: {twice[0]} is there twice")
    if not values:
        raise UsageError(f"--grid {option}: no value; expected key=v1,v2")
    return [listed[item.start_mark.index : item.end_mark.index].strip() for item in node.value]


def _load(path: Path, overrides: Sequence[str], settings: Settings) -> Recipe:
    try:
        return recipe_file.load(path, [*overrides, *written(settings)])
    except RecipeError as error:
        message = str(error)
        for key in settings:
            message = message.replace(f"--set: {key}:", f"--grid: {key}:")
        raise RecipeError(message) from error


def _variant(settings: Settings, recipe: Recipe) -> Variant:
    decides = recipe.model_dump(mode="json", exclude={*MEASURING})
    digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:8]
    return Variant(settings, recipe, f"{_slug(settings)}-{digest}")


def _slug(settings: Settings) -> str:
    words = "-".join(f"{key.rpartition('.')[2]}-{value}" for key, value in settings.items())
    return re.sub(r"[^\w.+-]+", "_", words)[:60].strip("-_.") or "recipe"


def labels(all_settings: Sequence[Settings]) -> Iterator[str]:
    """Each variant's settings in short: keys without their section where that is clear."""
    keys = {key for settings in all_settings for key in settings}
    last = [key.rpartition(".")[2] for key in keys]
    short = {key: end for key in keys if last.count(end := key.rpartition(".")[2]) == 1}
    for settings in all_settings:
        words = [f"{short.get(key, key)}={value}" for key, value in settings.items()]
        yield " ".join(words) or "as the recipe"
