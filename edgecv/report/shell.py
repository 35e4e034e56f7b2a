"""What the pages of all reports have in common."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

import edgecv
from edgecv.report import figures, tables

TEMPLATES = Path(__file__).parent / "templates"
STYLE = "style.css"


def fill(template: str, values: Mapping[str, Any], folder: Path = TEMPLATES) -> str:
    """A page as HTML: `template` extends shell.html.j2, each of "contents" is NAME.html.j2.

    Args:
        template: name of a file in `folder`.
        values: for the templates; "contents" is a list of section id and title.
        folder: with templates, and a style.css that adds to that of all reports.
    """
    environment = Environment(
        loader=FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(figures.FILTERS, breakable=tables.breakable)
    styles = [at / STYLE for at in dict.fromkeys((TEMPLATES, folder))]
    # css from this package's own files: nothing of it comes from outside
    style = Markup("\n".join(path.read_text("utf-8") for path in styles))  # noqa: S704
    common = {"style": style, "version": edgecv.__version__}
    return environment.get_template(template).render({**common, **values})
