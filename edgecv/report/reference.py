"""docs/*-schema.md, generated from the models: `python -m edgecv.report.reference`."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from edgecv.bundle import Record
from edgecv.report.schema import Report
from edgecv.report.training.schema import TrainingReport
from edgecv.sweep.schema import Sweep

INTRODUCTION = """\
# report.json

What `edgecv compress` measured, for programs. Every bundle with a report stage has it, beside
report.html (the same on one page) and report.md. A stage that did not run leaves its part null or
empty; a field may be added without a new `format`, none is renamed or removed without one.
The JSON schema is in [report.schema.json](report.schema.json).
Both files are generated: `python -m edgecv.report.reference docs`.
"""

TRAINING_INTRODUCTION = """\
# training.json

How a network was [trained](training.md), for programs. A bundle whose network was trained in it has
it, beside training.html (the same on one page) and training.md. A field may be added without a new
`format`, none is renamed or removed without one.
The JSON schema is in [training.schema.json](training.schema.json).
Both files are generated: `python -m edgecv.report.reference docs`.
"""

SWEEP_INTRODUCTION = """\
# sweep.json

What `edgecv sweep` made and measured, for programs, and what it goes on from: see
[sweeps](sweep.md). A field may be added without a new `format`, none is renamed or removed without
one. The JSON schema is in [sweep.schema.json](sweep.schema.json).
Both files are generated: `python -m edgecv.report.reference docs`.
"""


class Page(NamedTuple):
    """What is generated for one kind of report.

    Attributes:
        model: of the JSON file.
        introduction: to the page.
        stem: of the files in docs: STEM-schema.md and STEM.schema.json.
    """

    model: type[Record]
    introduction: str
    stem: str


PAGES = (
    Page(Report, INTRODUCTION, "report"),
    Page(TrainingReport, TRAINING_INTRODUCTION, "training"),
    Page(Sweep, SWEEP_INTRODUCTION, "sweep"),
)


def schema(page: Page) -> dict[str, Any]:
    """JSON schema (draft 2020-12) of the report."""
    found = page.model.model_json_schema(mode="serialization", by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_settled(found)}


def schema_text(page: Page) -> str:
    return json.dumps(schema(page), indent=2) + "\n"


def markdown(page: Page) -> str:
    """The fields of each object as tables, the report first."""
    whole = schema(page)
    parts = [page.introduction, _table(page.model.__name__, whole)]
    parts += [_table(name, part) for name, part in sorted(whole["$defs"].items())]
    return "\n".join(parts)


def _settled(part: Any) -> Any:
    # what some versions of pydantic say beside and others leave out, without a change of meaning
    if isinstance(part, list):
        return [_settled(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: _settled(value)
        for key, value in part.items()
        if not (key == "additionalProperties" and value is True)
        and not (key == "enum" and "const" in part)
    }


def _table(name: str, part: dict[str, Any]) -> str:
    lines = [f"## {name}", ""]
    if "description" in part:
        lines += [part["description"], ""]
    lines += ["| field | type | meaning |", "|---|---|---|"]
    for field, value in part["properties"].items():
        meaning = value.get("description", "")
        lines.append(f"| `{field}` | {_type(value)} | {meaning} |")
    return "\n".join([*lines, ""])


def _type(value: dict[str, Any]) -> str:
    if "anyOf" in value:
        return " or ".join(_type(option) for option in value["anyOf"])
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in value:
        return f'"{value["const"]}"'
    if "enum" in value:
        return " or ".join(f'"{option}"' for option in value["enum"])
    if value.get("type") == "array":
        items = value.get("prefixItems") or [value.get("items", {})]
        return f"list of {_type(items[0])}"
    if value.get("type") == "object" and isinstance(value.get("additionalProperties"), dict):
        return f"object of {_type(value['additionalProperties'])}"
    return str(value.get("type", "any"))


def main(folder: str) -> None:
    """Write the files of all pages into a folder."""
    from pathlib import Path

    for page in PAGES:
        Path(folder, f"{page.stem}-schema.md").write_text(markdown(page), "utf-8")
        Path(folder, f"{page.stem}.schema.json").write_text(schema_text(page), "utf-8")


if __name__ == "__main__":
    import sys

    main(sys.argv[1])
