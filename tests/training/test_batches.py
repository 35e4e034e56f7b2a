from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from made_data import noise

from edgecv.errors import DataError, UsageError
from edgecv.recipe import AugmentSettings, TrainSettings
from edgecv.training.batches import Batch, batches, steps_an_epoch
from edgecv.training.pictures import Labelled
from edgecv.training.schedule import picture_side


class Noise:
    """Pictures with as many boxes as their number."""

    name, digest, class_names = "noise", "", ("thing",)

    def __init__(self, count: int, broken: int = -1) -> None:
        self.count, self.broken = count, broken

    def __len__(self) -> int:
        return self.count

    def picture(self, index: int) -> Labelled:
        if index == self.broken:
            raise DataError(f"{index}.png: cannot be read")
        boxes = np.array([[i, i, i + 20, i + 30] for i in range(index)], np.float32)
        ids = np.zeros(index, np.int64)
        return Labelled(noise(60, 40 + index, index), boxes.reshape(-1, 4), ids)


def settings(**changes: Any) -> TrainSettings:
    return TrainSettings(**{"epochs": 10, "batch": 4, "workers": 0, "seed": 3, **changes})


def run(pictures: Noise, chosen: TrainSettings, epoch: int = 0, **more: int) -> list[Batch]:
    return list(batches(pictures, chosen, 64, epoch, **more))


def same(first: Batch, second: Batch) -> bool:
    return (
        torch.equal(first.images, second.images)
        and all(map(torch.equal, first.boxes_xyxy, second.boxes_xyxy))
        and all(map(torch.equal, first.class_ids, second.class_ids))
        and first.indices == second.indices
    )


def test_a_batch_has_the_documented_shapes() -> None:
    (first, *_) = run(Noise(7), settings())

    side = picture_side(settings(), 64, 0, 0)
    assert (first.images.shape, first.images.dtype) == ((4, 3, side, side), torch.uint8)
    assert len(first.boxes_xyxy) == len(first.class_ids) == len(first.indices) == 4
    for boxes, ids in zip(first.boxes_xyxy, first.class_ids, strict=True):
        assert (boxes.shape, boxes.dtype) == ((len(ids), 4), torch.float32)
        assert ids.dtype == torch.int64


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_batches_are_the_same_whatever_the_number_of_workers(workers: int) -> None:
    alone = run(Noise(11), settings())
    together = run(Noise(11), settings(workers=workers))

    assert len(alone) == len(together) == 3
    assert all(map(same, alone, together))


@pytest.mark.parametrize("start", [0, 1, 2, 3])
def test_an_epoch_that_begins_in_the_middle_goes_on_as_it_would_have(start: int) -> None:
    whole = run(Noise(11), settings(workers=2), epoch=4)
    rest = run(Noise(11), settings(workers=2), epoch=4, start=start)

    assert len(rest) == 3 - start
    assert all(map(same, whole[start:], rest))


def test_processes_share_a_batch_in_their_order() -> None:
    whole = run(Noise(11), settings())
    parts = [run(Noise(11), settings(), rank=rank, world=2) for rank in range(2)]

    for one, first, second in zip(whole, *parts, strict=True):
        assert one.indices == first.indices + second.indices
        assert torch.equal(one.images, torch.cat([first.images, second.images]))


def test_an_epoch_shows_every_picture_and_its_last_batch_is_full() -> None:
    indices = [index for batch in run(Noise(11), settings()) for index in batch.indices]

    assert set(indices) == set(range(11))
    assert len(indices) == 12
    assert sorted(indices[:11]) == list(range(11))


def test_few_pictures_fill_a_batch_by_turns_and_each_time_look_different() -> None:
    (batch,) = run(Noise(3), settings(batch=6))

    assert sorted(batch.indices) == [0, 0, 1, 1, 2, 2]
    assert len({image.numpy().tobytes() for image in batch.images}) == 6


@pytest.mark.parametrize("change", [{"epoch": 1}, {"chosen": settings(seed=4)}])
def test_another_epoch_or_seed_is_another_order_and_look(change: dict[str, Any]) -> None:
    before = run(Noise(11), settings())
    after = run(Noise(11), **{"chosen": settings(), **change})

    assert [b.indices for b in before] != [b.indices for b in after]
    assert not same(before[0], after[0])


def test_the_last_epochs_are_plain() -> None:
    still = AugmentSettings(flip=0, hue=0, saturation=0, value=0, multiscale=0)
    chosen = settings(augment=still, plain_epochs=1)
    assert chosen.plain_from == 9
    counts = {
        epoch: [
            len(ids) == index
            for batch in run(Noise(8), chosen, epoch)
            for index, ids in zip(batch.indices, batch.class_ids, strict=True)
        ]
        for epoch in (8, 9)
    }

    assert all(counts[9])  # each has its own objects, all of them and no others
    assert not all(counts[8])


def test_no_picture_is_no_batch() -> None:
    assert run(Noise(0), settings()) == []


@pytest.mark.parametrize(("count", "steps"), [(0, 0), (1, 1), (4, 1), (5, 2)])
def test_steps_an_epoch(count: int, steps: int) -> None:
    assert steps_an_epoch(count, 4) == steps == len(run(Noise(count), settings()))


def test_a_batch_that_processes_cannot_share_is_refused() -> None:
    with pytest.raises(UsageError, match=r"batch: 4 pictures.*3 processes; expected a multiple"):
        run(Noise(5), settings(), world=3)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_picture_that_cannot_be_read_ends_it_with_its_own_line(workers: int) -> None:
    with pytest.raises(DataError, match=r"^5.png: cannot be read$"):
        run(Noise(8, broken=5), settings(workers=workers))


@pytest.fixture
def started() -> Iterator[Iterator[Batch]]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    running = batches(Noise(40), settings(workers=2), 64, 0)
    next(running)
    yield running
    cv2.setNumThreads(before)


def test_whoever_stops_early_leaves_no_thread_behind(started: Any) -> None:
    def workers() -> int:
        return sum(thread.name.startswith("pictures") for thread in threading.enumerate())

    assert workers() == 2
    started.close()
    assert workers() == 0


def test_opencv_uses_one_thread_meanwhile_and_as_many_as_before_afterwards(started: Any) -> None:
    assert cv2.getNumThreads() == 1
    started.close()
    assert cv2.getNumThreads() == 2


def test_no_more_than_two_batches_are_prepared_ahead() -> None:
    asked: list[int] = []

    class Watched(Noise):
        def picture(self, index: int) -> Labelled:
            asked.append(index)
            return super().picture(index)

    chosen = settings(workers=2, augment=AugmentSettings(mosaic=0))
    running = batches(Watched(40), chosen, 64, 0)
    next(running)
    running.close()  # type: ignore[attr-defined]

    assert 4 <= len(asked) <= 4 + 2 * 4
