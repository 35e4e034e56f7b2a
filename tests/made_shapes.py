"""Squares and discs on noise, as pictures to train on within seconds."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from torch import nn

from edgecv.models.yolox import Yolox, YoloxConfig
from edgecv.recipe import AugmentSettings, TrainSettings
from edgecv.training.pictures import Labelled

CLASSES = ("square", "disc")
STILL = AugmentSettings(
    mosaic=0, degrees=0, translate=0, scale=(1, 1), shear=0, hue=0, saturation=0, value=0,
    flip=0, multiscale=0,
)  # fmt: skip


class Shapes:
    """`count` pictures of `side` pixels with one or two shapes each, the first numbered `first`."""

    class_names = CLASSES

    def __init__(self, count: int, side: int = 64, first: int = 0, name: str = "shapes") -> None:
        self.name = name
        self._count, self._side, self._first = count, side, first

    @property
    def digest(self) -> str:
        return f"{self._count} {self._side} {self._first}"

    def __len__(self) -> int:
        return self._count

    def picture(self, index: int) -> Labelled:
        draw = np.random.default_rng(self._first + index)
        side = self._side
        image = draw.integers(90, 110, (side, side, 3), dtype=np.uint8)
        half = side // 2
        boxes, class_ids = [], []
        # in halves of their own, so that none hides the other
        for column in (0, half)[: int(draw.integers(1, 3))]:
            size = int(draw.integers(side // 5, side // 3))
            left = column + int(draw.integers(half - size))
            top, disc = int(draw.integers(side - size)), int(draw.integers(2))
            if disc:
                centre = (left + size // 2, top + size // 2)
                cv2.circle(image, centre, size // 2, (30, 200, 30), -1)
            else:
                image[top : top + size, left : left + size] = (220, 40, 40)
            boxes.append((left, top, left + size, top + size))
            class_ids.append(disc)
        return Labelled(image, np.array(boxes, np.float32), np.array(class_ids, np.int64))


def small_network(classes: int = len(CLASSES), seed: int = 0) -> Yolox:
    """A YOLOX of a tenth of the smallest variant's work, with the first weights of training."""
    from edgecv.training.transfer import new_network_of

    model = new_network_of(YoloxConfig(8, 1, True, classes), seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.1  # it is trained for a hundred steps, not for thousands
    return model


def quick(**changes: object) -> TrainSettings:
    """Settings for a few steps without augmentation."""
    values = {"batch": 4, "workers": 0, "augment": STILL, "warmup_epochs": 0.5, **changes}
    return TrainSettings.model_validate(values)


def write_shapes(folder: Path, **splits: int) -> Path:
    """A COCO data set of shapes with so many pictures a split."""
    (folder / "images").mkdir(parents=True)
    categories = [{"id": number, "name": name} for number, name in enumerate(CLASSES)]
    for start, (split, count) in enumerate(splits.items()):
        images, annotations = [], []
        for number in range(count):
            image, boxes, class_ids = Shapes(count, first=1000 * start).picture(number)
            name = f"{split}{number}.png"
            cv2.imwrite(str(folder / "images" / name), image)
            images.append({"id": number, "file_name": name, "width": 64, "height": 64})
            for (left, top, right, bottom), class_id in zip(
                boxes.tolist(), class_ids.tolist(), strict=True
            ):
                box = [left, top, right - left, bottom - top]
                key = {"id": len(annotations), "image_id": number, "category_id": class_id}
                annotations.append({**key, "bbox": box, "area": box[2] * box[3], "iscrowd": 0})
        content = {"images": images, "annotations": annotations, "categories": categories}
        (folder / f"instances_{split}.json").write_text(json.dumps(content))
    return folder
