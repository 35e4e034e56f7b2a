from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from found import frame

from edgecv.runtime import own_truth
from edgecv.runtime.own_truth import OwnTruth
from edgecv.types import Detections

THEIRS = {"belt": ("nut", "bolt", "gear")}


def tracks(*rows: tuple[int, int, float]) -> Detections:
    """Boxes of 10 x 10 at x, of (class, id, x)."""
    boxes = [[x, 0, x + 10, 10] for _, _, x in rows]
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.ones(len(rows), np.float32),
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
    )


def seen(truth: OwnTruth, there: Detections, found: Detections, frames: int = 10) -> None:
    for index in range(frames):
        truth.see(replace(frame(index, "belt"), truth=there), found)


def test_without_frames_or_without_truth_there_is_no_score() -> None:
    truth = OwnTruth(("nut",), THEIRS)
    assert truth.to_json("belt") is None
    truth.see(frame(0, "belt"), tracks((0, 1, 0)))
    truth.see(frame(0, "door"), tracks((0, 1, 0)))
    assert (truth.to_json("belt"), truth.to_json("door")) == (None, None)


def test_classes_are_matched_by_name_and_their_counts_are_added() -> None:
    # the network's order differs; it has no gears
    truth = OwnTruth(("bolt", "nut"), THEIRS)
    there = tracks((0, 1, 0), (0, 2, 50), (1, 3, 100), (2, 4, 150))
    # nut 1 is found, nut 2 is called a bolt, bolt 3 is found
    seen(truth, there, tracks((1, 5, 0), (0, 6, 50), (0, 7, 100)))
    told = truth.to_json("belt")
    assert told is not None
    assert (told["frames"], told["classes"]) == (10, ["nut", "bolt"])
    # of 3 x 10 boxes 2 x 10 are found, with 10 false ones
    assert told["MOTA"] == pytest.approx(100 * (20 - 10) / 30, abs=0.01)
    assert told["IDF1"] == pytest.approx(100 * 20 / (20 + 5 + 5), abs=0.01)
    assert told["DetA"] == pytest.approx(100 * 20 / 40, abs=0.01)
    assert (told["AssA"], told["IDSW"]) == (100, 0)


def test_a_network_of_other_classes_has_no_score_to_show() -> None:
    truth = OwnTruth(("person",), THEIRS)
    seen(truth, tracks((0, 1, 0)), tracks((0, 1, 0)))
    assert truth.to_json("belt") == {"frames": 10, "classes": []}


def test_without_a_tracker_nothing_is_matched() -> None:
    truth = OwnTruth(("nut",), THEIRS)
    seen(truth, tracks((0, 1, 0)), replace(tracks((0, 1, 0)), track_ids=None))
    told = truth.to_json("belt")
    assert told is not None
    assert told["HOTA"] == 0


def test_only_the_last_frames_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_truth, "FRAMES_MAX", 5)
    truth = OwnTruth(("nut",), THEIRS)
    there = tracks((0, 1, 0))
    seen(truth, there, Detections.empty(), 20)
    seen(truth, there, there, 5)
    told = truth.to_json("belt")
    assert told is not None
    assert (told["frames"], told["HOTA"]) == (5, 100)
