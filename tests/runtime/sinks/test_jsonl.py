from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from found import NAMES, found, frame

from edgecv.errors import EdgecvError
from edgecv.runtime.counts import BorderCounts, Counted, Crossing
from edgecv.runtime.sinks.jsonl import JsonLines


def test_a_line_holds_a_frame_as_documented(tmp_path: Path) -> None:
    sink = JsonLines(tmp_path / "o.jsonl", NAMES)
    sink.write(frame(3), found(2))
    # complete before the file is closed
    assert json.loads((tmp_path / "o.jsonl").read_text()) == {
        "frame": 3,
        "time": 0.3,
        "source": "door",
        "age_ms": 20.0,
        "tracks": [
            {"id": 7, "class": "nut", "score": 0.9, "box": [8.0, 8.0, 24.0, 40.0]},
            {"id": 8, "class": "bolt", "score": 0.8, "box": [28.0, 8.0, 44.0, 40.0]},
        ],
    }
    sink.close()


def test_a_frame_with_nothing_in_it_has_its_line_too(tmp_path: Path) -> None:
    sink = JsonLines(tmp_path / "o.jsonl", NAMES)
    for index in range(2):
        sink.write(frame(index), found(0))
    sink.close()
    lines = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [(line["frame"], line["tracks"]) for line in lines] == [(0, []), (1, [])]


def test_without_a_tracker_the_id_is_null(tmp_path: Path) -> None:
    sink = JsonLines(tmp_path / "o.jsonl", NAMES)
    sink.write(frame(), found(1, tracked=False))
    sink.close()
    assert json.loads((tmp_path / "o.jsonl").read_text())["tracks"][0]["id"] is None


def test_with_zones_a_line_has_what_crossed_and_the_counts_since_the_beginning(
    tmp_path: Path,
) -> None:
    sink = JsonLines(tmp_path / "o.jsonl", NAMES)
    taken = frame()
    step = BorderCounts("step", ((0, 9), (64, 9)), {"nut": 2}, {}, None)
    lawn = BorderCounts("lawn", ((0, 0), (9, 0), (0, 9)), {}, {"bolt": 1}, {"nut": 1})
    taken.counted = Counted((step, lawn), (Crossing("step", 7, "nut", "in"),))
    sink.write(taken, found(1))
    sink.close()
    told = json.loads((tmp_path / "o.jsonl").read_text())
    assert told["crossings"] == [{"name": "step", "id": 7, "class": "nut", "direction": "in"}]
    assert told["counts"] == {
        "step": {"in": {"nut": 2}, "out": {}},
        "lawn": {"in": {}, "out": {"bolt": 1}, "inside": {"nut": 1}},
    }


def test_a_dash_is_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    sink = JsonLines(Path("-"), NAMES)
    sink.write(frame(), found(1))
    sink.close()
    assert json.loads(capsys.readouterr().out)["source"] == "door"


def test_a_full_disk_names_the_file() -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    sink = JsonLines(Path("/dev/full"), NAMES)
    with pytest.raises(EdgecvError, match=r"/dev/full: cannot be written \(No space left"):
        sink.write(frame(), found(1))
    with pytest.raises(EdgecvError, match="/dev/full"):
        sink.close()
    sink.close()


def test_a_line_says_where_no_detector_looked(tmp_path: Path) -> None:
    sink = JsonLines(tmp_path / "o.jsonl", NAMES)
    for detected in (True, False):
        taken = frame()
        taken.detected = detected
        sink.write(taken, found(1))
    sink.close()
    lines = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert ["detected" in line for line in lines] == [False, True]
    assert lines[1]["detected"] is False
