from __future__ import annotations

import numpy as np
import pytest
import torch

from edgecv.boxes import iou
from edgecv.models.yolox import STRIDES, Level
from edgecv.training.assignment import assign
from edgecv.training.predictions import Predictions, Truth, predictions

SIDE, CLASSES = 96, 3
Triple = tuple[int, int, int]


def made_predictions(batch: int, seed: int) -> Predictions:
    """Boxes of all sizes around their anchors, and scores between sure and unsure."""
    draw = torch.Generator().manual_seed(seed)

    def level(stride: int) -> Level:
        cells = SIDE // stride

        def normal(channels: int, spread: float) -> torch.Tensor:
            return torch.randn(batch, channels, cells, cells, generator=draw) * spread

        return Level(normal(4, 0.7), normal(1, 2.0), normal(CLASSES, 2.0))

    return predictions([level(stride) for stride in STRIDES])


def made_truth(counts: list[int], seed: int) -> Truth:
    draw = np.random.default_rng(seed)
    boxes = []
    for _ in range(sum(counts)):
        size = draw.uniform(4, 60, 2)
        start = draw.uniform(0, SIDE - size)
        boxes.append([*start, *(start + size)])
    return Truth(
        torch.tensor(np.array(boxes).reshape(-1, 4), dtype=torch.float32),
        torch.tensor(draw.integers(0, CLASSES, sum(counts))),
        torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts)),
    )


def cost_of(found: Predictions, picture: int, anchor: int, box: np.ndarray, label: int) -> float:
    """The paper's cost of one pair, with the class's cross entropy written out."""
    decoded = found.boxes_xyxy[picture, anchor].numpy()[None]
    overlap = float(iou(decoded, box[None])[0, 0])
    sigmoid = torch.sigmoid
    score = sigmoid(found.classes[picture, anchor]) * sigmoid(found.objectness[picture, anchor])
    target = np.eye(CLASSES)[label]
    p = np.clip(score.sqrt().double().numpy(), 1e-7, 1 - 1e-7)
    entropy = -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum()
    x, y = ((found.points[anchor] + 0.5) * found.strides[anchor]).tolist()
    inside = box[0] < x < box[2] and box[1] < y < box[3]
    return float(entropy - 3 * np.log(overlap + 1e-8) + (0 if inside else 1e5))


def by_hand(found: Predictions, truth: Truth) -> set[Triple]:
    """SimOTA object by object and anchor by anchor."""
    wanted: dict[tuple[int, int], list[tuple[float, int]]] = {}
    for number, (box, label, picture) in enumerate(zip(*truth, strict=True)):
        corners = box.numpy()
        centre = (corners[:2] + corners[2:]) / 2
        near = []
        for anchor in range(found.objectness.shape[1]):
            stride = float(found.strides[anchor])
            cell = np.floor(centre / stride)
            if np.abs(found.points[anchor].numpy() - cell).max() <= 2:
                decoded = found.boxes_xyxy[int(picture), anchor].numpy()[None]
                overlap = float(iou(decoded, corners[None])[0, 0])
                cost = cost_of(found, int(picture), anchor, corners, int(label))
                near.append((cost, overlap, anchor))
        count = max(1, int(sum(sorted((overlap for _, overlap, _ in near), reverse=True)[:10])))
        for cost, _, anchor in sorted(near)[:count]:
            wanted.setdefault((int(picture), anchor), []).append((cost, number))
    return {(picture, anchor, min(asked)[1]) for (picture, anchor), asked in wanted.items()}


@pytest.mark.parametrize("seed", range(4))
def test_anchors_are_those_of_the_algorithm_by_hand(seed: int) -> None:
    found, truth = made_predictions(3, seed), made_truth([9, 0, 4], seed)
    matches = assign(found, truth)
    triples = set(zip(*(part.tolist() for part in matches), strict=True))
    assert triples == by_hand(found, truth)
    assert len(triples) == len(matches.anchors) >= 9


def test_no_anchor_learns_two_objects_and_equal_ones_go_to_the_first() -> None:
    found, one = made_predictions(1, 0), made_truth([1], 3)
    twice = Truth(one.boxes_xyxy.repeat(2, 1), one.class_ids.repeat(2), torch.zeros(2).long())
    matches = assign(found, twice)
    assert set(matches.objects.tolist()) == {0}
    assert len(set(matches.anchors.tolist())) == len(matches.anchors)


def test_an_object_between_all_anchor_points_still_gets_an_anchor() -> None:
    tiny = Truth(torch.tensor([[8.0, 8, 9, 9]]), torch.tensor([1]), torch.tensor([0]))
    matches = assign(made_predictions(1, 0), tiny)
    assert len(matches.anchors) >= 1


def test_an_object_in_the_corner_gets_anchors_of_the_grid_only() -> None:
    corner = Truth(
        torch.tensor([[0.0, 0, 6, 6], [90.0, 90, 96, 96]]),
        torch.tensor([0, 1]),
        torch.zeros(2).long(),
    )
    found = made_predictions(1, 2)
    matches = assign(found, corner)
    points = (found.points + 0.5) * found.strides
    boxes = corner.boxes_xyxy[matches.objects]
    away = points[matches.anchors] - (boxes[:, :2] + boxes[:, 2:]) / 2
    assert (away.abs() < 3 * found.strides[matches.anchors]).all()


def test_without_objects_no_anchor_learns_one() -> None:
    matches = assign(made_predictions(2, 0), made_truth([0, 0], 0))
    assert [len(part) for part in matches] == [0, 0, 0]


def test_a_network_that_has_diverged_breaks_nothing() -> None:
    found = made_predictions(1, 0)
    broken = found._replace(boxes_xyxy=torch.full_like(found.boxes_xyxy, torch.nan))
    assert len(assign(broken, made_truth([2], 0)).anchors) == 0
