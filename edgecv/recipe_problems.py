"""What is wrong with the settings of a recipe, in words: where, what, what was meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from edgecv.recipe import Recipe

Keys = tuple[str, ...]


class Problem(NamedTuple):
    """One problem: of which key, what it is, and its line; line 0 is the command line."""

    keys: Keys
    message: str
    line: int


def report(path: Path, problems: Sequence[Problem]) -> str:
    """All problems as one message, in the order of the file; those of `--set` come last."""
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    lines = [f"{path}: {count}"]
    for keys, message, line in sorted(problems, key=lambda one: one.line or float("inf")):
        where = f"line {line}" if line else "--set"
        lines.append(f"  {where}: {'.'.join(keys) or 'recipe'}: {message}")
    return "\n".join(lines)


def setting_problems(
    error: ValidationError, lines: Mapping[Keys, int], changed: Sequence[Keys]
) -> list[Problem]:
    """What pydantic refuses, as problems of keys that somebody wrote.

    Args:
        error: of `Recipe.model_validate`.
        lines: keys of the file with their line.
        changed: keys that the command line has set.
    """
    written = {keys[:depth] for keys in (*lines, *changed) for depth in range(len(keys) + 1)}
    found: dict[Keys, list[Any]] = {}
    for item in error.errors():
        keys = tuple(str(part) for part in item["loc"])
        while keys not in written:  # the name of a type, or the position in a list
            keys = keys[:-1]
        found.setdefault(keys, []).append(item)
    problems = []
    for keys, items in found.items():
        line = 0 if keys in changed or keys not in lines else lines[keys]
        problems.append(Problem(keys, _explain(items, keys), line))
    return problems


def _explain(items: list[Any], keys: Keys) -> str:
    first = items[0]
    if first["type"] == "extra_forbidden":
        return f"unknown key{_did_you_mean(keys[-1], _fields_of(keys[:-1]))}"
    if first["type"] == "model_type":
        return f"should be a section, with settings under it or {{}}, got {first['input']!r:.60}"
    # a union has one error for each of its members
    texts = [re.sub(r"^Input should be ", "", str(item["msg"])) for item in items]
    texts = [text[0].lower() + text[1:] for text in dict.fromkeys(texts)]
    expected = " or ".join(texts)
    if len(texts) > 1 or texts[0].lower() != str(first["msg"]).lower():
        expected = f"should be {expected}"
    options = re.findall(r"'([^']+)'", str(first.get("ctx", {}).get("expected", "")))
    return f"{expected}, got {first['input']!r:.60}{_did_you_mean(str(first['input']), options)}"


def _fields_of(keys: Keys) -> Sequence[str]:
    """Names of the settings in a section of the recipe."""
    model: type[BaseModel] = Recipe
    for key in keys:
        annotation = model.model_fields[key].annotation
        options = [annotation, *get_args(annotation)]
        model = next(o for o in options if isinstance(o, type) and issubclass(o, BaseModel))
    return list(model.model_fields)


def _did_you_mean(word: str, options: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, options, n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""
