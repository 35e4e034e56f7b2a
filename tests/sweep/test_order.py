from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from small_runs import SmallRun, small_run

from edgecv.errors import RecipeError, UsageError, WeightsError
from edgecv.sweep.grid import Variant, expand, parse_grid
from edgecv.sweep.order import Order, begin, recorded
from edgecv.sweep.schema import Sweep


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    return small_run(tmp_path_factory.mktemp("input"))


def order_of(run: SmallRun, **changes: object) -> Order:
    content = {"recipe": run.recipe_file, "weights": str(run.weights), "data": run.data, **changes}
    return Order(**content)  # type: ignore[arg-type]


def variants(order: Order, *grid: str) -> dict[str, Variant]:
    return expand(order.recipe, order.overrides, parse_grid(grid))


def test_the_words_make_a_variant_with_paths_that_hold_anywhere(
    run: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.weights.parent)
    order = order_of(
        run, recipe=Path("small.yaml"), weights="net.onnx", data=Path("photos"),
        overrides=("bench.queries=3", "evaluate.resamples=0"),
    )  # fmt: skip
    words = order.words({"export.opset": "18"}, Path("out"), measured=True)
    root = run.weights.parent
    assert words == [
        "compress", "--recipe", str(root / "small.yaml"), "--weights", str(root / "net.onnx"),
        "--data", str(root / "photos"), "--set", "bench.queries=3", "--set",
        "evaluate.resamples=0", "--set", "export.opset=18", "--out", str(root / "out"),
    ]  # fmt: skip


def test_beside_others_nothing_is_timed_or_reported(run: SmallRun) -> None:
    order = order_of(run, overrides=("bench.queries=3", "evaluate.resamples=0"))
    words = order.words({"report.photos": "1"}, Path("out"), measured=False)
    changes = [after for before, after in itertools.pairwise(words) if before == "--set"]
    assert changes == ["evaluate.resamples=0", "bench=null", "report=null"]


def test_a_name_and_a_url_of_weights_stay_as_they_are(run: SmallRun) -> None:
    for weights in ("yolox_nano", "https://a.b/c.pth"):
        words = order_of(run, weights=weights).words({}, Path("out"), measured=True)
        assert words[words.index("--weights") + 1] == weights


def test_another_grid_adds_its_variants_to_those_that_are_there(
    run: SmallRun, tmp_path: Path
) -> None:
    order = order_of(run)
    first = begin(order, variants(order, "export.opset=17,18"), tmp_path, None)
    assert [one.settings for one in first.variants] == [
        {"export.opset": "17"},
        {"export.opset": "18"},
    ]
    wider = variants(order, "export.opset=18", "export.simplify=true,false")
    second = begin(order, wider, tmp_path, first)
    # opset 18, simplified, is there already
    assert second.variants[:2] == first.variants
    assert [one.settings for one in second.variants[2:]] == [
        {"export.opset": "18", "export.simplify": "false"}
    ]
    recipes = recorded(order, second)
    assert [one.recipe.export.opset for one in recipes.values()] == [17, 18, 18]  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def begun(run: SmallRun) -> Sweep:
    order = order_of(run)
    return begin(order, variants(order), Path("absent"), None)


@pytest.mark.parametrize(
    ("what", "option"),
    [("recipe", "recipe"), ("weights", "--weights"), ("data", "--data"), ("overrides", "--set")],
)
def test_a_sweep_of_something_else_is_refused(
    run: SmallRun, begun: Sweep, tmp_path: Path, what: str, option: str
) -> None:
    other = small_run(tmp_path / "other")
    other.recipe_file.write_text(f"# Changed.\n{run.recipe_file.read_text('utf-8')}", "utf-8")
    annotations = other.data / "instances.json"
    annotations.write_text(annotations.read_text("utf-8").replace("[4, 5,", "[4, 6,"), "utf-8")
    other.weights.write_bytes(other.weights.read_bytes() + b"\x7a\x00")
    changes: dict[str, object] = {
        "recipe": other.recipe_file,
        "weights": str(other.weights),
        "data": other.data,
        "overrides": ("evaluate.resamples=1",),
    }
    order = order_of(run, **{what: changes[what]})
    with pytest.raises(UsageError, match=f"holds a sweep with another {option}"):
        begin(order, variants(order), tmp_path / "out", begun)


def test_what_could_not_be_compared_is_refused(run: SmallRun, tmp_path: Path) -> None:
    order = order_of(run)
    with pytest.raises(RecipeError, match="without the section 'evaluate' there is no mAP"):
        begin(order, variants(order, "evaluate={},null"), tmp_path, None)
    untimed = order_of(run, overrides=("bench=null",))
    with pytest.raises(RecipeError, match="without the section 'bench' there is no p90"):
        begin(untimed, variants(untimed), tmp_path, None)
    unlabelled = order_of(run, data=None, calibration=run.data)
    with pytest.raises(UsageError, match="needs ground truth"):
        begin(unlabelled, variants(unlabelled), tmp_path, None)


def test_inputs_that_are_not_there_are_refused_before_anything_runs(
    run: SmallRun, tmp_path: Path
) -> None:
    order = order_of(run, weights="absent.pth")
    with pytest.raises(WeightsError, match=r"absent\.pth: no such file"):
        begin(order, variants(order), tmp_path, None)
