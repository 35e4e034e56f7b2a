from __future__ import annotations

import numpy as np
import pytest

from edgecv.runtime.frames import ArrayPicture, StreamFrame
from edgecv.runtime.stats import STAGES, Stats
from edgecv.types import Detections


def result(stats: Stats, stream: str, age_ms: float) -> None:
    picture = ArrayPicture(np.zeros((4, 4, 3), np.uint8))
    stats.result(StreamFrame(stream, 0, 0.0, 0.0, picture, 10.0, age_ms=age_ms))


def test_a_run_without_results_has_no_speed() -> None:
    told = Stats(["a"]).to_json()
    assert (told["processed"], told["end_to_end_fps"], told["age_ms"]) == (0, None, None)
    assert list(told["stages_ms"]) == list(STAGES)
    assert told["streams"]["a"]["fps"] is None


def test_streams_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 10.5, 11.0, 12.0])
    monkeypatch.setattr("edgecv.runtime.stats.now", lambda: next(clock))
    stats = Stats(["a", "b"])
    for name, age_ms in (("a", 10), ("b", 30), ("a", 10), ("a", 10)):
        result(stats, name, age_ms)
    stats.streams["a"].frames_in, stats.streams["b"].frames_in = 5, 2
    stats.streams["a"].dropped["newer"] = 2
    stats.streams["b"].dropped.update(newer=1, late=4)
    told = stats.to_json()
    assert (told["frames_in"], told["processed"]) == (7, 4)
    assert told["dropped"] == {"newer": 3, "late": 4}
    # three more results in two seconds; of stream a two more
    assert told["end_to_end_fps"] == 1.5
    assert told["streams"]["a"]["fps"] == 1.0
    assert told["streams"]["b"]["fps"] is None
    assert told["age_ms"]["mean"] == 15
    assert stats.first_s == 10.0


def test_the_best_score_is_of_all_boxes() -> None:
    stats = Stats(["a"]).streams["a"]
    stats.found(Detections.empty())
    assert stats.to_json()["best_score"] == 0
    for score in (0.5, 0.75, 0.25):
        boxes = np.zeros((2, 4), np.float32)
        scores = np.array([score, 0.1], np.float32)
        stats.found(Detections(boxes, scores, np.zeros(2, np.int64)))
    told = stats.to_json()
    assert (told["best_score"], told["boxes"]) == (0.75, 3)
