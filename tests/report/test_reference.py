from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from edgecv.report import reference
from edgecv.report.schema import Report

DOCS = Path(__file__).parents[2] / "docs"
HOW = "run: python -m edgecv.report.reference docs"


PAGES = pytest.mark.parametrize("page", reference.PAGES, ids=lambda page: page.stem)


@PAGES
def test_the_schema_in_the_docs_is_that_of_the_models(page: reference.Page) -> None:
    text = (DOCS / f"{page.stem}.schema.json").read_text("utf-8")
    assert json.loads(text) == reference.schema(page), HOW


@PAGES
def test_the_tables_in_the_docs_are_those_of_the_models(page: reference.Page) -> None:
    text = (DOCS / f"{page.stem}-schema.md").read_text("utf-8")
    assert text == reference.markdown(page), HOW


@PAGES
def test_every_field_of_every_object_is_in_the_tables(page: reference.Page) -> None:
    text, whole = reference.markdown(page), reference.schema(page)
    parts: list[dict[str, Any]] = [whole, *whole["$defs"].values()]
    for part in parts:
        for field in part["properties"]:
            assert f"| `{field}` |" in text


def test_a_written_report_is_read_back_as_it_was(report: Report) -> None:
    text = report.model_dump_json(by_alias=True)
    assert Report.model_validate_json(text) == report
    assert set(json.loads(text)) == set(reference.schema(reference.PAGES[0])["properties"])


def test_an_unknown_field_is_refused(report: Report) -> None:
    content = {**report.model_dump(by_alias=True), "extra": 1}
    with pytest.raises(ValidationError, match="extra"):
        Report.model_validate(content)


@PAGES
def test_the_generator_writes_both_files(tmp_path: Path, page: reference.Page) -> None:
    reference.main(str(tmp_path))
    schema, tables = (tmp_path / f"{page.stem}{end}" for end in (".schema.json", "-schema.md"))
    assert schema.read_text("utf-8") == reference.schema_text(page)
    assert tables.read_text("utf-8") == reference.markdown(page)
