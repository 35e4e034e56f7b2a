from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from made_data import Box, noise, write_coco, write_picture

from edgecv.data.check import check
from edgecv.data.check.page import render
from edgecv.data.check.parts import box_sizes
from edgecv.errors import DataError

CAT: Box = (0, (0, 0, 20, 20))
DOG: Box = (1, (5, 5, 20, 40))
MANY: list[Box] = [CAT] * 20 + [DOG] * 20


def two_parts(folder: Path) -> Path:
    write_coco(folder, {"a.png": MANY, "b.png": []}, "train")
    return write_coco(folder, {"c.png": [CAT]}, "val")


def test_a_sound_set_has_neither_problems_nor_warnings(tmp_path: Path) -> None:
    found = check(two_parts(tmp_path)).findings

    assert (found.refused, found.warnings, found.twins) == (0, (), ())
    assert (found.format, found.class_names) == ("coco", ("cat", "dog"))
    train, val = found.parts
    assert (train.name, train.pictures, train.boxes, train.empty) == ("train", 2, 40, 1)
    assert (val.name, val.pictures, val.boxes, val.empty) == ("val", 1, 1, 0)
    assert train.class_boxes == {"cat": 20, "dog": 20}
    assert train.sizes == {"96x64": 2}
    assert train.box_sizes == {"small": 40, "medium": 0, "large": 0}
    # 416 / 96 times larger: 20x20 becomes 87x87, 20x40 173 high
    assert train.box_sizes_at_input == {"small": 0, "medium": 20, "large": 20}


def test_a_set_of_one_part_is_called_all_and_parts_can_be_chosen(tmp_path: Path) -> None:
    write_coco(tmp_path, {"a.png": MANY})
    assert [part.name for part in check(tmp_path).findings.parts] == ["all"]
    (tmp_path / "instances.json").unlink()

    two_parts(tmp_path)
    assert [part.name for part in check(tmp_path, "val").findings.parts] == ["val"]
    with pytest.raises(DataError, match="0 annotation files for the split 'test'"):
        check(tmp_path, "test")


def test_every_problem_is_told_and_none_stops_the_rest(tmp_path: Path) -> None:
    outside: Box = (0, (90, 0, 20, 20))
    flat: Box = (1, (5, 5, 0, 10))
    write_coco(tmp_path, {"a.png": [*MANY, outside], "b.png": [flat], "c.png": []}, "train")
    write_coco(tmp_path, {"d.png": [(2, (0, 0, 9, 9))]}, "val", ("cat", "dog", "cow"))
    (tmp_path / "instances_test.json").write_text("{")
    for name, keep in (("c.png", -20), ("d.png", 0)):
        path = tmp_path / "images" / name
        path.write_bytes(path.read_bytes()[:keep])

    found = check(tmp_path).findings

    train, val = found.parts
    assert [train.broken, val.broken] == [1, 1]
    assert len(train.problems) == 3
    assert "a.png: box 41 leaves the picture of 96x64 by 14 px" in train.problems[0]
    assert "b.png: box 1 has no area" in train.problems[1]
    assert "c.png: the file ends early (truncated)" in train.problems[2]
    assert val.problems == ("d.png: empty file; replace or remove it",)
    assert len(found.problems) == 2
    assert "instances_test.json: not JSON" in found.problems[0]
    assert found.problems[1].startswith("val: boxes of cow, of which train has none")
    assert found.refused == 6


def test_parts_without_pictures_or_boxes_are_problems(tmp_path: Path) -> None:
    two_parts(tmp_path)
    write_coco(tmp_path, {}, "test")
    write_coco(tmp_path, {"e.png": []}, "extra")

    found = check(tmp_path).findings

    assert [part.name for part in found.parts] == ["train", "val", "test", "extra"]
    assert found.problems == (
        "test: no picture is listed; add some",
        "extra: no box in 1 pictures; annotate them",
    )


def test_leaks_duplicates_rare_classes_and_strays_are_worth_a_look(tmp_path: Path) -> None:
    images = tmp_path / "images"
    write_picture(images / "a.png", noise(96, 64, 1))
    shutil.copy(write_picture(images / "b.png", noise(96, 64, 2)), images / "copy.png")
    write_picture(images / "near.jpg", noise(96, 64, 1))
    write_picture(images / "stray.png", noise(96, 64, 3)[..., 0])
    write_coco(tmp_path, {"a.png": [CAT] * 20, "b.png": [DOG], "copy.png": []}, "train",
               ("cat", "dog", "cow"))  # fmt: skip
    write_coco(tmp_path, {"near.jpg": [CAT]}, "val", ("cat", "dog", "cow"))

    found = check(tmp_path).findings

    assert found.refused == 0
    assert found.unlisted == 1
    assert found.warnings == (
        "val: 1 of 1 look like one of train; e.g. near.jpg and a.png",
        "train: 1 of 3 pictures are the same file as an earlier one; e.g. copy.png and b.png",
        "no box of cow in any part; it will not be found",
        "train: fewer than 20 boxes of dog (1)",
        "1 picture files in the folder that no part lists",
    )


def test_kinds_of_pictures_are_counted(tmp_path: Path) -> None:
    images = tmp_path / "images"
    write_picture(images / "grey.png", noise(96, 64, 1)[..., 0])
    write_picture(images / "deep.png", noise(96, 64, 2).astype(np.uint16) * 256)
    write_coco(tmp_path, {"grey.png": MANY, "deep.png": [], "a.png": []})

    found = check(tmp_path).findings

    assert found.parts[0].kinds == {"grey": 1, "16-bit": 1}
    assert found.warnings == ("1 grey, 1 16-bit pictures; they become 8-bit colour when read",)


@pytest.mark.parametrize("side", [8, 8000])
def test_pictures_of_8_and_of_8000_pixels_are_checked(tmp_path: Path, side: int) -> None:
    write_picture(tmp_path / "images" / "a.jpg", np.full((side, side, 3), 200, np.uint8))
    write_coco(tmp_path, {"a.jpg": [(i % 2, (0, 0, side, side)) for i in range(40)]})

    found = check(tmp_path).findings

    assert (found.refused, found.warnings) == (0, ())
    assert found.parts[0].sizes == {f"{side}x{side}": 1}


def test_two_formats_and_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no ground truth here"):
        check(tmp_path)
    two_parts(tmp_path)
    (tmp_path / "data.yaml").write_text("names: [cat]\nval: images\n")
    with pytest.raises(DataError, match="in 2 formats, coco and yolo"):
        check(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        check(tmp_path / "none")


def test_yolo_and_voc_are_checked_too(tmp_path: Path) -> None:
    yolo, voc = tmp_path / "yolo", tmp_path / "voc"
    write_picture(yolo / "images" / "train" / "a.png", noise(96, 64))
    (yolo / "labels" / "train").mkdir(parents=True)
    (yolo / "labels" / "train" / "a.txt").write_text("0 .5 .5 .2 .2\n7 .5 .5 .2 .2\n")
    (yolo / "data.yaml").write_text("names: [cat]\ntrain: images/train\nval: images/val\n")
    write_picture(voc / "JPEGImages" / "a.png", noise(96, 64))
    (voc / "Annotations").mkdir()
    (voc / "Annotations" / "a.xml").write_text("<annotation><object/></annotation>")

    found = check(yolo).findings
    assert [part.name for part in found.parts] == ["train"]
    assert found.parts[0].problems == ("a.txt line 2: unknown category 7; data.yaml has 1",)
    assert "images/val: no such folder" in found.problems[0]
    assert "no size/width" in check(voc).findings.parts[0].problems[0]


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ([], (0, 0, 0)),
        ([[31, 33]], (1, 0, 0)),
        ([[32, 32], [95, 97]], (0, 2, 0)),
        ([[96, 96], [0, 50], [-3, -3]], (2, 0, 1)),
    ],
)
def test_box_sizes_are_counted_by_cocos_bounds(
    sides: list[list[float]], expected: tuple[int, int, int]
) -> None:
    found = box_sizes(np.array(sides, np.float32).reshape(-1, 2))
    assert tuple(found.values()) == expected


def test_findings_are_json(tmp_path: Path) -> None:
    found = check(two_parts(tmp_path)).findings

    told = json.loads(json.dumps(found.to_json()))

    assert told["refused"] == 0
    assert [part["name"] for part in told["parts"]] == ["train", "val"]


def test_the_page_shows_what_was_found(tmp_path: Path) -> None:
    two_parts(tmp_path)
    shutil.copy(tmp_path / "images" / "a.png", tmp_path / "images" / "c.png")
    broken = write_coco(tmp_path, {"<b>.png": [CAT]}, "test") / "images" / "<b>.png"
    broken.write_bytes(broken.read_bytes()[:-20])

    html = render(check(tmp_path))

    assert '<p class="big">1 problem</p>' in html
    assert "test: &lt;b&gt;.png: the file ends early" in html
    assert "val: 1 of 1 pictures are the same file as one of train" in html
    # train's two and val's one, and each of the pair again; the broken one is left out
    assert html.count("data:image/jpeg;base64,") == 5
    assert len(re.findall(r"<title>(?:cat|dog)</title>", html)) == 2 * (40 + 1)
    assert not re.search(r"https?://|<script", html)


def test_near_twins_of_real_sets_are_found(shared: Path) -> None:
    found = check(shared / "data" / "hit_uav").findings
    leaks = {(one.part, one.other): one.near for one in found.twins}

    assert found.refused == 0
    # frames of one flight lie in both; looked at by eye
    assert leaks["test", "train"] > 50
    for name in ("coco38", "voc50"):
        assert check(shared / "data" / "photos" / name).findings.twins == ()
