from __future__ import annotations

import pytest
import torch
from made_shapes import small_network
from torch.nn.functional import binary_cross_entropy_with_logits as entropy
from torchvision.ops import box_iou

from edgecv.training.assignment import assign
from edgecv.training.batches import Batch
from edgecv.training.losses import detection_loss, encode
from edgecv.training.predictions import predictions, truth

NONE = torch.zeros(0, dtype=torch.int64)


def made_batch(boxes: list[list[list[float]]]) -> Batch:
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (len(boxes), 3, 64, 64), generator=draw, dtype=torch.uint8)
    return Batch(
        images,
        [torch.tensor(found).reshape(-1, 4) for found in boxes],
        [torch.arange(len(found)) % 2 for found in boxes],
        list(range(len(boxes))),
    )


TWO = made_batch([[[4, 4, 30, 40], [20, 30, 60, 60]], [[10, 10, 22, 25]]])


@torch.no_grad()
def test_every_part_is_that_of_the_formula() -> None:
    model = small_network().eval()
    images = TWO.images.float()
    found = detection_loss(model, images, TWO, plain=True)
    raw = predictions(model(images))
    objects = truth(TWO.boxes_xyxy, TWO.class_ids, images.device)
    where = assign(raw, objects)
    pairs = list(zip(*(part.tolist() for part in where), strict=True))
    iou, classes, l1 = 0.0, 0.0, 0.0
    is_object = torch.zeros_like(raw.objectness)
    for picture, anchor, number in pairs:
        box, label = objects.boxes_xyxy[number], int(objects.class_ids[number])
        overlap = float(box_iou(raw.boxes_xyxy[picture, anchor][None], box[None]))
        iou += 5 * (1 - overlap**2)
        target = torch.zeros(2)
        target[label] = overlap
        classes += float(entropy(raw.classes[picture, anchor], target, reduction="sum"))
        is_object[picture, anchor] = 1
        left, top, right, bottom = box.tolist()
        stride = float(raw.strides[anchor])
        x, y = raw.points[anchor].tolist()
        wanted = torch.tensor(
            [
                (left + right) / 2 / stride - x,
                (top + bottom) / 2 / stride - y,
                torch.tensor((right - left) / stride).log(),
                torch.tensor((bottom - top) / stride).log(),
            ]
        )
        l1 += float((raw.raw[picture, anchor] - wanted).abs().sum())
    everywhere = float(entropy(raw.objectness, is_object, reduction="sum"))
    expected = {"iou": iou, "objectness": everywhere, "classes": classes, "l1": l1}
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(value / len(pairs), rel=1e-4), name


def test_l1_counts_in_the_plain_epochs_only() -> None:
    found = detection_loss(small_network(), TWO.images.float(), TWO, plain=False)
    assert list(found) == ["iou", "objectness", "classes"]


def test_a_batch_without_objects_teaches_that_there_are_none() -> None:
    model = small_network()
    empty = made_batch([[], []])
    found = detection_loss(model, empty.images.float(), empty, plain=True)
    values = {name: part.detach().item() for name, part in found.items()}
    assert values.pop("objectness") > 0
    assert values == {"iou": 0, "classes": 0, "l1": 0}
    torch.stack([*found.values()]).sum().backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(grad is not None and grad.isfinite().all() for grad in gradients)


def test_what_is_encoded_decodes_to_the_same_boxes() -> None:
    boxes = torch.tensor([[4.0, 6, 20, 60], [0, 0, 3, 5]])
    points, strides = torch.tensor([[1.0, 4], [0, 0]]), torch.tensor([[8.0], [16]])
    raw = encode(boxes, points, strides)
    centres, halves = (raw[:, :2] + points) * strides, raw[:, 2:].exp() * strides / 2
    assert torch.allclose(torch.cat((centres - halves, centres + halves), 1), boxes, atol=1e-5)
    assert encode(boxes[:0], points[:0], strides[:0]).shape == (0, 4)
