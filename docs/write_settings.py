"""Write the tables of settings in recipes.md from the descriptions in edgecv/recipe.py.

python docs/write_settings.py           bring recipes.md up to date
python docs/write_settings.py --check   fail when it is not
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from edgecv.recipe import Recipe

PAGE = Path(__file__).parent / "recipes.md"
START, END = "<!-- settings: written by write_settings.py -->\n", "<!-- end of settings -->\n"


def tables() -> str:
    """One table a section of the recipe."""
    return "\n".join(
        _table(name, _model_of(field))
        for name, field in Recipe.model_fields.items()
        if _model_of(field)
    )


def updated(page: str) -> str:
    """The page with its tables replaced."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{tables()}\n{END}{after}"


def _table(section: str, model: type[BaseModel]) -> str:
    lines = [f"### {section}", "", (model.__doc__ or "").strip(), ""]
    lines += ["| setting | values | default | |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in _rows(section, model)]
    return "\n".join(lines) + "\n"


def _rows(prefix: str, model: type[BaseModel]) -> Iterator[tuple[str, str, str, str]]:
    for name, field in model.model_fields.items():
        inner = _model_of(field)
        if inner:
            yield from _rows(f"{prefix}.{name}", inner)
        else:
            default = "required" if field.is_required() else f"`{_plain(field.default)}`"
            yield f"`{prefix}.{name}`", _values(field), default, str(field.description)


def _model_of(field: FieldInfo) -> Any:
    options = [field.annotation, *get_args(field.annotation)]
    return next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), None)


def _values(field: FieldInfo) -> str:
    limits = [
        f"{sign} {getattr(rule, name)}"
        for rule in field.metadata
        for name, sign in (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="))
        if getattr(rule, name, None) is not None
    ]
    limits += [f"multiple of {rule.multiple_of}" for rule in field.metadata if _steps(rule)]
    return ", ".join([_type(field.annotation), *limits])


def _steps(rule: Any) -> bool:
    return getattr(rule, "multiple_of", None) is not None


def _type(annotation: Any) -> str:
    """A type in words: choices one by one, lists by what they hold."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{_plain(part)}`" for part in parts)
    if origin is tuple:
        return f"list of {_type(parts[0])}"
    if hasattr(annotation, "__metadata__"):
        return _type(parts[0])
    if parts:
        return " or ".join(_type(part) for part in parts if part is not type(None))
    return {"str": "text", "int": "whole number", "float": "number", "bool": "`true`, `false`"}[
        annotation.__name__
    ]


def _plain(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return str(value)


if __name__ == "__main__":
    text = PAGE.read_text("utf-8")
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(updated(text), "utf-8")
    elif updated(text) != text:
        sys.exit(f"{PAGE}: not what edgecv/recipe.py says. Call: python docs/write_settings.py")
