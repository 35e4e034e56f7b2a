"""Computes nothing: answers of the right shapes, for tests of all that is around an engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgecv.bundle import Bundle, ModelSpec, Variant
from edgecv.engines._engine import Built, Engine, PooledEngine
from edgecv.types import Array, Image

BOXES = 10


def build(source: Path, folder: Path, name: str) -> Built:
    """There is nothing to build."""
    return Built(None, {}, {})


def open(bundle: Bundle, variant: Variant, *, threads: int | None, requests: int) -> Engine:
    """An engine whose every answer is `boxes_of` and `scores_of`, whatever the picture."""
    spec = bundle.spec
    boxes, scores = boxes_of(spec), scores_of(spec)

    def call(batch: Image) -> list[Array]:
        return [np.repeat(answer[None], len(batch), axis=0) for answer in (boxes, scores)]

    return PooledEngine("null", spec, call, requests)


def boxes_of(spec: ModelSpec) -> Array:
    """(BOXES, 4) xyxy: equal squares side by side along the diagonal, without overlap."""
    start = np.arange(BOXES, dtype=np.float32) / BOXES
    size = np.array([spec.input.width, spec.input.height] * 2, np.float32)
    corners = np.stack([start, start, start + 1 / BOXES, start + 1 / BOXES], axis=1)
    return (corners * size).astype(np.float32)


def scores_of(spec: ModelSpec) -> Array:
    """(BOXES, C): box i is of class i modulo C, with a score that falls from 0.95 by 0.05."""
    scores = np.zeros((BOXES, len(spec.class_names)), np.float32)
    rows = np.arange(BOXES)
    scores[rows, rows % len(spec.class_names)] = 0.95 - 0.05 * rows
    return scores
