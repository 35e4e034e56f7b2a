from __future__ import annotations

from pathlib import Path

import pytest

from edgecv.errors import RecipeError
from edgecv.recipe_file import find, load, names, packaged_folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path, text: str) -> Path:
    path = folder / "own.yaml"
    path.write_text(text, "utf-8")
    return path


def problems(path: Path, *overrides: str) -> list[str]:
    with pytest.raises(RecipeError) as error:
        load(path, overrides)
    return str(error.value).splitlines()


def test_every_packaged_recipe_loads_and_says_first_what_it_is_for() -> None:
    assert "yolo_int8" in names()
    for name in names():
        path = packaged_folder() / f"{name}.yaml"
        assert load(path).load is not None
        assert path.read_text("utf-8").startswith("# ")


def test_a_recipe_is_found_by_name_and_a_local_file_wins(here: Path) -> None:
    assert find("yolo_int8") == packaged_folder() / "yolo_int8.yaml"
    (here / "recipes").mkdir()
    (here / "recipes" / "yolo_int8.yaml").touch()
    assert find("yolo_int8") == Path("recipes/yolo_int8.yaml")
    (here / "yolo_int8.yaml").touch()
    assert find("yolo_int8") == Path("yolo_int8.yaml")
    assert find(str(here / "yolo_int8.yaml")) == here / "yolo_int8.yaml"


@pytest.mark.usefixtures("here")
def test_an_unknown_recipe_is_refused_with_a_suggestion() -> None:
    with pytest.raises(RecipeError, match=r"no recipe 'yolo_in8'; did you mean 'yolo_int8'\?"):
        find("yolo_in8")
    with pytest.raises(RecipeError, match=r"There are: .*yolo_int8.*edgecv recipes list"):
        find("segmentation.yaml")


def test_all_problems_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "load:\n  head: yolx\nquantise: {}\nquantize:\n  obserever: mse\n  images: 2\n"
        "  budget: 5\nbuild:\n  targets: [openvinoo, onnxruntime]\nexport:\n  batch: few\n",
    )
    assert problems(path, "bench.queris=1", "report.photos=-1") == [
        f"{path}: 9 problems",
        "  line 2: load.head: should be 'auto', 'yolox', 'yolov8' or 'yolov5', got 'yolx'; "
        "did you mean 'yolox'?",
        "  line 3: quantise: unknown key; did you mean 'quantize'?",
        "  line 5: quantize.obserever: unknown key; did you mean 'observer'?",
        "  line 6: quantize.images: should be greater than or equal to 8, got 2",
        "  line 7: quantize.budget: should be a section, with settings under it or {}, got 5",
        "  line 9: build.targets: should be 'openvino', 'onnxruntime' or 'tensorrt', "
        "got 'openvinoo'; did you mean 'openvino'?",
        "  line 11: export.batch: should be a valid integer, unable to parse string as an integer "
        "or 'dynamic', got 'few'",
        "  --set: bench.queris: unknown key; did you mean 'queries'?",
        "  --set: report.photos: should be greater than or equal to 0, got -1",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "found nothing, expected sections"),
        ("# only a comment\n", "found nothing, expected sections"),
        ("- load\n", "found a list, expected sections"),
        ("load\n", "found 'load', expected sections"),
        ("load: [\n", ":2: not YAML"),
        ("load: {}\n  x: 1\n", ":2: not YAML"),
        ("load: !!python/name:os.system\n", ":1: not YAML: could not determine a constructor"),
        ("a: 1\n---\nb: 1\n", ":2: not YAML: but found another document"),
        ("load: {}\nload: {}\n", "line 2: load: stands twice, first in line 1"),
        ("bench: {rounds: 1, rounds: 1}\n", "bench.rounds: stands twice"),
        ("load: {}\nbench:\n", "line 2: bench: has no value; write 'bench: {}'"),
        ("1: {}\n", "line 1: 1: keys should be strings"),
        ("load: [1]\n", "line 1: load: should be a section"),
        ("a: &a {b: *a}\n", "line 1: a: unknown key"),
        ("[" * 500, "nested too deeply"),
    ],
    ids=lambda text: repr(text[:30]),
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path, text: str, told: str) -> None:
    assert told in "\n".join(problems(written(tmp_path, text)))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_bytes(b"\xff\xfe\xff")
    assert "cannot be read" in problems(path)[0]
    assert "cannot be read" in problems(tmp_path / "absent.yaml")[0]


def test_overrides_change_add_and_drop_sections(tmp_path: Path) -> None:
    path = written(tmp_path, "load: {}\nbench: {rounds: 3}\n")
    recipe = load(
        path, ["bench.rounds=4", "quantize.budget.max_drop=.01", "load=null", "report={}"]
    )
    assert recipe.bench is not None
    assert (recipe.bench.rounds, recipe.bench.queries) == (4, 120)
    assert recipe.quantize is not None
    assert recipe.quantize.budget.max_drop == 0.01
    assert recipe.load is None
    assert recipe.report is not None


@pytest.mark.parametrize("override", ["", "load", "=1", "load.=1", ".x=1"])
def test_an_override_without_key_or_value_is_refused(tmp_path: Path, override: str) -> None:
    found = problems(written(tmp_path, "load: {}\n"), override)
    assert found == [f"--set {override}: expected key=value, e.g. quantize.images=100"]


def test_an_override_whose_value_is_not_yaml_is_refused(tmp_path: Path) -> None:
    assert problems(written(tmp_path, "load: {}\n"), "load.classes=[a") == [
        "--set load.classes=[a: the value is not YAML"
    ]


def test_a_wrong_override_is_told_as_one_where_the_file_was_right(tmp_path: Path) -> None:
    path = written(tmp_path, "bench: {rounds: 1}\nbuild: 5\n")
    assert problems(path, "bench.rounds=0", "build.targets=[openvino]", "zork.a.b=1") == [
        f"{path}: 3 problems",
        "  line 2: build: should be a section, with settings under it or {}, got 5",
        "  --set: bench.rounds: should be greater than 0, got 0",
        "  --set: zork: unknown key",
    ]


def test_an_override_below_a_value_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "bench: {rounds: 1}\n")
    assert problems(path, "bench.rounds.x=1") == [
        f"{path}: 1 problem",
        "  --set: bench.rounds.x: bench.rounds is a value, no section",
    ]
