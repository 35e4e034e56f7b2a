from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from made_shapes import CLASSES, Shapes, small_network, write_shapes

from edgecv.bundle import Bundle, InputSpec, Manifest, ModelSpec, Variant
from edgecv.data.dataset import open_dataset
from edgecv.metrics.detection import score_detections
from edgecv.models.checkpoint import read_checkpoint, write_checkpoint
from edgecv.models.coco import COCO_80
from edgecv.models.yolox_weights import yolox_from_state
from edgecv.recipe import EvaluateSettings
from edgecv.stages.evaluate import answer
from edgecv.training.pictures import DatasetPictures
from edgecv.training.split_classes import renumbered
from edgecv.training.validation import truth_of, validate


def test_the_score_is_that_of_the_evaluate_stage(shared: Path, tmp_path: Path) -> None:
    data = open_dataset(shared / "data" / "photos" / "coco38")
    some = renumbered(type(data)(**{**vars(data), "samples": data.samples[:9]}), COCO_80)
    weights = read_checkpoint(shared / "data" / "weights" / "yolox_nano_bncal.pth")
    spec = ModelSpec(name="yolox_nano", class_names=COCO_80, input=InputSpec(width=416, height=416))
    variant = Variant(name="torch-fp32", engine="torch", precision="fp32", file="w.safetensors")
    write_checkpoint(tmp_path / "w.safetensors", weights)
    bundle = Bundle(tmp_path, Manifest(spec=spec, variants=(variant,)))
    paths = [sample.path for sample in some.samples]
    answers = answer(bundle, variant, paths, EvaluateSettings(), lambda: None)
    expected = score_detections(some, [one.detections for one in answers], COCO_80, resamples=0)
    pictures = DatasetPictures(some)
    found = validate(yolox_from_state(weights, "w"), pictures, truth_of(pictures), 416)
    assert found.mAP == pytest.approx(expected.mAP, abs=2e-3)  # its norms are folded
    assert found.mAP > 0.2
    assert found.images == 9


@pytest.mark.parametrize("count", [1, 9])
def test_pictures_of_no_data_set_are_scored_too(count: int) -> None:
    pictures = Shapes(count)
    truth = truth_of(pictures)
    assert truth.class_names == CLASSES
    for index, sample in enumerate(truth.samples):
        labelled = pictures.picture(index)
        assert np.array_equal(sample.boxes_xyxy, labelled.boxes_xyxy)
        assert np.array_equal(sample.class_ids, labelled.class_ids)
        assert (sample.width, sample.height) == (64, 64)
    score = validate(small_network().eval(), pictures, truth, 64)
    assert (score.images, score.interval) == (count, None)
    assert 0 <= score.mAP < 0.5


def test_the_truth_of_a_data_set_is_the_data_set(tmp_path: Path) -> None:
    data = open_dataset(write_shapes(tmp_path / "data", val=2))
    assert truth_of(DatasetPictures(data)) is data


def test_an_answer_that_is_not_finite_is_told_and_counts_as_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = small_network().eval()
    with torch.no_grad():
        for parameter in model.head.reg_preds.parameters():
            parameter.fill_(torch.nan)
    assert validate(model, Shapes(3), truth_of(Shapes(3)), 64).mAP == 0
    assert "not finite on 3 of 3 pictures" in capsys.readouterr().err
