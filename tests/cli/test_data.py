from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from made_data import Box, write_coco

from edgecv.cli.data import command
from edgecv.errors import DataError

CAT: Box = (0, (0, 0, 20, 20))


def run(*words: str) -> Result:
    return CliRunner().invoke(command, ["check", *words], standalone_mode=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_coco(tmp_path, {"a.png": [CAT] * 20}, "train", ["cat"])
    return write_coco(tmp_path, {"b.png": [CAT]}, "val", ["cat"])


def test_a_sound_set_is_told_in_tables_of_80_columns(folder: Path) -> None:
    found = run(str(folder))

    assert found.exception is None
    assert found.return_value == 0
    assert "coco: 2 pictures, 21 boxes, 1 classes" in found.output
    assert "No problems: training takes it as it is." in found.output
    rows = [line for line in found.output.splitlines() if line.startswith(" ")]
    assert max(map(len, rows)) <= 80


def test_problems_end_it_with_1_and_are_all_told(folder: Path) -> None:
    write_coco(folder, {"c.png": [(0, (0, 0, 0, 5))] * 12}, "test", ["cat"])

    found = run(str(folder))

    assert found.return_value == 1
    assert "12 problems:" in found.output
    assert "test: c.png: box 10 has no area" in found.output
    assert "test: and 2 more; --json has all" in found.output


def test_json_has_all(folder: Path) -> None:
    write_coco(folder, {"c.png": [(0, (0, 0, 0, 5))] * 12}, "test", ["cat"])

    found = run(str(folder), "--json", "--input-size", "640")

    told = json.loads(found.stdout)
    assert (found.return_value, told["refused"], told["input_size"]) == (1, 12, 640)
    assert len(told["parts"][2]["problems"]) == 12


def test_one_part_and_a_page(folder: Path) -> None:
    page = folder / "new" / "page.html"

    found = run(str(folder), "--split", "val", "--page", str(page))

    assert found.return_value == 0
    assert "coco: 1 pictures, 1 boxes" in found.output
    assert page.read_text("utf-8").startswith("<!doctype html>")


def test_no_data_set_is_an_error(tmp_path: Path) -> None:
    assert isinstance(run(str(tmp_path)).exception, DataError)


def test_many_classes_are_counted_after_the_first_thirty(tmp_path: Path) -> None:
    names = [f"class {i}" for i in range(40)]
    write_coco(tmp_path, {"a.png": [(i, (0, 0, 9, 9)) for i in range(40)]}, "", names)

    assert "and 10 more; --json has all" in run(str(tmp_path)).output


def test_the_command_exits_with_what_it_found(folder: Path, tmp_path: Path) -> None:
    write_coco(folder, {"c.png": []}, "test", ["cat"])
    for words, status in (([str(folder)], 1), ([str(tmp_path / "none")], 2)):
        told = subprocess.run(
            [sys.executable, "-m", "edgecv", "data", "check", *words],
            capture_output=True,
            text=True,
        )
        assert told.returncode == status
        assert "Traceback" not in told.stderr
