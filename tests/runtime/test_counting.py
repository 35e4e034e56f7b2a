from __future__ import annotations

import random

import numpy as np
import pytest
from found import frame

from edgecv.runtime.counting import Counting
from edgecv.runtime.counts import BorderCounts, Crossing
from edgecv.runtime.zones import Zones
from edgecv.types import Detections

NAMES = ("nut", "bolt")
DOWN = {"name": "line", "points": [[10, 50], [90, 50]]}
SQUARE = {"name": "zone", "points": [[20, 20], [80, 20], [80, 80], [20, 80]]}
SIZE_WH = (100, 100)


def counting(*, lines: tuple = (), zones: tuple = (), streams: tuple = ("door",)) -> Counting:
    content = {"size": SIZE_WH, "lines": lines, "zones": zones}
    return Counting(Zones.model_validate(content), NAMES, streams)


def at(*places: tuple[int, float, float], class_id: int = 0, side: float = 10) -> Detections:
    """Tracks (id, x, y) whose boxes of side x side stand with their lower middle at x, y."""
    boxes = [[x - side / 2, y - side, x + side / 2, y] for _, x, y in places]
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(places), 0.9, np.float32),
        np.full(len(places), class_id),
        np.array([track for track, _, _ in places], np.int64),
    )


def walk(counts: Counting, *points: tuple[float, float], **how: object) -> list[Crossing]:
    """Track 1 from point to point; what it crossed."""
    found: list[Crossing] = []
    for index, (x, y) in enumerate(points):
        taken = frame(index, size_wh=SIZE_WH)
        counts.see(taken, at((1, x, y), **how))  # type: ignore[arg-type]
        assert taken.counted is not None
        found += taken.counted.crossings
    return found


def the(counts: Counting, stream: str = "door") -> BorderCounts:
    return counts.of(stream).counts[0]


def test_nothing_has_crossed_before_the_first_frame_and_in_an_empty_one() -> None:
    counts = counting(lines=(DOWN,))
    expected = {"line": {"in": {}, "out": {}}}
    assert counts.of("door").to_json() == expected
    empty = frame(size_wh=SIZE_WH)
    counts.see(empty, at())
    assert empty.counted is not None
    assert (empty.counted.to_json(), empty.counted.crossings) == (expected, ())


def test_down_over_a_line_to_the_right_is_in_and_up_is_out() -> None:
    counts = counting(lines=(DOWN,))
    assert walk(counts, (50, 40), (50, 45), (50, 55), (50, 60)) == [
        Crossing("line", 1, "nut", "in")
    ]
    assert walk(counts, (50, 60), (50, 40)) == [Crossing("line", 1, "nut", "out")]
    assert the(counts).to_json() == {"in": {"nut": 1}, "out": {"nut": 1}}


def test_a_box_that_trembles_on_the_line_counts_nothing_and_its_crossing_once() -> None:
    counts, tremble = counting(lines=(DOWN,)), random.Random(0)
    # a margin of 5 % of a box of 40 pixels is 2 pixels
    there = [(50, 50 + tremble.uniform(-1.9, 1.9)) for _ in range(200)]
    assert min(y for _, y in there) < 50 < max(y for _, y in there)
    assert walk(counts, (50, 40), *there, (50, 45), side=40) == []
    found = walk(counts, (50, 45), *there, (50, 53), *there, (50, 60), side=40)
    assert [crossing.direction for crossing in found] == ["in"]


def test_who_goes_around_the_end_of_a_line_does_not_cross_it() -> None:
    counts = counting(lines=(DOWN,))
    assert walk(counts, (50, 40), (95, 45), (95, 55), (50, 60)) == []
    assert len(walk(counts, (50, 60), (50, 40))) == 1


def test_a_track_that_is_hidden_while_it_crosses_is_counted() -> None:
    counts = counting(lines=(DOWN,))
    counts.see(frame(0, size_wh=SIZE_WH), at((1, 50, 40)))
    for index in range(1, 11):
        counts.see(frame(index, size_wh=SIZE_WH), at())
    later = frame(11, size_wh=SIZE_WH)
    counts.see(later, at((1, 50, 60)))
    assert later.counted is not None
    assert len(later.counted.crossings) == 1


def test_many_tracks_count_each_by_class_and_only_those_asked_for() -> None:
    bolts = {**DOWN, "name": "bolts", "classes": ["bolt"]}
    counts = counting(lines=(DOWN, bolts))
    for index, y in enumerate((40, 60)):
        for class_id in (0, 1):
            places = [(10 * class_id + i, 20 + 10 * i, y) for i in range(5)]
            counts.see(frame(2 * index + class_id, size_wh=SIZE_WH), at(*places, class_id=class_id))
    assert counts.of("door").to_json() == {
        "line": {"in": {"nut": 5, "bolt": 5}, "out": {}},
        "bolts": {"in": {"bolt": 5}, "out": {}},
    }


def test_a_zone_knows_who_came_who_went_and_who_is_there() -> None:
    counts = counting(zones=(SQUARE,))
    inside = []
    for index, x in enumerate((5, 15, 30, 50, 70, 90)):
        # track 2 stands in it from the beginning
        counts.see(frame(index, size_wh=SIZE_WH), at((1, x, 50), (2, 50, 50)))
        inside.append((the(counts).inside or {}).get("nut", 0))
    assert inside == [1, 1, 2, 2, 2, 1]
    assert the(counts).to_json() == {"in": {"nut": 1}, "out": {"nut": 1}, "inside": {"nut": 1}}
    counts.see(frame(6, size_wh=SIZE_WH), at())
    assert the(counts).inside == {}


def test_a_zone_narrower_than_the_margin_of_a_large_box_still_has_an_inside() -> None:
    strip = {"name": "strip", "points": [[10, 48], [90, 48], [90, 52], [10, 52]]}
    counts = counting(zones=(strip,))
    found = walk(counts, (50, 30), (50, 50), (50, 70), side=90)
    assert [crossing.direction for crossing in found] == ["in", "out"]


def test_the_centre_counts_where_the_camera_looks_down() -> None:
    counts = counting(lines=({**DOWN, "anchor": "center"},))
    # lower edges at 52 and 58, centres at 47 and 53
    assert len(walk(counts, (50, 52), (50, 58))) == 1
    assert len(walk(counting(lines=(DOWN,)), (50, 52), (50, 58))) == 0


def test_borders_follow_the_size_of_the_picture_and_counts_go_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    counts = counting(lines=(DOWN,))
    walk(counts, (50, 40), (50, 60))
    for index, y in enumerate((80, 120)):
        counts.see(frame(index, size_wh=(200, 200)), at((1, 100, y)))
    assert the(counts).entered == {"nut": 2}
    assert the(counts).points == ((20, 100), (180, 100))
    assert capsys.readouterr().err == ""
    counts.see(frame(2, size_wh=(200, 100)), at())
    assert "another shape; they are stretched" in capsys.readouterr().err
    assert the(counts).points == ((20, 50), (180, 50))


def test_streams_count_for_themselves_and_a_line_may_be_of_one_alone() -> None:
    yard = {**DOWN, "name": "only yard", "source": "yard"}
    counts = counting(lines=(DOWN, yard), streams=("door", "yard"))
    for index, y in enumerate((40, 60)):
        counts.see(frame(index, "yard", SIZE_WH), at((1, 50, y)))
    assert counts.of("door").to_json() == {"line": {"in": {}, "out": {}}}
    expected = {"in": {"nut": 1}, "out": {}}
    assert counts.of("yard").to_json() == {"line": expected, "only yard": expected}


def test_what_is_remembered_of_tracks_is_bounded() -> None:
    counts = counting(lines=(DOWN,))
    for index in range(500):
        counts.see(frame(index, size_wh=SIZE_WH), at((index, 50, 40)))
    # two seconds at ten frames
    assert len(counts._tallies["door"][0]._seen) <= 21 + 16


def test_detections_without_ids_are_refused() -> None:
    without = Detections.empty()
    with pytest.raises(ValueError, match="no track ids"):
        counting(lines=(DOWN,)).see(frame(size_wh=SIZE_WH), without)


def test_a_predicted_box_crosses_nothing_until_it_is_seen_there() -> None:
    counts = counting(lines=(DOWN,))
    assert walk(counts, (50, 30), (50, 40)) == []
    for y, detected, crossed in ((50, False, 0), (60, False, 0), (60, True, 1), (70, False, 0)):
        taken = frame(size_wh=SIZE_WH)
        taken.detected = detected
        counts.see(taken, at((1, 50, y)))
        assert taken.counted is not None
        assert len(taken.counted.crossings) == crossed
    assert the(counts).to_json() == {"in": {"nut": 1}, "out": {}}
    assert taken.counted.to_json() == counts.of("door").to_json()
