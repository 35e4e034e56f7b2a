from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgecv.data.dataset import (
    Dataset,
    class_map,
    format_of,
    open_dataset,
    read_dataset,
    split_names,
)
from edgecv.errors import DataError

CATEGORIES = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}]


def picture(path: Path, width: int = 60, height: int = 40) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))
    return path


def image(key: int, name: str, width: int = 60, height: int = 40) -> dict[str, Any]:
    return {"id": key, "file_name": name, "width": width, "height": height}


def mark(image_id: int, box: list[float], category: int = 3, **more: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": image_id, "category_id": category, "bbox": box, **more}


def coco(folder: Path, marks: list[Any], name: str = "instances.json", **more: Any) -> Path:
    """A data set of two pictures, 11 and 12, with these annotations."""
    for stem in ("a", "b"):
        picture(folder / "images" / f"{stem}.png")
    content = {
        "images": [image(11, "a.png"), image(12, "b.png")],
        "annotations": marks,
        "categories": CATEGORIES,
        **more,
    }
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(content))
    return folder


def yolo(folder: Path, labels: dict[str, str], **more: Any) -> Path:
    for stem, text in labels.items():
        picture(folder / "images" / "val" / f"{stem}.png")
        label = folder / "labels" / "val" / f"{stem}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(text)
    content = {"val": "images/val", "names": ["cat", "dog"], **more}
    (folder / "data.yaml").write_text(json.dumps(content))  # JSON is YAML
    return folder


def voc(folder: Path, objects: str, name: str = "a", size: tuple[int, int] = (60, 40)) -> Path:
    picture(folder / "JPEGImages" / f"{name}.png")
    (folder / "Annotations").mkdir(exist_ok=True)
    (folder / "Annotations" / f"{name}.xml").write_text(
        f"<annotation><filename>{name}.png</filename><size><width>{size[0]}</width>"
        f"<height>{size[1]}</height></size>{objects}</annotation>"
    )
    return folder


def voc_object(name: str, box: tuple[int, int, int, int], difficult: int = 0) -> str:
    sides = "".join(
        f"<{side}>{value}</{side}>"
        for side, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    tail = f"<difficult>{difficult}</difficult><bndbox>{sides}</bndbox>"
    return f"<object><name>{name}</name>{tail}</object>"


def test_coco_is_read(tmp_path: Path) -> None:
    marks = [
        mark(12, [1, 2, 10, 20], category=7, area=33.5, iscrowd=1),
        mark(12, [0, 0, 4, 5]),
    ]

    found = open_dataset(coco(tmp_path / "set", marks))

    assert (found.name, found.format, found.class_names) == ("set", "coco", ("cat", "dog"))
    first, second = found.samples
    assert (first.image_id, first.width, first.height) == (11, 60, 40)
    assert first.boxes_xyxy.shape == (0, 4)
    assert second.path == tmp_path / "set" / "images" / "b.png"
    assert second.boxes_xyxy.tolist() == [[1, 2, 11, 22], [0, 0, 4, 5]]
    assert second.class_ids.tolist() == [1, 0]
    assert second.crowd.tolist() == [True, False]
    assert second.areas.tolist() == [33.5, 20]


@pytest.mark.parametrize("name", ["instances_val.json", "annotations/instances_val2017.json"])
def test_coco_split_is_chosen_by_name_and_is_val_by_default(tmp_path: Path, name: str) -> None:
    coco(tmp_path, [mark(11, [0, 0, 4, 4])], name.replace("val", "train"))
    coco(tmp_path, [mark(12, [0, 0, 8, 8])], name)

    assert open_dataset(tmp_path).samples[1].boxes_xyxy.tolist() == [[0, 0, 8, 8]]
    assert open_dataset(tmp_path, "train").samples[0].boxes_xyxy.tolist() == [[0, 0, 4, 4]]
    with pytest.raises(DataError, match=r"0 annotation files for the split 'test'.*instances"):
        open_dataset(tmp_path, "test")


def test_coco_captions_beside_the_instances_are_left_alone(tmp_path: Path) -> None:
    coco(tmp_path, [mark(11, [0, 0, 4, 4])], "annotations/instances_val2017.json")
    (tmp_path / "annotations" / "captions_val2017.json").write_text("{}")

    assert len(open_dataset(tmp_path).samples) == 2


@pytest.mark.parametrize("place", ["images", ".", "val2017", "images/val2017"])
def test_coco_pictures_are_found_where_people_put_them(tmp_path: Path, place: str) -> None:
    coco(tmp_path, [], "annotations/instances_val2017.json")
    for name in ("a.png", "b.png"):
        (tmp_path / "images" / name).unlink()
        picture(tmp_path / place / name)

    assert open_dataset(tmp_path).samples[0].path == tmp_path / place / "a.png"


def test_real_sets_are_read_whole(shared: Path) -> None:
    counts = {"photos/coco38": (38, 424, 80), "photos/voc50": (50, 133, 20)}
    counts |= {"deeppcb": (100, 660, 6), "hit_uav": (145, 1175, 4)}
    for name, expected in counts.items():
        found = open_dataset(shared / "data" / name)
        boxes = sum(len(sample.boxes_xyxy) for sample in found.samples)
        assert (len(found.samples), boxes, len(found.class_names)) == expected, name


def test_every_problem_of_the_boxes_is_counted_and_five_are_named(tmp_path: Path) -> None:
    marks = [
        mark(11, [50, 0, 30, 10]),  # leaves the picture by 20
        mark(11, [5, 5, 0, 10]),  # no width
        mark(11, [0, 0, 10, 10], category=99),
        mark(77, [0, 0, 10, 10]),  # no such image
        mark(12, [0, 0, 10]),  # three numbers
        mark(12, [-5, 0, 10, 10]),
        mark(12, [0, 0, 10, 60]),
    ]

    with pytest.raises(DataError) as error:
        open_dataset(coco(tmp_path, marks))

    message = str(error.value)
    assert f"{tmp_path}: 7 problems in the ground truth; correct the annotations" in message
    assert "unknown category 99" in message
    assert "a.png: box 1 leaves the picture of 60x40 by 20 px: 50 0 80 10" in message
    assert "image 77, which is not listed" in message
    assert "needs image_id, category_id, bbox of 4" in message
    assert message.count("\n") == 6
    assert message.endswith("and 2 more")


def test_a_box_without_area_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 problem .*\n  a.png: box 1 has no area"):
        open_dataset(coco(tmp_path, [mark(11, [5, 5, 0, 10])]))


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_a_box_that_is_not_finite_is_refused(tmp_path: Path, value: str) -> None:
    coco(tmp_path, [mark(11, [5, 5, 10, 0.25])])
    path = tmp_path / "instances.json"
    path.write_text(path.read_text().replace("0.25", value))

    with pytest.raises(DataError, match="box 1 is not finite"):
        open_dataset(tmp_path)


def test_a_box_may_leave_the_picture_by_one_pixel_and_is_kept_as_it_is(tmp_path: Path) -> None:
    found = open_dataset(coco(tmp_path, [mark(11, [-1, 0, 62, 41])]))

    assert found.samples[0].boxes_xyxy.tolist() == [[-1, 0, 61, 41]]


def test_missing_damaged_and_turned_pictures_are_named(tmp_path: Path) -> None:
    coco(tmp_path, [], images=[image(1, "a.png"), image(2, "b.png"), image(3, "c.png")])
    whole = (tmp_path / "images" / "a.png").read_bytes()
    (tmp_path / "images" / "a.png").write_bytes(whole[:60])
    picture(tmp_path / "images" / "b.png", width=40, height=60)

    with pytest.raises(DataError) as error:
        open_dataset(tmp_path)

    lines = str(error.value).splitlines()
    assert "3 problems" in lines[0]
    assert lines[1].startswith("  a.png: the file ends early")
    assert lines[2].startswith("  b.png: annotated as 60x40, the picture is 40x60 (upright")
    assert lines[3].startswith("  c.png: cannot be read")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "expected the lists"),
        ('{"images": [], "annotations": []}', "expected the lists"),
        ('{"images": [], "annotations": [], "categories": [{"id": "x"}]}', "a category needs"),
        ('{"images": [], "annotations": [], "categories": []}', "lists no picture"),
        ('{"images": [{}], "annotations": [], "categories": []}', "an image needs"),
        ('{"images": [], "annotations": [4], "categories": []}', "an annotation needs"),
    ],
)
def test_json_that_is_not_coco_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "instances.json").write_text(text)

    with pytest.raises(DataError, match=reason):
        open_dataset(tmp_path)


def test_ids_that_are_used_twice_are_refused(tmp_path: Path) -> None:
    twice = [image(1, "a.png"), image(1, "b.png")]
    categories = [{"id": 1, "name": "x"}, {"id": 1, "name": "y"}]

    with pytest.raises(DataError, match=r"2 problems(.|\n)*categories share(.|\n)*images share"):
        open_dataset(coco(tmp_path, [], images=twice, categories=categories))


def test_yolo_is_read(tmp_path: Path) -> None:
    found = open_dataset(yolo(tmp_path / "set", {"a": "1 0.5 0.5 0.5 0.25\n\n", "b": ""}))

    assert (found.name, found.format, found.class_names) == ("set val", "yolo", ("cat", "dog"))
    assert found.samples[0].boxes_xyxy.tolist() == [[15, 15, 45, 25]]
    assert found.samples[0].class_ids.tolist() == [1]
    assert found.samples[0].areas.tolist() == [300]
    assert not found.samples[0].crowd.any()
    assert len(found.samples[1].boxes_xyxy) == 0


def test_yolo_picture_without_a_label_file_is_empty(tmp_path: Path) -> None:
    folder = yolo(tmp_path, {"a": "0 0.5 0.5 0.5 0.5"})
    picture(folder / "images" / "val" / "z.png")

    assert [len(sample.boxes_xyxy) for sample in open_dataset(folder).samples] == [1, 0]


@pytest.mark.parametrize(
    ("more", "count"),
    [
        ({"names": {"0": "x"}}, None),
        ({"names": {0: "cat", 1: "dog"}}, None),
        ({"val": "../images/val"}, 1),
        ({"path": "somewhere/else"}, 1),
        ({"path": "."}, 1),
        ({"val": ["images/val"]}, 1),
        ({"val": "list.txt"}, 1),
        ({"train": "images/val", "val": None}, 1),
    ],
)
def test_yolo_yaml_as_exporters_write_it(
    tmp_path: Path, more: dict[str, Any], count: int | None
) -> None:
    yolo(tmp_path, {"a": "0 0.5 0.5 0.5 0.5"}, **more)
    (tmp_path / "list.txt").write_text("./images/val/a.png\n")

    if count is None:  # JSON turns the keys to text, so these names have no order
        with pytest.raises(DataError, match="should list the classes"):
            open_dataset(tmp_path)
    else:
        assert len(open_dataset(tmp_path).samples) == count


def test_yolo_names_may_be_numbered(tmp_path: Path) -> None:
    yolo(tmp_path, {"a": "1 0.5 0.5 0.5 0.5"})
    (tmp_path / "data.yaml").write_text("val: images/val\nnames:\n  1: dog\n  0: cat\n")

    assert open_dataset(tmp_path).class_names == ("cat", "dog")


def test_yolo_rows_that_cannot_be_right_are_named_with_their_line(tmp_path: Path) -> None:
    rows = ["0 .5 .5 .5 .5", "5 .5 .5 .5 .5", "0 .5 .5 .5", "x .5 .5 .5 .5", "0 .9 .5 .5 .5"]

    with pytest.raises(DataError) as error:
        open_dataset(yolo(tmp_path, {"a": "\n".join(rows)}))

    message = str(error.value)
    assert "4 problems" in message
    assert "a.txt line 2: unknown category 5; data.yaml has 2" in message
    assert "a.txt line 3: expected 'class x y width height', found '0 .5 .5 .5'" in message
    assert "a.txt line 4: expected" in message
    assert "a.png: box 2 leaves the picture of 60x40 by 9 px" in message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [", "not YAML"),
        ("- x", "expected the keys"),
        ("val: images/val", "'names' should list"),
        ("val: images/val\nnames: [a]\nnc: 2", "'nc' is 2, but 'names' has 1"),
        ("names: [a]", "no split 'val'; it has none"),
        ("names: [a]\ntrain: x\ntest: y", "no split 'val'; it has train, test"),
        ("names: [a]\nval: gone", "no such folder"),
        ("names: [a]\nval: unlabelled", "no label file for any picture of 'val'"),
    ],
)
def test_yolo_yaml_that_cannot_be_right_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    picture(tmp_path / "unlabelled" / "a.png")
    (tmp_path / "data.yaml").write_text(text)

    with pytest.raises(DataError, match=reason):
        open_dataset(tmp_path)


def test_voc_is_read_with_pixels_counted_from_one(tmp_path: Path) -> None:
    objects = voc_object("dog", (1, 1, 60, 40)) + voc_object("cat", (11, 6, 20, 15), difficult=1)

    found = open_dataset(voc(tmp_path / "set", objects))

    assert (found.name, found.format, found.class_names) == ("set", "voc", ("cat", "dog"))
    assert found.samples[0].boxes_xyxy.tolist() == [[0, 0, 60, 40], [10, 5, 20, 15]]
    assert found.samples[0].class_ids.tolist() == [1, 0]
    assert found.samples[0].crowd.tolist() == [False, True]


def test_voc_split_is_a_list_of_names(tmp_path: Path) -> None:
    for name in ("a", "b"):
        voc(tmp_path, voc_object("dog", (1, 1, 5, 5)), name)
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Main" / "val.txt").write_text("b\n")

    assert [sample.path.stem for sample in open_dataset(tmp_path, "val").samples] == ["b"]
    assert len(open_dataset(tmp_path).samples) == 2
    with pytest.raises(DataError, match=r"no split 'test': expected the list .*test\.txt"):
        open_dataset(tmp_path, "test")


def test_voc_xml_beside_a_picture_that_was_renamed_finds_it_by_its_own_name(
    tmp_path: Path,
) -> None:
    picture(tmp_path / "new.png")
    (tmp_path / "new.xml").write_text(
        "<annotation><filename>old.png</filename><size><width>60</width><height>40</height>"
        f"</size>{voc_object('dog', (1, 1, 5, 5))}</annotation>"
    )

    assert open_dataset(tmp_path).samples[0].path == tmp_path / "new.png"


def test_voc_problems_are_named(tmp_path: Path) -> None:
    voc(tmp_path, "<object><name>dog</name></object>", "a")
    voc(tmp_path, voc_object("dog", (1, 1, 90, 5)), "b")
    voc(tmp_path, "", "c", size=(61, 40))
    (tmp_path / "Annotations" / "d.xml").write_text("<annotation>")
    (tmp_path / "Annotations" / "e.xml").write_text("<annotation/>")

    with pytest.raises(DataError) as error:
        open_dataset(tmp_path)

    message = str(error.value)
    assert "5 problems" in message
    assert "a.xml: object 1 needs a name and a bndbox of 4 numbers" in message
    assert "b.png: box 1 leaves the picture of 60x40 by 30 px" in message
    assert "c.png: annotated as 61x40, the picture is 60x40\n" in message + "\n"
    assert "d.xml: not XML" in message
    assert "e.xml: no size/width and size/height" in message


def test_a_folder_without_ground_truth_says_what_was_looked_for(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")

    with pytest.raises(DataError, match=r"instances\.json.*data\.yaml.*Annotations/\*\.xml"):
        open_dataset(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        open_dataset(tmp_path / "gone")


def test_two_formats_at_once_are_refused(tmp_path: Path) -> None:
    coco(tmp_path, [])
    yolo(tmp_path, {"a": ""})

    with pytest.raises(DataError, match=r"2 formats, coco and yolo \(instances.json, data.yaml\)"):
        open_dataset(tmp_path)


def named(tmp_path: Path, names: list[str], used: list[int]) -> Dataset:
    rows = "\n".join(f"{index} 0.5 0.5 0.5 0.5" for index in used)
    return open_dataset(yolo(tmp_path, {"a": rows}, names=names))


def test_classes_are_matched_by_name(tmp_path: Path) -> None:
    dataset = named(tmp_path, ["Dining_Table", "CAT", "t v"], [0, 1])

    found = class_map(dataset, ["cat", "tv", "dining table"])

    assert found.tolist() == [2, 0, 1]
    assert found.dtype == np.int64


def test_a_class_that_the_model_lacks_may_stay_if_no_box_has_it(tmp_path: Path) -> None:
    assert class_map(named(tmp_path, ["cat", "robot"], [0]), ["cat"]).tolist() == [0, -1]


def test_a_class_with_boxes_that_the_model_lacks_is_refused(tmp_path: Path) -> None:
    dataset = named(tmp_path, ["cat", "aeroplane", "robot"], [0, 1, 1, 2])

    with pytest.raises(DataError) as error:
        class_map(dataset, ["cat", "airplane"])

    message = str(error.value)
    assert "2 classes that the model does not know" in message
    assert "'aeroplane' (2 boxes); the nearest the model has is 'airplane'" in message
    assert "'robot' (1 boxes)" in message


def test_of_many_unknown_classes_a_few_are_named_and_no_far_one_is_proposed(
    tmp_path: Path,
) -> None:
    names = [f"thing {letter}" for letter in "abcdefghijkl"]
    with pytest.raises(DataError) as error:
        class_map(named(tmp_path, names, list(range(12))), ["washer", "bolt"])
    lines = str(error.value).splitlines()
    assert len(lines) == 10
    assert lines[-1] == "  and 4 more"
    assert "nearest" not in str(error.value)


def test_classes_that_differ_only_in_spelling_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'cat', 'Cat' differ only in spelling"):
        class_map(named(tmp_path, ["cat", "Cat"], [0, 1]), ["cat", "dog"])


def test_real_classes_match_across_sets(shared: Path) -> None:
    photos = shared / "data" / "photos"
    model = open_dataset(photos / "coco38").class_names

    found = class_map(open_dataset(photos / "voc50"), model)

    assert len(set(found.tolist())) == 20
    assert model[found[0]] == "person"


def test_the_splits_of_each_format_are_known(tmp_path: Path) -> None:
    for name in ("instances_val.json", "instances_train2017.json"):
        coco(tmp_path / "coco", [], name)
    coco(tmp_path / "one", [])
    yolo(tmp_path / "yolo", {"a": "0 .5 .5 .1 .1"}, train="images/val")
    voc(tmp_path / "voc", "")
    lists = tmp_path / "voc" / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    for name in ("train", "trainval", "cat_train"):
        (lists / f"{name}.txt").write_text("a\n")

    assert split_names(tmp_path / "coco") == ["train2017", "val"]
    assert split_names(tmp_path / "one") == []
    assert split_names(tmp_path / "yolo") == ["train", "val"]
    assert split_names(tmp_path / "voc") == ["train"]


def test_a_split_named_exactly_goes_before_one_that_begins_so(tmp_path: Path) -> None:
    coco(tmp_path, [mark(11, [0, 0, 4, 4])], "instances_train.json")
    coco(tmp_path, [], "instances_train_more.json")

    assert len(open_dataset(tmp_path, "train").samples[0].boxes_xyxy) == 1


def test_a_set_is_read_with_its_problems_where_opening_refuses_it(tmp_path: Path) -> None:
    coco(tmp_path, [mark(11, [5, 5, 0, 10]), mark(12, [0, 0, 9, 9])])

    found, problems = read_dataset(tmp_path)

    assert problems == ["a.png: box 1 has no area: 5 5 5 15 as left, top, right, bottom"]
    assert [len(sample.boxes_xyxy) for sample in found.samples] == [1, 1]
    assert format_of(tmp_path) == "coco"
    with pytest.raises(DataError, match="1 problem in the ground truth"):
        open_dataset(tmp_path)
