from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.external_data_helper import convert_model_to_external_data
from small_runs import SmallRun, small_run

from edgecv.data.scored import scored
from edgecv.errors import DataError, UsageError, WeightsError
from edgecv.inputs import check_calibration, open_inputs, stem_of, weights_of
from edgecv.recipe import EvaluateSettings, LoadSettings, Recipe, TrainSettings
from edgecv.stages import Context
from edgecv.training.splits import open_parts

BARE = Recipe(load=LoadSettings())


@pytest.fixture
def run(tmp_path: Path) -> SmallRun:
    return small_run(tmp_path)


def test_the_pictures_of_the_data_calibrate_where_there_are_no_others(run: SmallRun) -> None:
    found = open_inputs(run.recipe, run.context)
    assert found.context.calibration == run.data
    assert found.dataset is not None
    assert set(found.digests) == {"weights", "data", "calibration"}


def test_pictures_without_ground_truth_are_enough(run: SmallRun) -> None:
    found = open_inputs(run.recipe, Context(str(run.weights), calibration=run.data))
    assert found.dataset is None
    assert set(found.digests) == {"weights", "calibration"}


def test_no_pictures_are_refused_where_a_stage_needs_them(run: SmallRun) -> None:
    nothing = Context(str(run.weights))
    assert set(open_inputs(BARE, nothing).digests) == {"weights"}
    with pytest.raises(UsageError, match=r"--data DIR .*--calibration DIR .*one or both"):
        open_inputs(replace_evaluate(), nothing)


def replace_evaluate() -> Recipe:
    return BARE.model_copy(update={"evaluate": EvaluateSettings()})


def test_the_weights_of_the_command_come_before_those_of_the_recipe_and_of_edgecv() -> None:
    recipe = Recipe(load=LoadSettings(weights="a.pth"))
    assert weights_of(recipe, Context("b.pth")) == "b.pth"
    assert weights_of(recipe, Context()) == "a.pth"
    for nothing in (BARE, Recipe()):
        assert weights_of(nothing, Context()) == "conveyor"


def test_pictures_without_weights_are_refused_with_the_names_of_weights(tmp_path: Path) -> None:
    for pictures in ({"data": tmp_path}, {"calibration": tmp_path}):
        with pytest.raises(UsageError, match=r"no weights given.*yolox_nano.*conveyor"):
            weights_of(BARE, Context(**pictures))


@pytest.mark.parametrize(
    ("weights", "stem"),
    [
        ("yolox_nano", "yolox_nano"),
        ("a/b/net.v2.onnx", "net.v2"),
        ("https://host/x/net.pth?token=1#sha256=00", "net"),
        ("https://host/", "network"),
    ],
)
def test_a_network_is_named_after_its_file(weights: str, stem: str) -> None:
    assert stem_of(weights) == stem


def test_missing_weights_are_refused_and_a_download_is_not_fetched_yet(run: SmallRun) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        open_inputs(BARE, Context("absent.pth"))
    names = ("yolox_nano", "https://host.invalid/a.pth", "https://host.invalid/b.pth")
    digests = {open_inputs(BARE, Context(name)).digests["weights"] for name in names}
    assert len(digests) == 3


def test_weights_beside_an_onnx_file_count_as_its_own(run: SmallRun) -> None:
    model = onnx.load(run.weights)
    convert_model_to_external_data(model, location="net.data", size_threshold=0)
    onnx.save(model, run.weights)
    before = open_inputs(BARE, run.context).digests["weights"]
    assert open_inputs(BARE, run.context).digests["weights"] == before
    beside = run.weights.with_name("net.data")
    values = np.frombuffer(beside.read_bytes(), np.uint8).copy()
    values[100] ^= 1
    beside.write_bytes(values.tobytes())
    assert open_inputs(BARE, run.context).digests["weights"] != before


def test_a_damaged_onnx_file_is_left_to_the_stage_that_loads_it(run: SmallRun) -> None:
    run.weights.write_bytes(b"\xff" * 100)
    assert open_inputs(BARE, replace(run.context, data=None)).digests["weights"]


def test_a_digest_does_not_depend_on_where_the_folder_is(run: SmallRun, tmp_path: Path) -> None:
    first = open_inputs(run.recipe, run.context).digests
    shutil.copytree(run.data, tmp_path / "elsewhere" / "photos")
    moved = replace(run.context, data=tmp_path / "elsewhere" / "photos")
    assert open_inputs(run.recipe, moved).digests == first


def test_a_renamed_calibration_picture_is_another_input(run: SmallRun) -> None:
    context = Context(str(run.weights), calibration=run.data)
    first = open_inputs(run.recipe, context).digests["calibration"]
    (run.data / "images" / "0.png").rename(run.data / "images" / "z.png")
    assert open_inputs(run.recipe, context).digests["calibration"] != first


def test_pictures_that_cannot_be_used_are_counted_and_named(
    run: SmallRun, capsys: pytest.CaptureFixture[str]
) -> None:
    check_calibration(run.data)
    assert capsys.readouterr().err == ""
    for index in range(7):
        (run.data / "images" / f"bad{index}.jpg").write_bytes(b"")
    check_calibration(run.data)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("7 of 15 pictures cannot be used:")
    assert lines[1].startswith("  bad0.jpg: empty file")
    assert lines[-1] == "  and 2 more"
    (run.data / "images" / "0.png").unlink()
    with pytest.raises(DataError, match="7 usable pictures, at least 8"):
        check_calibration(run.data)


def test_ground_truth_without_a_box_is_refused(run: SmallRun) -> None:
    truth = run.data / "instances.json"
    before = truth.read_text("utf-8")
    truth.write_text(json.dumps(json.loads(before) | {"annotations": []}), "utf-8")
    try:
        with pytest.raises(DataError, match=r"no box in the ground truth.*--calibration"):
            open_inputs(run.recipe, run.context)
    finally:
        truth.write_text(before, "utf-8")


def test_what_is_scored_is_what_a_training_before_does_not_learn_from(run: SmallRun) -> None:
    recipe = run.recipe.model_copy(update={"train": TrainSettings(val_fraction=0.3)})
    context = open_inputs(recipe, run.context).context
    truth = scored(context.data, context.held_out)
    parts = open_parts(run.data, TrainSettings(val_fraction=0.3), 64)
    assert truth is not None
    assert 0 < len(truth.samples) < 8
    assert len(truth.samples) == len(parts.val)
    assert len(parts.train) == 8 - len(parts.val)
    assert truth.name.endswith("held out of train")


def test_without_a_training_all_pictures_are_scored(run: SmallRun) -> None:
    context = open_inputs(run.recipe, run.context).context
    truth = scored(context.data, context.held_out)
    assert truth is not None
    assert len(truth.samples) == 8
