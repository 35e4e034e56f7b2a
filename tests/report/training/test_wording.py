from __future__ import annotations

from pathlib import Path

import pytest
from made_training import make_trained

from edgecv.report.training import text, wording, worst
from edgecv.report.training.collect import collect
from edgecv.report.training.schema import TrainingReport, WorstPicture


@pytest.fixture
def report(tmp_path: Path) -> TrainingReport:
    return collect(make_trained(tmp_path / "bundle"))


def test_the_headline_says_what_was_trained_from_what_on_what(report: TrainingReport) -> None:
    assert wording.headline(report) == (
        "yolox_nano, fine-tuned from yolox_nano.pth on belt train (2400 pictures, 5550 boxes); "
        "the best of 24 epochs is number 24."
    )
    scratch = report.model_copy(update={"start": None, "epochs": report.epochs[-1:]})
    assert ", trained from scratch on belt train" in wording.headline(scratch)
    assert wording.headline(scratch).endswith("; 1 epoch.")


def test_pictures_whose_boxes_nobody_counted_are_counted_alone(report: TrainingReport) -> None:
    part = report.train.model_copy(update={"boxes": None})
    told = wording.headline(report.model_copy(update={"train": part}))
    assert "belt train (2400 pictures);" in told


def test_the_machine_is_its_cpu_or_its_gpu(report: TrainingReport) -> None:
    assert wording.machine(report) == "AMD EPYC, 2 cores"
    gpu = report.model_copy(update={"device": "cuda:0 (NVIDIA H100)", "processes": 2})
    assert wording.machine(gpu) == "2 processes, cuda:0 (NVIDIA H100)"


def test_the_tiles_hold_the_figures_of_the_summary(report: TrainingReport) -> None:
    tiles = {tile["title"]: (tile["figure"], tile["note"]) for tile in wording.tiles(report)}
    assert tiles["Lowest class"] == ("0.150", f"AP of nut, {report.classes[0].val_boxes} boxes")
    assert tiles["Without a mistake"] == ("171", "of 300 pictures of val")
    assert tiles["Time"][0] == "14 min"
    assert tiles["Objects found"][1] == "at a score of 0.37, IoU 0.5"


def test_the_text_holds_the_score_the_classes_and_the_command(report: TrainingReport) -> None:
    told = text.render(report)
    assert f"mAP **{report.score.mAP:.3f}** (95% interval 0." in told
    assert [line.split()[1] for line in told.splitlines() if line.startswith("| ")][2:] == [
        *("nut", "bolt", "washer", "gear", "bearing", "screw")
    ]
    assert "Command: `edgecv train --out 'a folder'`" in told
    assert "- val: 5 of 300 look like one of train" in told


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ((2, 0, 0), "2 missed"),
        ((1, 3, 0), "1 missed, 3 false"),
        ((0, 0, 4), "4 of another class"),
    ],
)
def test_mistakes_are_told_in_words(
    report: TrainingReport, counts: tuple[int, int, int], told: str
) -> None:
    named = dict(zip(("missed", "false", "confused"), counts, strict=True))
    picture: WorstPicture = report.mistakes.worst[0].model_copy(update=named)
    assert worst.told(picture) == told
