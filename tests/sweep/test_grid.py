from __future__ import annotations

from pathlib import Path

import pytest

from edgecv.errors import RecipeError, UsageError
from edgecv.recipe_file import find
from edgecv.sweep.grid import Variant, expand, labels, parse_grid, written

STUDENT = find("mobilenet_student_int8")


def variants(*grid: str, path: Path = STUDENT, overrides: tuple[str, ...] = ()) -> list[Variant]:
    return [*expand(path, overrides, parse_grid(grid)).values()]


def test_values_are_split_at_commas_outside_brackets_and_quotes() -> None:
    texts = (
        "distill.width=0.25, 0.5",
        "build.targets=[openvino],[openvino, tensorrt]",
        "a.b='x,y'",
    )
    assert parse_grid(texts) == {
        "distill.width": ["0.25", "0.5"],
        "build.targets": ["[openvino]", "[openvino, tensorrt]"],
        "a.b": ["'x,y'"],
    }


@pytest.mark.parametrize(
    ("grid", "told"),
    [
        (("distill.width",), "expected key=v1,v2"),
        (("=1,2",), "expected key=v1,v2"),
        (("distill.width=",), "no value"),
        (("bench.queries=1,2",), "measured alike"),
        (("distill.width=[1,2",), "not YAML"),
        (("distill.width=1,2,1",), "1 is there twice"),
        (("distill.width=1", "distill.width=2"), "distill.width is there twice"),
    ],
)
def test_what_is_no_grid_is_refused(grid: tuple[str, ...], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse_grid(grid)


def test_every_value_meets_every_other() -> None:
    found = variants("distill.width=0.25,0.5", "distill.activation=relu,silu,hardswish")
    seen = [(one.recipe.distill.width, one.recipe.distill.activation) for one in found]  # type: ignore[union-attr]
    assert seen == [
        (width, name) for width in (0.25, 0.5) for name in ("relu", "silu", "hardswish")
    ]
    assert len({one.name for one in found}) == 6


def test_without_a_grid_there_is_the_recipe_alone() -> None:
    (found,) = variants()
    assert found.settings == {}
    assert found.name.startswith("recipe-")


def test_the_same_recipe_is_the_same_variant_whatever_grid_asks_for_it() -> None:
    (short,) = variants("distill.width=0.25")
    (long,) = variants("distill.width=0.25", "distill.neck=32")
    (other,) = variants("distill.width=0.25", "distill.neck=16")
    assert short.identity == long.identity != other.identity


def test_combinations_that_come_to_the_same_recipe_are_one() -> None:
    assert len(variants("distill.width=1,1.0")) == 1


def test_a_key_that_does_not_exist_is_told_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"--grid: distill\.widht: unknown key; did you mean 'wi"):
        variants("distill.widht=0.25,0.5")


def test_a_value_that_is_wrong_is_told_with_what_is_expected() -> None:
    with pytest.raises(RecipeError, match=r"--grid: distill\.width: should be .*, got 9"):
        variants("distill.width=0.5,9")


def test_what_set_has_wrong_is_told_as_set() -> None:
    with pytest.raises(RecipeError, match=r"--set: bench\.querys: unknown key"):
        variants("distill.width=0.5", overrides=("bench.querys=1",))


def test_more_than_a_thousand_are_refused() -> None:
    many = ",".join(str(number) for number in range(1, 60))
    with pytest.raises(UsageError, match="59 x 59 = 3481 variants, at most 1000"):
        variants(f"distill.train.epochs={many}", f"distill.train.batch={many}")


def test_names_are_safe_for_a_folder() -> None:
    (found,) = variants("build.targets=[openvino, onnxruntime]")
    assert "/" not in found.name
    assert " " not in found.name


def test_labels_are_short_where_that_is_clear() -> None:
    told = [*labels([{"a.width": "1", "a.lr": "2", "b.lr": "3"}, {}])]
    assert told == ["width=1 a.lr=2 b.lr=3", "as the recipe"]


def test_settings_are_written_as_set_takes_them() -> None:
    assert written({"a.b": "[1, 2]", "c": "x"}) == ["a.b=[1, 2]", "c=x"]
