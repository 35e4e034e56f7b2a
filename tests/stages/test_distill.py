from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from detectors import yolo_onnx
from made_data import noise, write_picture
from made_shapes import CLASSES, STILL, small_network, write_shapes

from edgecv.bundle import Bundle, Manifest, StageRecord
from edgecv.data.dataset import open_dataset
from edgecv.errors import UsageError, WeightsError
from edgecv.models.checkpoint import read_about, write_checkpoint
from edgecv.models.detector import read_detector
from edgecv.models.graph import conv_macs, parameter_count
from edgecv.models.students import Student
from edgecv.recipe import DistillSettings, ExportSettings, LoadSettings
from edgecv.report.training import write as write_training
from edgecv.stages import Context, distill, export, load
from edgecv.stages.load import SOURCE, WEIGHTS

QUICK: dict[str, Any] = {
    "student": "mobilenet_v3_small", "width": 0.25, "neck": 16, "head_convs": 1,
    "train": {"epochs": 1, "batch": 4, "workers": 0, "augment": STILL.model_dump()},
}  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_shapes(tmp_path / "data", train=4, val=2)


def quick(**changes: Any) -> DistillSettings:
    train = {**QUICK["train"], **changes.pop("train", {})}
    return DistillSettings.model_validate({**QUICK, **changes, "train": train})


def loaded(folder: Path, data: Path, weights: Path | None = None, **settings: Any) -> Bundle:
    """A bundle with a teacher in it, of 64 px."""
    if weights is None:
        weights = folder.with_name(f"{folder.name}.safetensors")
        write_checkpoint(weights, small_network().state_dict())
    folder.mkdir()
    bundle = Bundle(folder, Manifest())
    context = Context(str(weights), data)
    given = LoadSettings(input_size=64, classes=CLASSES, **settings)
    record(bundle, "load", given, load.run(bundle, given, context))
    return bundle


def record(bundle: Bundle, stage: str, settings: Any, metrics: dict[str, Any]) -> None:
    entry = StageRecord(
        stage=stage, key="", settings=settings.model_dump(mode="json"), metrics=metrics,
        seconds=1.0, environment={},
    )  # fmt: skip
    bundle.update(history=(*bundle.manifest.history, entry))


def context(data: Path, tmp_path: Path) -> Context:
    return Context(data=data, scratch=tmp_path / "scratch", command=("edgecv", "compress"))


def test_the_student_takes_the_teachers_place_and_both_are_told_of(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = loaded(tmp_path / "bundle", data)
    metrics = distill.run(bundle, quick(), context(data, tmp_path))
    record(bundle, "distill", quick(), metrics)
    assert bundle.spec.name == "mobilenet_v3_small"
    assert (bundle.spec.class_names, bundle.spec.input.width) == (CLASSES, 64)
    model = read_detector(bundle.path(WEIGHTS))
    assert isinstance(model, Student)
    about = read_about(bundle.path(WEIGHTS))
    assert (about.class_names, about.input_size) == (CLASSES, 64)
    assert (metrics["epochs"], metrics["train"]["images"], metrics["images"]) == (1, 4, 2)
    teacher, student = metrics["teacher"], metrics["student"]
    assert teacher["name"] == "yolox"
    assert teacher["mAP"] is not None
    assert student["mAP"] == metrics["mAP"]
    assert "the teacher has" in metrics["summary"]
    told = capsys.readouterr().err
    assert "all weights are new" in told
    assert "training on 4 pictures" in told
    export.run(bundle, ExportSettings(), context(data, tmp_path))
    graph = onnx.load(bundle.path("model.onnx"))
    costs = (parameter_count(graph), sum(conv_macs(graph).values()))
    assert (student["parameters"], student["macs"]) == costs
    write_training(bundle)
    page = json.loads(bundle.path("training.json").read_text("utf-8"))
    assert page["model"] == "mobilenet_v3_small"
    assert {change["name"] for change in page["changed"]} >= {"distill.train.epochs"}


def test_the_teachers_score_is_that_of_its_own_validation(tmp_path: Path, data: Path) -> None:
    from edgecv.training.pictures import DatasetPictures
    from edgecv.training.validation import truth_of, validate

    bundle = loaded(tmp_path / "bundle", data)
    pictures = DatasetPictures(open_dataset(data, "val"))
    expected = validate(read_detector(bundle.path(WEIGHTS)), pictures, truth_of(pictures), 64)
    found = distill.run(bundle, quick(), context(data, tmp_path))["teacher"]
    assert found["mAP"] == expected.mAP
    assert found["per_class"] == expected.per_class


def test_an_onnx_file_teaches_with_its_answers_and_leaves_the_bundle(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "teacher.onnx"
    onnx.save(yolo_onnx("yolox", classes=2), path)
    bundle = loaded(tmp_path / "bundle", data, path)
    assert bundle.path(SOURCE).is_file()
    metrics = distill.run(bundle, quick(), context(data, tmp_path))
    assert not bundle.path(SOURCE).exists()
    assert isinstance(read_detector(bundle.path(WEIGHTS)), Student)
    assert metrics["learned"] == ["the ground truth", "the teacher's answers"]
    assert "gives no features" in capsys.readouterr().err
    graph = onnx.load(path)
    assert metrics["teacher"]["macs"] == sum(conv_macs(graph).values())
    assert metrics["teacher"]["mAP"] is not None


def test_an_onnx_teacher_of_one_size_is_not_shown_another(tmp_path: Path, data: Path) -> None:
    path = tmp_path / "teacher.onnx"
    onnx.save(yolo_onnx("yolox", classes=2), path)
    bundle = loaded(tmp_path / "bundle", data, path)
    for change in ({"input_size": 96}, {"augment": {**STILL.model_dump(), "multiscale": 1}}):
        with pytest.raises(UsageError, match=r"takes 64 px.*--set distill\.train\.input_size=64"):
            distill.run(bundle, quick(train=change), context(data, tmp_path))


def test_photos_without_ground_truth_are_learned_from_too(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        write_picture(tmp_path / "photos" / f"{number}.png", noise(80, 60, seed=number))
    bundle = loaded(tmp_path / "bundle", data)
    settings = quick(unlabelled=str(tmp_path / "photos"), unlabelled_share=0.5)
    metrics = distill.run(bundle, settings, context(data, tmp_path))
    assert metrics["steps"] == 2
    assert "3 photos of photos" in metrics["unlabelled"]
    assert "learning from 3 photos of photos too" in capsys.readouterr().err


def test_imagenet_weights_start_the_backbone_and_what_fits_is_said(
    tmp_path: Path, data: Path, shared: Path
) -> None:
    weights = shared / "data" / "weights" / "squeezenet1_1_imagenet.safetensors"
    bundle = loaded(tmp_path / "bundle", data)
    settings = quick(student="squeezenet1_1", backbone_weights=str(weights))
    metrics = distill.run(bundle, settings, context(data, tmp_path))
    assert metrics["kept"].startswith("backbone: 0 of 140 tensors from squeezenet1_1_imagenet")
    assert metrics["start"] == str(weights)


def test_what_does_not_go_together_is_refused_before_the_first_step(
    tmp_path: Path, data: Path
) -> None:
    bundle = loaded(tmp_path / "bundle", data)
    where = context(data, tmp_path)
    with pytest.raises(WeightsError, match=r"no file missing\.pth"):
        distill.run(bundle, quick(backbone_weights="missing.pth"), where)
    bundle.update(spec=bundle.spec.model_copy(update={"class_names": ("cat", "dog")}))
    with pytest.raises(UsageError, match="class 'square', which the teacher does not know"):
        distill.run(bundle, quick(), where)
    for width, height, told in ((80, 80, r"80 px; .*input_size=64"), (96, 64, "96x64")):
        size = bundle.spec.input.model_copy(update={"width": width, "height": height})
        bundle.update(spec=bundle.spec.model_copy(update={"input": size}))
        with pytest.raises(UsageError, match=told):
            distill.run(bundle, quick(), where)
    assert not (tmp_path / "scratch" / "last.pt").exists()


def test_features_alone_may_come_from_a_teacher_of_other_classes(
    tmp_path: Path, data: Path
) -> None:
    bundle = loaded(tmp_path / "bundle", data)
    bundle.update(spec=bundle.spec.model_copy(update={"class_names": ("cat", "dog")}))
    metrics = distill.run(bundle, quick(response=0), context(data, tmp_path))
    assert bundle.spec.class_names == CLASSES
    assert "mAP" not in metrics["teacher"]


def test_memory_that_does_not_suffice_names_the_setting_of_this_stage(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgecv.distillation.loss import Distillation
    from edgecv.errors import EdgecvError

    def full(*given: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Distillation, "forward", full)
    bundle = loaded(tmp_path / "bundle", data)
    with pytest.raises(EdgecvError, match=r"not enough memory .*--set distill\.train\.batch=2"):
        distill.run(bundle, quick(), context(data, tmp_path))
