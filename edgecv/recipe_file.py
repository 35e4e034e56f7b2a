"""Recipes as files: found by name or path, changed by `--set`, every problem told at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from edgecv.errors import RecipeError
from edgecv.recipe import Recipe
from edgecv.recipe_problems import Keys, Problem, report, setting_problems


def packaged_folder(name: str = "recipes") -> Path:
    """Where a folder of this installation is: beside the sources, or in the wheel."""
    inside = Path(__file__).parent / name
    return inside if inside.is_dir() else Path(__file__).parent.parent / name


def names() -> list[str]:
    """Names of the packaged recipes."""
    return sorted(path.stem for path in packaged_folder().glob("*.yaml"))


def find(name: str) -> Path:
    """The file of a recipe: a path, `NAME.yaml` or `recipes/NAME.yaml` here, or a packaged one.

    Raises:
        RecipeError: there is none of that name.
    """
    places = (Path(name), Path(f"{name}.yaml"), Path("recipes") / f"{name}.yaml")
    for path in (*places, packaged_folder() / f"{name}.yaml"):
        if path.is_file():
            return path
    close = difflib.get_close_matches(name, names(), n=1, cutoff=0.5)
    hint = f"; did you mean '{close[0]}'?" if close else "."
    raise RecipeError(
        f"no recipe '{name}'{hint} No such file either. "
        f"There are: {', '.join(names())}. See: edgecv recipes list"
    )


def load(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe, apply `key=value` overrides, and check everything.

    A section that is absent, or null by an override, means that its stage is skipped.

    Args:
        path: a YAML file.
        overrides: e.g. quantize.budget.max_drop=.01; a section that is absent is made.

    Raises:
        RecipeError: every problem found, each with its line and a suggestion.
    """
    node, values = _read(path)
    lines: dict[Keys, int] = {}
    problems: list[Problem] = []
    for keys, value, line in _entries(node):
        if keys in lines:
            problems.append(Problem(keys, f"stands twice, first in line {lines[keys]}", line))
        elif len(keys) == 1 and isinstance(value, yaml.ScalarNode) and value.value == "":
            problems.append(Problem(keys, _empty(keys[0]), line))
        lines.setdefault(keys, line)
    changed = [_apply(values, override) for override in overrides]
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        problems += setting_problems(error, lines, changed)
    told = {problem.keys for problem in problems}
    for keys in changed:
        above = _value_above(values, keys)
        if above and above not in told:
            problems.append(Problem(keys, f"{'.'.join(above)} is a value, no section", 0))
    if problems:
        raise RecipeError(report(path, problems))
    return recipe


def _read(path: Path) -> tuple[Any, dict[str, Any]]:
    try:
        text = path.read_text("utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read ({error})") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise RecipeError(f"{path}{where}: not YAML: {problem}") from error
    except RecursionError as error:
        raise RecipeError(f"{path}: nested too deeply for a recipe") from error
    if not isinstance(values, dict):
        found = {list: "a list", type(None): "nothing"}.get(type(values), f"{values!r:.60}")
        raise RecipeError(
            f"{path}: found {found}, expected sections such as 'load:' and 'quantize:'. "
            "For an example: edgecv recipes show yolo_int8"
        )
    return node, values


def _empty(key: str) -> str:
    return f"has no value; write '{key}: {{}}' for its defaults, or remove the line to skip it"


def _entries(node: Any, above: Keys = ()) -> Iterator[tuple[Keys, Any, int]]:
    """Every key with its value and its line, from 1, in the order of the file."""
    if isinstance(node, yaml.MappingNode) and len(above) < 5:  # an alias may hold itself
        for key, value in node.value:
            keys = (*above, str(key.value))
            yield keys, value, key.start_mark.line + 1
            yield from _entries(value, keys)


def _value_above(values: dict[str, Any], keys: Keys) -> Keys:
    """The first of the keys above a setting that has a value of its own; () when none has."""
    section: Any = values
    for depth, name in enumerate(keys[:-1], 1):
        section = section.get(name)
        if not isinstance(section, dict):
            return keys[:depth]
    return ()


def _apply(values: dict[str, Any], override: str) -> Keys:
    key, equals, text = override.partition("=")
    keys = tuple(part.strip() for part in key.split("."))
    if not equals or not all(keys):
        raise RecipeError(f"--set {override}: expected key=value, e.g. quantize.images=100")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"--set {override}: the value is not YAML") from error
    section: Any = values
    for name in keys[:-1]:
        if section.get(name) is None:
            section[name] = {}
        section = section[name]
        if not isinstance(section, dict):
            return keys  # told as a problem
    section[keys[-1]] = value
    return keys
