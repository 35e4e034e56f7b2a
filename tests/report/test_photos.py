from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest

from edgecv.report.overlay import pair
from edgecv.report.photos import Comparison, compare, match
from edgecv.types import Detections, Frame, Image


def found(*rows: tuple[float, float, float, float, int]) -> Detections:
    """Detections of rows left, top, right, bottom, class; score 0.5."""
    values = np.array(rows, np.float32).reshape(-1, 5)
    scores = np.full(len(values), 0.5, np.float32)
    return Detections(values[:, :4].copy(), scores, values[:, 4].astype(np.int64))


def frames(count: int, size: tuple[int, int] = (48, 64)) -> list[Frame]:
    return [Frame(np.full((*size, 3), i, np.uint8), i, source=f"{i}.jpg") for i in range(count)]


def nothing(image: Image) -> Detections:
    return Detections.empty()


def in_dark_pictures(image: Image) -> Detections:
    """One box more for each step under grey level 3."""
    rows = [(10.0 * k, 0.0, 10.0 * k + 9, 9.0, 0) for k in range(max(0, 3 - int(image[0, 0, 0])))]
    return found(*rows)


def test_nothing_matches_nothing() -> None:
    assert match(found(), found()) == []
    assert match(found((0, 0, 10, 10, 0)), found()) == []


def test_the_better_overlap_is_paired_first_and_each_box_once() -> None:
    before = found((0, 0, 10, 10, 0), (0, 0, 10, 8, 0))
    after = found((0, 0, 10, 8, 0))
    assert match(before, after) == [(1, 0)]


def test_boxes_of_another_class_or_far_away_do_not_match() -> None:
    assert match(found((0, 0, 10, 10, 0)), found((0, 0, 10, 10, 1))) == []
    assert match(found((0, 0, 10, 10, 0)), found((8, 0, 18, 10, 0))) == []


def test_pictures_that_differ_most_come_first_and_the_rest_are_spread() -> None:
    result = compare(frames(10), in_dark_pictures, nothing, 4)
    assert [p.name for p in result.photos] == ["0.jpg", "1.jpg", "2.jpg", "9.jpg"]
    assert [p.differs for p in result.photos] == [True, True, False, False]
    assert (result.examined, result.same) == (10, 7)
    assert (result.both, result.lost, result.new) == (0, 6, 0)


def test_boxes_that_only_int8_found_are_new() -> None:
    result = compare(frames(1), nothing, in_dark_pictures, 1)
    assert result.new == 3
    assert result.photos[0].new.tolist() == [True] * 3


def test_equal_answers_make_ordinary_photos_only() -> None:
    result = compare(frames(5), in_dark_pictures, in_dark_pictures, 4)
    assert len(result.photos) == 4
    assert not any(p.differs for p in result.photos)
    assert (result.lost, result.new, result.both) == (0, 0, 6)


@pytest.mark.parametrize("count", [0, 3, 9])
def test_no_more_photos_than_asked_for_or_there_are(count: int) -> None:
    result = compare(frames(5), in_dark_pictures, nothing, count)
    assert len(result.photos) == min(count, 5)
    assert len({p.name for p in result.photos}) == len(result.photos)


def test_no_pictures_make_an_empty_comparison() -> None:
    assert compare([], nothing, nothing, 4).photos == ()


def test_a_large_picture_is_shown_small_and_its_boxes_with_it() -> None:
    result = compare(frames(1, (1000, 2000)), lambda _: found((0, 100, 2000, 1000, 0)), nothing, 1)
    (photo,) = result.photos
    assert (photo.width, photo.height) == (480, 240)
    assert photo.before.boxes_xyxy.tolist() == [[0, 24, 480, 240]]
    pixels = cv2.imdecode(np.frombuffer(base64.b64decode(photo.jpeg), np.uint8), 1)
    assert pixels.shape == (240, 480, 3)


def test_a_small_picture_keeps_its_size() -> None:
    (photo,) = compare(frames(1), nothing, nothing, 1).photos
    assert (photo.width, photo.height) == (64, 48)


def test_both_drawings_share_one_picture_and_mark_what_one_side_found(
    comparison: Comparison,
) -> None:
    names = [f"class <{i}>" for i in range(10)]
    photo = comparison.photos[0]
    before, after = pair(photo, 3, names)
    assert before.count("data:image/jpeg;base64,") == 1
    assert 'href="#photo-3"' in after
    assert "data:" not in after
    assert before.count('<g class="alone"><title>') == int(photo.lost.sum()) == 1
    assert after.count('<g class="alone"><title>') == int(photo.new.sum()) == 1
    assert "1 class &lt;0&gt;, 1 class &lt;2&gt;" in before
    assert "<0>" not in before


def test_labels_that_would_touch_are_left_out_but_every_box_has_a_title() -> None:
    crowd = found(*((20.0 + k, 20.0, 60.0, 45.0, 0) for k in range(4)))
    result = compare(frames(1), lambda _: crowd, lambda _: crowd, 1)
    before, _ = pair(result.photos[0], 0, ["ant"])
    assert before.count("<title>ant 0.50</title>") == 4
    assert before.count(' tag">') == 1


def test_a_box_of_less_than_no_area_is_drawn_with_none() -> None:
    inside_out = found((30, 20, 10, 5, 0))
    result = compare(frames(1), lambda _: inside_out, nothing, 1)
    before, _ = pair(result.photos[0], 0, ["ant"])
    assert before.count('width="0.0" height="0.0"') == 2
    assert "-" not in before.partition("base64,")[2].partition('"')[2]
