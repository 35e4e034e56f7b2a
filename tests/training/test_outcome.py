from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_shapes import CLASSES, Shapes, quick, small_network, write_shapes

from edgecv.data.dataset import open_dataset
from edgecv.training.loop import Task, train
from edgecv.training.outcome import described, device_name, outcome
from edgecv.training.pictures import DatasetPictures
from edgecv.training.task import Trained


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("training")
    settings = quick(epochs=12, batch=8, lr=0.16, validate_every=6, warmup_epochs=2)
    return train(small_network(), Task(Shapes(8), Shapes(8), settings, 64, folder))


def test_the_score_is_that_of_the_best_epoch_with_an_interval(
    trained: Trained, tmp_path: Path
) -> None:
    told = outcome(trained, Shapes(8), 64, tmp_path)
    rows = [row for row in trained.history if "mAP" in row]
    best = max(rows, key=lambda row: row["mAP"])
    assert (told["epochs"], told["steps"], told["best_epoch"]) == (12, 12, best["epoch"])
    assert told["mAP"] == best["mAP"]
    assert told["per_class"] == best["per_class"]
    low, high = told["interval"]
    assert low <= told["mAP"] <= high
    assert told["training_seconds"] == pytest.approx(
        sum(row["seconds"] for row in trained.history), abs=0.1
    )
    assert told["summary"].startswith(f"mAP {told['mAP']:.4f} ({low:.4f} to {high:.4f}) on val")


def test_its_mistakes_are_left_in_the_folder_and_are_the_same_each_time(
    trained: Trained, tmp_path: Path
) -> None:
    texts = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        outcome(trained, Shapes(8), 64, tmp_path / name)
        texts.append((tmp_path / name / "mistakes.json").read_text())
    assert texts[0] == texts[1]
    told = json.loads(texts[0])
    objects = sum(len(Shapes(8).picture(i).class_ids) for i in range(8))
    assert sum(map(sum, told["confusion"][:-1])) == objects
    files = {path.name for path in (tmp_path / "first" / "worst").iterdir()}
    assert {one["file"] for one in told["worst"]} == files


def test_boxes_of_each_class_are_told_where_they_are_known(tmp_path: Path) -> None:
    data = open_dataset(write_shapes(tmp_path / "data", train=5), "train")
    told = described(DatasetPictures(data))
    assert (told["name"], told["images"]) == ("data train", 5)
    assert sum(told["class_boxes"].values()) == sum(len(s.class_ids) for s in data.samples)
    assert set(told["class_boxes"]) == set(CLASSES)
    assert described(Shapes(3)) == {"name": "shapes", "images": 3}


def test_the_device_is_named() -> None:
    assert device_name().startswith(("cpu", "cuda"))
