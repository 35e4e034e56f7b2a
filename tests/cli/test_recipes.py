from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from edgecv.cli.recipes import command
from edgecv.errors import RecipeError
from edgecv.recipe_file import names, packaged_folder


def output(*arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)
    return result.stdout


def test_list_prints_each_recipe_with_what_it_is_for() -> None:
    lines = output("list").splitlines()
    assert [line.split()[0] for line in lines] == names()
    for line in lines:
        name, purpose = line.split(maxsplit=1)
        first = (packaged_folder() / f"{name}.yaml").read_text("utf-8").splitlines()[0]
        assert first == f"# {purpose}"
        assert len(line) <= 80


def test_show_prints_the_file_as_it_is(tmp_path: Path) -> None:
    path = packaged_folder() / "yolo_int8.yaml"
    assert output("show", "yolo_int8") == path.read_text("utf-8")
    assert output("show", str(path)) == path.read_text("utf-8")


@pytest.mark.parametrize("name", names())
def test_validate_says_ok_for_what_is_packaged(name: str) -> None:
    assert output("validate", name).endswith(f"{name}.yaml: OK\n")


def test_validate_tells_every_problem(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("benhc: {}\nload: 3\n")
    with pytest.raises(RecipeError, match="2 problems") as error:
        output("validate", str(path))
    assert "line 1: benhc: unknown key; did you mean 'bench'?" in str(error.value)
    with pytest.raises(RecipeError, match=r"--set: bench\.rounds"):
        output("validate", "yolo_int8", "--set", "bench.rounds=0")


def test_an_unknown_recipe_is_refused() -> None:
    for verb in ("show", "validate"):
        with pytest.raises(RecipeError, match="did you mean 'yolo_int8'"):
            output(verb, "yolo_int")
