"""The Pareto front: what no other beats in everything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgecv.sweep.schema import Sweep


def front(costs: Sequence[Sequence[float]]) -> list[bool]:
    """For each of N points whether no other is as good in all costs and better in one.

    Args:
        costs: N rows of one length; less is better. Equal rows do not beat each other.

    Raises:
        ValueError: rows of different lengths, or a cost that is no number.
    """
    if not costs:
        return []
    rows = np.asarray(costs, np.float64).reshape(len(costs), -1)
    if np.isnan(rows).any():
        raise ValueError("front: a cost is NaN")
    return [
        not bool(np.any(np.all(rows <= row, axis=1) & np.any(rows < row, axis=1))) for row in rows
    ]


def with_front(sweep: Sweep) -> Sweep:
    """A sweep with its front marked: over mAP, p90 and size."""
    pairs = sweep.points
    best = front([(-point.mAP, point.p90_ms, point.size_bytes) for _, point in pairs])
    marked = {
        (variant.name, point.file): there
        for (variant, point), there in zip(pairs, best, strict=True)
    }
    variants = tuple(
        variant.model_copy(
            update={
                "points": tuple(
                    point.model_copy(update={"front": marked[variant.name, point.file]})
                    for point in variant.points
                )
            }
        )
        for variant in sweep.variants
    )
    return sweep.model_copy(update={"variants": variants})
