from __future__ import annotations

import numpy as np
import pytest
import torch

from edgecv.boxes import iou
from edgecv.models.deploy import Decode
from edgecv.models.yolox import Yolox, YoloxConfig
from edgecv.training.predictions import paired_iou, predictions, truth


@pytest.mark.parametrize("batch", [1, 3])
def test_boxes_are_decoded_as_the_deployed_network_does(batch: int) -> None:
    model = Yolox(YoloxConfig(8, 1, True, 3)).eval()
    images = torch.rand(batch, 3, 64, 96, generator=torch.Generator().manual_seed(1)) * 255
    with torch.no_grad():
        levels = model(images)
        boxes, scores = Decode(64, 96, 3)(levels)
    found = predictions(levels)
    assert found.grids == ((8, 12), (4, 6), (2, 3))
    assert torch.allclose(found.boxes_xyxy, boxes, atol=1e-4)
    product = found.objectness.sigmoid()[..., None] * found.classes.sigmoid()
    assert torch.allclose(product, scores, atol=1e-6)


def test_predictions_are_float32_whatever_the_network_computes_in() -> None:
    model = Yolox(YoloxConfig(8, 1, True, 3)).eval()
    with torch.autocast("cpu", torch.bfloat16):
        found = predictions(model(torch.zeros(1, 3, 32, 32)))
    assert {part.dtype for part in found[:4]} == {torch.float32}


def test_overlaps_of_pairs_are_those_of_the_matrix() -> None:
    corners = np.random.default_rng(0).uniform(0, 50, (2, 40, 2, 2)).astype(np.float32)
    first, second = np.sort(corners, axis=2).reshape(2, 40, 4)
    found = paired_iou(torch.from_numpy(first), torch.from_numpy(second))
    assert np.allclose(found.numpy(), np.diag(iou(first, second)), atol=1e-6)


def test_overlap_of_a_box_without_area_is_zero() -> None:
    point = torch.tensor([[5.0, 5, 5, 5]])
    assert paired_iou(point, point).tolist() == [0.0]


def test_objects_of_all_pictures_are_one_row() -> None:
    boxes = [torch.ones(2, 4), torch.zeros(0, 4), torch.full((1, 4), 3.0)]
    ids = [torch.tensor([4, 5]), torch.zeros(0, dtype=torch.int64), torch.tensor([6])]
    found = truth(boxes, ids, torch.device("cpu"))
    assert found.boxes_xyxy[:, 0].tolist() == [1.0, 1.0, 3.0]
    assert found.class_ids.tolist() == [4, 5, 6]
    assert found.pictures.tolist() == [0, 0, 2]


def test_a_batch_without_objects_is_an_empty_row() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    found = truth([torch.zeros(0, 4)] * 2, [none] * 2, torch.device("cpu"))
    assert (found.boxes_xyxy.shape, len(found.class_ids), len(found.pictures)) == ((0, 4), 0, 0)
