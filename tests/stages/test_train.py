from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from made_shapes import CLASSES, STILL, write_shapes

from edgecv.bundle import Bundle, Manifest
from edgecv.data.dataset import open_dataset
from edgecv.engines import open_engine
from edgecv.errors import DataError, ModelError
from edgecv.models.checkpoint import read_about, read_checkpoint, write_checkpoint
from edgecv.models.yolox_weights import yolox_from_state
from edgecv.recipe import LoadSettings, TrainSettings
from edgecv.stages import Context, load, train
from edgecv.stages.load import SOURCE, WEIGHTS
from edgecv.training.transfer import new_network

ONCE = TrainSettings(epochs=1, batch=4, input_size=32, workers=0, augment=STILL)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_shapes(tmp_path / "data", train=4, val=2)


def empty_bundle(folder: Path) -> Bundle:
    folder.mkdir()
    return Bundle(folder, Manifest())


def test_a_bundle_without_a_network_gets_a_new_one_for_the_classes_of_the_data(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = empty_bundle(tmp_path / "bundle")
    scratch = tmp_path / "scratch"
    metrics = train.run(bundle, ONCE, Context(data=data, scratch=scratch))
    bundle.save()
    assert bundle.spec.name == "yolox_nano"
    assert bundle.spec.class_names == CLASSES
    assert (bundle.spec.input.width, bundle.spec.input.height) == (32, 32)
    assert bundle.path("labels.txt").read_text() == "square\ndisc\n"
    model = yolox_from_state(read_checkpoint(bundle.path(WEIGHTS)), "trained")
    assert model.config.classes == 2
    assert {"weights.safetensors", "labels.txt", "training/history.jsonl"} < set(
        bundle.manifest.files
    )
    assert any(name.startswith("training/tensorboard/") for name in bundle.manifest.files)
    assert (metrics["epochs"], metrics["steps"], metrics["best_epoch"]) == (1, 1, 1)
    assert metrics["train"]["images"] == 4
    assert metrics["val"]["images"] == 2
    assert (scratch / "last.pt").is_file()
    told = capsys.readouterr().err
    assert "yolox_nano is trained from scratch" in told
    assert "training on 4 pictures" in told
    # what the data check has to say comes before the first step
    assert any("fewer than 20 boxes" in line for line in metrics["warnings"])
    for line in metrics["warnings"]:
        assert line in told.partition("epoch ")[0]
    assert read_about(bundle.path(WEIGHTS)) == (CLASSES, 32, None)


def test_the_score_and_the_mistakes_are_those_of_val(tmp_path: Path, data: Path) -> None:
    bundle = empty_bundle(tmp_path / "bundle")
    context = Context(data=data, scratch=tmp_path / "scratch", command=("edgecv", "train"))
    metrics = train.run(bundle, ONCE, context)
    objects = [len(sample.class_ids) for sample in open_dataset(data, "val").samples]
    assert (metrics["images"], metrics["boxes"]) == (2, sum(objects))
    assert metrics["command"] == ["edgecv", "train"]
    assert metrics["start"] is None
    low, high = metrics["interval"]
    assert 0 <= low <= metrics["mAP"] <= high <= 1
    told = json.loads(bundle.path("training/mistakes.json").read_text("utf-8"))
    assert sum(map(sum, told["confusion"][:2])) == sum(objects)
    for one in told["worst"]:
        assert bundle.path(f"training/worst/{one['file']}").is_file()


def test_a_loaded_network_keeps_what_fits_and_says_so(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "coco.safetensors"
    old = new_network("yolox_nano", 80, seed=7)
    write_checkpoint(weights, old.state_dict())
    context = Context(str(weights), data, scratch=tmp_path / "scratch")
    bundle = empty_bundle(tmp_path / "bundle")
    load.run(bundle, LoadSettings(), context)
    assert len(bundle.spec.class_names) == 80
    frozen = ONCE.model_copy(update={"freeze": "backbone", "input_size": 64})
    metrics = train.run(bundle, frozen, context)
    assert metrics["kept"].startswith("636 of 642 tensors kept")
    assert metrics["kept"] in capsys.readouterr().err
    assert bundle.spec.class_names == CLASSES
    trained = read_checkpoint(bundle.path(WEIGHTS))
    for name, value in old.backbone.state_dict().items():
        assert torch.equal(trained[f"backbone.{name}"], value), name
    assert not torch.equal(trained["head.stems.0.conv.weight"], old.head.stems[0].conv.weight)


def test_the_side_of_a_loaded_network_stays_unless_another_is_named(
    tmp_path: Path, data: Path
) -> None:
    weights = tmp_path / "nano.safetensors"
    write_checkpoint(weights, new_network("yolox_nano", 2, seed=7).state_dict())
    context = Context(str(weights), data, scratch=tmp_path / "scratch")
    bundle = empty_bundle(tmp_path / "bundle")
    load.run(bundle, LoadSettings(input_size=96, classes=CLASSES), context)
    train.run(bundle, ONCE.model_copy(update={"input_size": None}), context)
    assert bundle.spec.input.width == 96


def test_an_onnx_file_is_refused(tmp_path: Path, data: Path) -> None:
    from edgecv.bundle import InputSpec, ModelSpec

    bundle = empty_bundle(tmp_path / "bundle")
    size = InputSpec(width=32, height=32)
    bundle.update(spec=ModelSpec(name="net", class_names=CLASSES, input=size))
    bundle.path(SOURCE).write_bytes(b"")
    with pytest.raises(ModelError, match=r"ONNX file cannot be trained.*checkpoint"):
        train.run(bundle, ONCE, Context(data=data, scratch=tmp_path / "scratch"))


def test_without_data_there_is_nothing_to_learn(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--data"):
        train.run(empty_bundle(tmp_path / "bundle"), ONCE, Context(scratch=tmp_path / "scratch"))


def test_what_was_trained_answers_as_its_engine(tmp_path: Path, data: Path) -> None:
    from edgecv.bundle import Variant
    from edgecv.engines import Engine

    bundle = empty_bundle(tmp_path / "bundle")
    train.run(bundle, ONCE, Context(data=data, scratch=tmp_path / "scratch"))
    variant = Variant(name="torch-fp32", engine="torch", precision="fp32", file=WEIGHTS)
    engine: Engine
    with open_engine(bundle, variant) as engine:
        import numpy as np

        boxes, scores = engine.infer(np.zeros((1, 32, 32, 3), np.uint8))
    assert (boxes.shape, scores.shape) == ((1, 21, 4), (1, 21, 2))
