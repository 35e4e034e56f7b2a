from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_training import PARTS, make_trained

from edgecv.bundle import Bundle, Manifest
from edgecv.errors import BundleError
from edgecv.report.training.collect import collect, trained
from edgecv.report.training.schema import TrainingReport


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return make_trained(tmp_path / "bundle")


def test_what_the_stage_left_is_all_there(bundle: Bundle) -> None:
    report = collect(bundle)
    found = bundle.metrics("train")
    assert report.score.mAP == found["mAP"]
    assert report.score.interval == tuple(found["interval"])
    assert [epoch.epoch for epoch in report.epochs] == list(range(1, 25))
    assert report.epochs[0].mAP is None
    assert (report.train.boxes, report.val.boxes) == (6 * 925, found["boxes"])
    assert report.command == "edgecv train --out 'a folder'"
    assert report.weights_bytes == 3_700_000
    assert "load_average_1m" not in report.environment


def test_recall_and_precision_of_a_class_are_those_of_the_matrix(bundle: Bundle) -> None:
    report = collect(bundle)
    matrix = np.array(report.mistakes.confusion)
    for index, one in enumerate(report.classes):
        assert one.name == PARTS[index]
        assert one.val_boxes == matrix[index].sum()
        assert one.recall == pytest.approx(matrix[index, index] / matrix[index].sum())
        assert one.precision == pytest.approx(matrix[index, index] / matrix[:, index].sum())
        assert one.train_boxes == 900 + 10 * index


def test_only_settings_that_are_not_the_defaults_are_changes(bundle: Bundle) -> None:
    changed = {one.name: (one.value, one.default) for one in collect(bundle).changed}
    assert changed == {
        "train.epochs": (24, 100),
        "train.lr": (0.02, 0.01),
        "train.augment.mosaic": (0.5, 1.0),
    }


def test_boxes_that_nobody_counted_are_not_known(bundle: Bundle) -> None:
    (record,) = bundle.manifest.history
    metrics = {**record.metrics, "train": {"name": "parts:make('train')", "images": 9}}
    bundle.update(history=(record.model_copy(update={"metrics": metrics}),))
    report = collect(bundle)
    assert report.train.boxes is None
    assert {one.train_boxes for one in report.classes} == {None}


def test_a_written_report_is_read_back_as_it_was(bundle: Bundle) -> None:
    report = collect(bundle)
    assert TrainingReport.model_validate_json(report.model_dump_json()) == report


def test_a_bundle_that_was_not_trained_has_nothing_to_report(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path, Manifest())
    assert not trained(bundle)
    with pytest.raises(BundleError, match="not trained here"):
        collect(bundle)


@pytest.mark.parametrize("name", ["history.jsonl", "mistakes.json"])
def test_a_file_that_is_missing_is_named(bundle: Bundle, name: str) -> None:
    bundle.path(f"training/{name}").unlink()
    with pytest.raises(BundleError, match=rf"{name}: missing.*edgecv train --fresh"):
        collect(bundle)
