from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import invalidate_caches
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_data import noise
from PIL import Image as Pil
from torchvision.tv_tensors import BoundingBoxes

from edgecv.errors import DataError
from edgecv.recipe import TrainSettings
from edgecv.training.batches import batches
from edgecv.training.custom import CustomPictures, open_custom
from edgecv.training.custom_item import labelled
from edgecv.training.splits import open_parts

MODULE = """
import numpy as np
from torch.utils.data import Dataset

class Parts(Dataset):
    class_names = ["bolt", "nut"]
    def __init__(self, count):
        self.count = count
    def __len__(self):
        return self.count
    def __getitem__(self, index):
        image = np.full((40, 60, 3), index, np.uint8)
        return image, {"boxes": [[1, 2, 30, 20]], "labels": [index % 2]}

def make(split):
    return {"train": Parts(10), "val": Parts(3)}.get(split)

def whole(split):
    return Parts(10) if split == "train" else None

def other(split):
    found = Parts(2)
    found.class_names = ["bolt"] if split == "val" else ["bolt", "nut"]
    return found

def nothing(split):
    return None

def empty(split):
    return Parts(0)

def fails(split):
    raise KeyError("the folder")

def a_list(split):
    return [1, 2]

def without_argument():
    return Parts(3)

value = 3
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "my_parts.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    yield "my_parts"
    sys.modules.pop("my_parts", None)


def test_a_function_beside_the_caller_gives_both_parts(module: str) -> None:
    train, val, notes = open_parts(None, TrainSettings(custom=f"{module}:make"), 64)

    assert (len(train), len(val), notes) == (10, 3, ())
    assert train.class_names == ("bolt", "nut")
    image, boxes, class_ids = train.picture(7)
    assert (image.shape, int(image[0, 0, 0])) == ((40, 60, 3), 7)
    assert (boxes.tolist(), class_ids.tolist()) == ([[1, 2, 30, 20]], [1])
    assert train.digest != val.digest


def digest_of(module: str, text: str) -> str:
    """Of the training part of a module as that text would have it."""
    Path(f"{module}.py").write_text(text)
    sys.modules.pop(module, None)
    invalidate_caches()
    return open_parts(None, TrainSettings(custom=f"{module}:make"), 64).train.digest


def test_another_text_of_the_function_is_another_set(module: str) -> None:
    first = digest_of(module, MODULE)
    assert digest_of(module, MODULE) == first
    assert digest_of(module, MODULE.replace("index, np.uint8", "index + 1, np.uint8")) != first


def test_another_text_of_a_class_from_elsewhere_is_another_set(module: str) -> None:
    text = "from set_of_parts import Parts\ndef make(split):\n    return Parts(10)\n"
    digests = []
    for fill in ("index", "index + 1"):
        Path("set_of_parts.py").write_text(MODULE.replace("index, np.uint8", f"{fill}, np.uint8"))
        sys.modules.pop("set_of_parts", None)
        digests.append(digest_of(module, text))
    sys.modules.pop("set_of_parts", None)
    assert len(set(digests)) == 2


def test_a_function_without_a_file_can_be_asked_too(module: str) -> None:
    Path(f"{module}.py").write_text(MODULE + "import functools\nmake = functools.partial(make)\n")
    assert len(open_parts(None, TrainSettings(custom=f"{module}:make"), 64).train.digest) == 64


def test_the_working_folder_is_not_left_on_the_path(module: str) -> None:
    before = list(sys.path)
    open_custom(f"{module}:make", "train")
    assert sys.path == before


def test_where_there_is_no_val_a_fraction_is_held_out(module: str) -> None:
    train, val, notes = open_parts(None, TrainSettings(custom=f"{module}:whole"), 64)

    assert len(train) + len(val) == 10
    assert "held out of train by their numbers and seed 0" in notes[0]
    seen = {int(part.picture(i).image[0, 0, 0]) for part in (train, val) for i in range(len(part))}
    assert seen == set(range(10))


def test_a_custom_set_is_trained_on_like_any_other(module: str) -> None:
    settings = TrainSettings(custom=f"{module}:make", batch=4, workers=2)
    train = open_parts(None, settings, 64).train

    assert [len(batch.images) for batch in batches(train, settings, 64, 0)] == [4, 4, 4]


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("no_such_module:make", r"no module 'no_such_module' in .* set PYTHONPATH"),
        ("my_parts:mkae", r"my_parts has no function 'mkae'"),
        ("my_parts:value", r"my_parts has no function 'value'"),
        ("my_parts:nothing", r"nothing\('train'\): returned None, expected a torch Dataset"),
        ("my_parts:empty", r"empty\('train'\): returned an empty Dataset; expected pictures"),
        ("my_parts:fails", r"\('train'\) raised KeyError: 'the folder' \(my_parts.py, line \d+\)"),
        ("my_parts:a_list", r"returned a list without class_names; expected a torch Dataset"),
        ("my_parts:without_argument", r"raised TypeError: .*takes 0 positional arguments"),
        ("my_parts:other", r"class_names of 'val' are \['bolt'\], those of 'train' \['bolt', "),
    ],
)
def test_a_wrong_function_is_refused_in_one_line(module: str, reference: str, told: str) -> None:
    with pytest.raises(DataError, match=told) as error:
        open_parts(None, TrainSettings(custom=reference), 64)
    assert "\n" not in str(error.value)


def test_a_module_that_fails_to_import_is_told_with_its_line(tmp_path: Path, module: str) -> None:
    (tmp_path / "bad_parts.py").write_text("x = 1\nimport not_installed_at_all\n")

    with pytest.raises(DataError, match=r"raised ModuleNotFoundError: .*not_installed_at_all.*2"):
        open_custom("bad_parts:make", "train")


@pytest.mark.parametrize("names", [[], "bolt", [1, 2], None])
def test_class_names_are_names(names: Any) -> None:
    class Wrong:
        class_names = names

        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> None: ...

    with pytest.raises(DataError, match=r"class_names is .* expected a list of names"):
        CustomPictures("m:f", "train", Wrong())


BGR = noise(6, 4)
RGB = np.ascontiguousarray(BGR[..., ::-1])


@pytest.mark.parametrize(
    "picture",
    [
        BGR,
        torch.from_numpy(RGB).permute(2, 0, 1),
        torch.from_numpy(RGB).permute(2, 0, 1) / 255,
        Pil.fromarray(RGB),
    ],
    ids=["array", "tensor", "float tensor", "PIL"],
)
@pytest.mark.parametrize(
    "boxes",
    [
        np.array([[1, 1, 5, 3]], np.float64),
        torch.tensor([[1, 1, 5, 3]]),
        [[1, 1, 5, 3]],
        BoundingBoxes(torch.tensor([[1, 1, 4, 2]]), format="XYWH", canvas_size=(4, 6)),
    ],
    ids=["array", "tensor", "list", "BoundingBoxes of another format"],
)
def test_each_form_of_picture_and_boxes_is_understood(picture: Any, boxes: Any) -> None:
    found = labelled("item", (picture, {"boxes": boxes, "labels": torch.tensor([1])}), 2)

    assert (found.image == BGR).all()
    assert (found.boxes_xyxy.tolist(), found.class_ids.tolist()) == ([[1, 1, 5, 3]], [1])
    assert (found.boxes_xyxy.dtype, found.class_ids.dtype) == (np.float32, np.int64)


@pytest.mark.parametrize("boxes", [[], np.zeros((0, 4)), torch.zeros(0, 4)])
def test_an_item_may_have_no_box(boxes: Any) -> None:
    found = labelled("item", (BGR, {"boxes": boxes, "labels": []}), 2)
    assert (found.boxes_xyxy.shape, found.class_ids.shape) == ((0, 4), (0,))


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (BGR, r"item is a ndarray \(4, 6, 3\) uint8, expected \(picture, \{"),
        ((BGR, [[1, 1, 2, 2]]), r"item is a tuple, expected \(picture"),
        ((BGR, {"bbox": [], "labels": []}), r"lacks boxes; its keys are \['bbox', 'labels'\]"),
        ((BGR.astype(np.float32), {}), "lacks boxes and labels"),
    ],
)
def test_an_item_of_another_form_is_refused(item: Any, told: str) -> None:
    with pytest.raises(DataError, match=told):
        labelled("item", item, 2)


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        (BGR[..., 0], r"\(4, 6\) uint8, expected \(H, W, 3\) uint8 BGR"),
        (BGR.astype(np.float32), r"float32, expected"),
        (np.zeros((0, 4, 3), np.uint8), r"\(0, 4, 3\) uint8, expected"),
        (torch.zeros(4, 6, 3), r"Tensor \(4, 6, 3\) torch.float32, expected"),
        (torch.full((3, 4, 6), 200.0), r"tensor of 200 to 200, expected \[0, 1\]"),
        (torch.full((3, 4, 6), float("nan")), r"tensor of nan to nan"),
        (torch.zeros(3, 4, 6, dtype=torch.int64), r"int64, expected"),
        ("a.png", r"the picture is a str, expected"),
    ],
)
def test_a_wrong_picture_is_refused(picture: Any, told: str) -> None:
    with pytest.raises(DataError, match=told):
        labelled("item", (picture, {"boxes": [], "labels": []}), 2)


@pytest.mark.parametrize(
    ("boxes", "labels", "told"),
    [
        ([[1, 1, 5]], [0], r"boxes are \(1, 3\), expected \(N, 4\) xyxy"),
        ([1, 1, 5, 3], [0], r"boxes are \(4,\), expected"),
        ([[1, 1, 1, 3]], [0], "box 1 has no area: 1 1 1 3"),
        ([[1, 1, 5, 3], [0, 0, 9, 3]], [0, 0], "box 2 leaves the picture of 6x4 by 3 px"),
        ([[0, 0, float("nan"), 3]], [0], "box 1 is not finite"),
        ([["a", 0, 1, 1]], [0], "boxes are .* expected numbers"),
        ([[1, 1, 5, 3], [1]], [0], "boxes are .* expected numbers"),
        ([[1, 1, 5, 3]], [0, 1], r"labels are \(2,\) int64, expected 1 whole numbers"),
        ([[1, 1, 5, 3]], [0.5], "labels are .* float64, expected 1 whole"),
        ([[1, 1, 5, 3]], [2], "labels reach from 2 to 2, expected 0 to 1 for 2 class names"),
        ([[1, 1, 5, 3]], [-1], "labels reach from -1 to -1"),
    ],
)
def test_wrong_boxes_and_labels_are_refused(boxes: Any, labels: Any, told: str) -> None:
    with pytest.raises(DataError, match=told):
        labelled("item", (BGR, {"boxes": boxes, "labels": labels}), 2)
