from __future__ import annotations

import json
from pathlib import Path

from edgecv.recipe_file import find, load
from edgecv.sweep.history import Training, read_scores, training_of

ROWS = [{"epoch": 1, "loss": {}}, {"epoch": 2, "mAP": 0.25}, {"epoch": 4, "mAP": 0.5}]


def write(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")


def training(name: str, *changes: str) -> Training | None:
    return training_of(load(find(name), changes))


def test_the_training_of_each_recipe_is_found() -> None:
    assert training("yolo_int8") is None
    assert training("transfer_int8") == Training("train", 100)
    assert training("mobilenet_student_int8") == Training("distill", 100)
    assert training("yolo_qat") == Training("quantize", 10)
    assert training("yolo_pruned_int8") == Training("prune", 30, 3)
    assert training("yolo_pruned_int8", "prune.train=null") is None


def test_of_several_the_longest_is_watched() -> None:
    both = ("quantize.method=qat", "distill.train.epochs=4")
    assert training("mobilenet_student_int8", *both) == Training("quantize", 10)


def test_nothing_written_is_no_score(tmp_path: Path) -> None:
    assert read_scores(tmp_path / "absent", Training("train", 4)) == ()


def test_scores_are_read_while_it_trains_when_it_is_done_and_from_the_bundle(
    tmp_path: Path,
) -> None:
    places = (".half-distill", ".stages/distill-0123/training", "training")
    for number, place in enumerate(places):
        folder = tmp_path / str(number)
        write(folder / place / "history.jsonl")
        assert read_scores(folder, Training("distill", 4)) == ((2, 0.25), (4, 0.5))
        assert read_scores(folder, Training("quantize", 4)) == ()


def test_epochs_of_a_pruning_are_counted_over_its_cuts(tmp_path: Path) -> None:
    for number in (1, 2):
        write(tmp_path / ".half-prune" / f"step-{number}" / "history.jsonl")
    found = read_scores(tmp_path, Training("prune", 4, 2))
    assert found == ((2, 0.25), (4, 0.5), (6, 0.25), (8, 0.5))
    assert Training("prune", 4, 2).total == 8
