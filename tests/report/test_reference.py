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


def test_the_schema_in_the_docs_is_that_of_the_models() -> None:
    assert json.loads((DOCS / "report.schema.json").read_text("utf-8")) == reference.schema(), HOW


def test_the_tables_in_the_docs_are_those_of_the_models() -> None:
    assert (DOCS / "report-schema.md").read_text("utf-8") == reference.markdown(), HOW


def test_every_field_of_every_object_is_in_the_tables() -> None:
    text, whole = reference.markdown(), reference.schema()
    parts: list[dict[str, Any]] = [whole, *whole["$defs"].values()]
    for part in parts:
        for field in part["properties"]:
            assert f"| `{field}` |" in text


def test_a_written_report_is_read_back_as_it_was(report: Report) -> None:
    text = report.model_dump_json(by_alias=True)
    assert Report.model_validate_json(text) == report
    assert set(json.loads(text)) == set(reference.schema()["properties"])


def test_an_unknown_field_is_refused(report: Report) -> None:
    content = {**report.model_dump(by_alias=True), "extra": 1}
    with pytest.raises(ValidationError, match="extra"):
        Report.model_validate(content)


def test_the_generator_writes_both_files(tmp_path: Path) -> None:
    reference.main(str(tmp_path))
    assert (tmp_path / "report.schema.json").read_text("utf-8") == reference.schema_text()
    assert (tmp_path / "report-schema.md").read_text("utf-8") == reference.markdown()
