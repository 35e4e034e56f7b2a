from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_data import Box, write_coco

from edgecv.errors import DataError
from edgecv.recipe import TrainSettings
from edgecv.training.held_out import held_out
from edgecv.training.pictures import DatasetPictures, Pictures
from edgecv.training.splits import Subset, open_parts

CAT: Box = (0, (0, 0, 20, 20))
DOG: Box = (1, (5, 5, 20, 20))


def settings(**changes: Any) -> TrainSettings:
    return TrainSettings(**changes)


def names_of(pictures: Pictures) -> list[str]:
    assert isinstance(pictures, DatasetPictures)
    return [sample.path.name for sample in pictures.dataset.samples]


def test_named_splits_are_used_as_they_are(tmp_path: Path) -> None:
    write_coco(tmp_path, {"a.png": [CAT, DOG], "b.png": [CAT]}, "train")
    write_coco(tmp_path, {"c.png": [DOG]}, "val")

    train, val, notes = open_parts(tmp_path, settings(), 64)

    assert (names_of(train), names_of(val)) == (["a.png", "b.png"], ["c.png"])
    assert notes == ()


def test_other_names_can_be_given(tmp_path: Path) -> None:
    write_coco(tmp_path, {"a.png": [CAT]}, "fit2024")
    write_coco(tmp_path, {"b.png": [CAT]}, "check")

    train, val, _ = open_parts(tmp_path, settings(train_split="fit2024", val_split="check"), 64)

    assert (names_of(train), names_of(val)) == (["a.png"], ["b.png"])


@pytest.mark.parametrize("split", ["", "train"])
def test_without_val_a_fraction_of_train_is_held_out_and_it_is_said(
    tmp_path: Path, split: str
) -> None:
    write_coco(tmp_path, {f"{i}.png": [CAT, DOG] for i in range(40)}, split)

    train, val, notes = open_parts(tmp_path, settings(val_fraction=0.25), 64)

    assert not {*names_of(train)} & {*names_of(val)}
    assert len(train) + len(val) == 40
    assert 4 <= len(val) <= 16
    assert len(notes) == 1
    assert f"no split 'val'; {len(val)} of 40 pictures are held out" in notes[0]
    assert "seed 0" in notes[0]


def test_the_only_picture_of_a_class_is_never_held_out(tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(20)]
    chosen = names[int(np.flatnonzero(held_out(names, 0.3, 0))[0])]
    write_coco(tmp_path, {name: [DOG if name == chosen else CAT] for name in names})

    train, val, _ = open_parts(tmp_path, settings(val_fraction=0.3), 64)

    assert chosen in names_of(train)
    assert len(val) == held_out(names, 0.3, 0).sum() - 1


def test_another_picture_is_held_out_where_the_chosen_one_cannot_be(tmp_path: Path) -> None:
    write_coco(tmp_path, {"a.png": [CAT, DOG], "b.png": [DOG], "c.png": [], "d.png": [CAT]})

    for seed in range(8):
        train, val, _ = open_parts(tmp_path, settings(val_fraction=0.01, seed=seed), 64)
        assert {*names_of(val)} & {"a.png", "b.png", "d.png"}
        assert {*names_of(train), *names_of(val)} == {"a.png", "b.png", "c.png", "d.png"}


@pytest.mark.parametrize("boxes", [{"a.png": [CAT]}, {"a.png": [CAT], "b.png": [DOG]}])
def test_too_few_pictures_to_hold_some_out_are_refused(
    tmp_path: Path, boxes: dict[str, list[Box]]
) -> None:
    write_coco(tmp_path, boxes)

    with pytest.raises(DataError, match=r"too few to hold some out .* a split 'val'"):
        open_parts(tmp_path, settings(), 64)


def test_a_class_in_val_only_is_refused_by_name(tmp_path: Path) -> None:
    write_coco(tmp_path, {"a.png": [CAT]}, "train")
    write_coco(tmp_path, {"b.png": [CAT, DOG]}, "val")

    with pytest.raises(DataError, match=r"'dog' has boxes in \S+ val and none in \S+ train"):
        open_parts(tmp_path, settings(), 64)


def test_a_class_without_any_box_is_said_and_kept(tmp_path: Path) -> None:
    for split in ("train", "val"):
        write_coco(tmp_path, {f"{split}.png": [CAT]}, split)

    train, _, notes = open_parts(tmp_path, settings(), 64)

    assert train.class_names == ("cat", "dog")
    assert len(notes) == 1
    assert "no box of dog; the network gets these classes and will not find them" in notes[0]


def test_val_gets_the_class_numbers_of_train(tmp_path: Path) -> None:
    write_coco(tmp_path, {"a.png": [CAT, DOG]}, "train")
    write_coco(tmp_path, {"b.png": [(0, (0, 0, 9, 9)), (2, (1, 1, 9, 9))]}, "val",
               ("dog", "cow", "cat"))  # fmt: skip

    train, val, _ = open_parts(tmp_path, settings(), 64)

    assert train.class_names == val.class_names == ("cat", "dog")
    assert val.picture(0).class_ids.tolist() == [1, 0]


@pytest.mark.parametrize(("train", "val", "part"), [([], [CAT], "train"), ([CAT], [], "val")])
def test_a_part_without_a_box_is_refused(
    tmp_path: Path, train: list[Box], val: list[Box], part: str
) -> None:
    write_coco(tmp_path, {"a.png": train}, "train")
    write_coco(tmp_path, {"b.png": val}, "val")

    with pytest.raises(DataError, match=rf"no box in \S+ {part}; annotate"):
        open_parts(tmp_path, settings(), 64)


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_part_without_a_picture_is_refused(tmp_path: Path, split: str) -> None:
    for name in ("train", "val"):
        write_coco(tmp_path, {} if name == split else {"a.png": [CAT]}, name)

    with pytest.raises(DataError, match="lists no picture"):
        open_parts(tmp_path, settings(), 64)


def test_a_set_without_any_box_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no box in"):
        open_parts(write_coco(tmp_path, {"a.png": [], "b.png": []}), settings(), 64)


def test_wrong_names_of_splits_are_refused_with_those_there_are(tmp_path: Path) -> None:
    write_coco(tmp_path, {"a.png": [CAT]}, "default")

    with pytest.raises(DataError, match=r"no split 'train'.*default.*train.train_split=default"):
        open_parts(tmp_path, settings(), 64)
    with pytest.raises(DataError, match="both 'default'"):
        open_parts(tmp_path, settings(train_split="default", val_split="default"), 64)
    with pytest.raises(DataError, match="no data to train on"):
        open_parts(None, settings(), 64)


def test_train_is_decoded_for_the_largest_input_and_val_as_it_is(tmp_path: Path) -> None:
    for split in ("train", "val"):
        write_coco(tmp_path, {f"{split}.png": [CAT]}, split, size_wh=(400, 300))

    train, val, _ = open_parts(tmp_path, settings(), 64)  # and up to 128 by multi-scale

    assert train.picture(0).image.shape == (300, 400, 3)
    assert open_parts(tmp_path, settings(), 32).train.picture(0).image.shape == (150, 200, 3)
    assert val.picture(0).image.shape == (300, 400, 3)


def test_a_subset_is_some_of_the_pictures(tmp_path: Path) -> None:
    write_coco(tmp_path, {f"{i}.png": [CAT, DOG] for i in range(4)})
    whole = open_parts(tmp_path, settings(val_fraction=0.01), 64).train
    some = Subset(whole, [1], "one")

    assert (len(some), some.name, some.class_names) == (1, "one", ("cat", "dog"))
    assert (some.picture(0).image == whole.picture(1).image).all()
    assert some.digest not in (whole.digest, Subset(whole, [0], "one").digest)


def test_real_sets_have_the_parts_of_their_files(shared: Path) -> None:
    for name, counts in {"deeppcb": (900, 100), "hit_uav": (1014, 145)}.items():
        train, val, notes = open_parts(shared / "data" / name, settings(), 416)
        assert ((len(train), len(val)), notes) == (counts, ())
