"""The batches of an epoch. What is in one follows from its number alone, whoever computes it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from edgecv.errors import UsageError
from edgecv.recipe import TrainSettings
from edgecv.training.augment import plain, vary
from edgecv.training.mixed import Mixed
from edgecv.training.pictures import Labelled, Pictures
from edgecv.training.schedule import picture_side

__all__ = ["Batch", "Labelled", "Pictures", "batches", "steps_an_epoch"]

# these keep streams of random numbers apart from that of the sizes in schedule.py
ORDER_STREAM, PICTURE_STREAM = 0, 1
AHEAD = 2  # batches in preparation: more take memory and gain nothing once this keeps up


class Batch(NamedTuple):
    """One process's part of a step.

    Attributes:
        images: (B, 3, S, S) uint8 BGR; S varies from step to step.
        boxes_xyxy: B tensors (N, 4) float32, pixels of the input.
        class_ids: B tensors (N,) int64.
        indices: B places in the pictures; of a mosaic that of its first, of mixed pictures without
            ground truth one from `Mixed.labelled` on.
    """

    images: Tensor
    boxes_xyxy: list[Tensor]
    class_ids: list[Tensor]
    indices: list[int]


def steps_an_epoch(count: int, batch: int) -> int:
    """Steps in which each of `count` pictures is seen; the last one starts again to be full."""
    return math.ceil(count / batch)


def batches(
    pictures: Pictures,
    settings: TrainSettings,
    input_size: int,
    epoch: int,
    start: int = 0,
    rank: int = 0,
    world: int = 1,
) -> Iterator[Batch]:
    """The batches of an epoch from step `start` on, prepared ahead by `workers` threads.

    Threads and not processes: decoding, resizing and warping leave Python's lock alone, decoded
    pictures are kept once for all, and nothing depends on how much shared memory a container has.

    Args:
        pictures: what to learn from, at least one.
        settings: batch, seed, epochs and augmentation.
        input_size: side of the network's input in pixels, which multi-scale varies.
        epoch: from 0.
        start: first step, from 0.
        rank, world: number of this process and of all; rank by rank they make up the whole batch.

    Raises:
        UsageError: the batch cannot be divided among the processes.
        DataError: a picture cannot be read.
    """
    if settings.batch % world:
        raise UsageError(
            f"train.batch: {settings.batch} pictures cannot be divided among {world} processes; "
            f"expected a multiple of {world}"
        )
    share = settings.batch // world
    order = np.random.default_rng((settings.seed, ORDER_STREAM, epoch)).permutation(len(pictures))

    def example(position: int) -> Labelled:
        side = picture_side(settings, input_size, epoch, position // settings.batch)
        draw = np.random.default_rng((settings.seed, PICTURE_STREAM, epoch, position))
        index = int(order[position % len(order)])
        kind, at = pictures.pick(index, draw) if isinstance(pictures, Mixed) else (pictures, index)
        if epoch < settings.plain_from:
            return vary(kind, at, side, settings.augment, draw)
        return plain(kind.picture(at), side, settings.augment, draw)

    steps = range(start, steps_an_epoch(len(pictures), settings.batch))
    places = [
        step * settings.batch + rank * share + slot for step in steps for slot in range(share)
    ]
    with _single_threaded():
        examples = _in_order(example, places, settings.workers, AHEAD * share)
        for first in range(0, len(places), share):
            indices = [int(order[at % len(order)]) for at in places[first : first + share]]
            yield _collate(list(islice(examples, share)), indices)


def _in_order(
    work: Callable[[int], Labelled], jobs: Sequence[int], workers: int, ahead: int
) -> Iterator[Labelled]:
    """The results of all jobs in their order; up to `ahead` are worked on before they are due."""
    if not workers:
        yield from map(work, jobs)
        return
    with ThreadPoolExecutor(workers, "pictures") as pool:
        waiting: deque[Future[Labelled]] = deque()
        try:
            for job in jobs:
                waiting.append(pool.submit(work, job))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # whoever stops in the middle waits for what runs, not for what is only queued
            pool.shutdown(cancel_futures=True)


@contextmanager
def _single_threaded() -> Iterator[None]:
    """OpenCV on one thread a call: the workers are the parallelism."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(0)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _collate(examples: list[Labelled], indices: list[int]) -> Batch:
    images = np.stack([example.image.transpose(2, 0, 1) for example in examples])
    return Batch(
        torch.from_numpy(images),
        [torch.from_numpy(example.boxes_xyxy) for example in examples],
        [torch.from_numpy(example.class_ids) for example in examples],
        indices,
    )
