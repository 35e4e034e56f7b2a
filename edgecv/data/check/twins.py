"""Pictures that are the same file, or show the same, within a part and from one to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecv.data.check.looks import HASH_BITS, Look
from edgecv.types import Ints

# Bits of 64 in which two pictures may differ and still count as one. Measured on 2.2 million
# pairs of DeepPCB, HIT-UAV and COCO: a copy of half the size at JPEG quality 30 differs by 4 at
# most, one made 30 % brighter mostly by up to 8; of unlike pictures none came under 7, and some
# at 8; what is at 6 and less was looked at and shows one place
DISTANCE_MAX = 6
BLOCK = 2048  # rows and columns compared at once: 17 MB
SHOWN = 6


@dataclass(frozen=True)
class Twins:
    """Pictures of one part that another part, or an earlier picture of their own, has already.

    Attributes:
        part: where the pictures are.
        other: where their twins are; the part itself for duplicates.
        exact: pictures whose file is the same.
        near: others that look the same.
        examples: pairs of file names, and in how many bits they differ; the closest first.
    """

    part: str
    other: str
    exact: int
    near: int
    examples: tuple[tuple[str, str, int], ...]


def find_twins(parts: dict[str, Sequence[Look]]) -> list[Twins]:
    """What each part shares with those before it, then its own duplicates; empty is left out.

    Args:
        parts: looks at the pictures, by the name of their part.
    """
    names = list(parts)
    pairs = [(name, other) for index, name in enumerate(names) for other in names[:index]]
    pairs += [(name, name) for name in names]
    found = [_twins(name, parts[name], other, parts[other]) for name, other in pairs]
    return [twins for twins in found if twins.exact or twins.near]


def nearest(
    first: NDArray[np.bool_], second: NDArray[np.bool_], earlier: bool
) -> tuple[Ints, Ints]:
    """For each hash of the first list the closest of the second, and the bits between them.

    Args:
        first: (N, B).
        second: (M, B).
        earlier: both are one list, and each is compared with those before it only.

    Returns:
        (N,) indices and (N,) distances; B + 1 where there is nothing to compare with.
    """
    width = first.shape[1]
    # a product of signs counts the bits that agree less those that differ
    left, right = (np.where(bits, 1, -1).astype(np.float32) for bits in (first, second))
    index = np.zeros(len(first), np.int64)
    distance = np.full(len(first), width + 1, np.int64)
    for top in range(0, len(first), BLOCK):
        rows = slice(top, top + BLOCK)
        for start in range(0, min(len(second), top + BLOCK) if earlier else len(second), BLOCK):
            apart = ((width - left[rows] @ right[start : start + BLOCK].T) / 2).astype(np.int64)
            if earlier:
                late = np.arange(start, start + apart.shape[1]) >= np.arange(
                    top, top + apart.shape[0]
                )[:, None]  # fmt: skip
                apart[late] = width + 1
            best = apart.argmin(axis=1)
            bits = apart[np.arange(len(apart)), best]
            closer = bits < distance[rows]
            distance[rows] = np.where(closer, bits, distance[rows])
            index[rows] = np.where(closer, best + start, index[rows])
    return index, distance


def _twins(part: str, looks: Sequence[Look], other: str, others: Sequence[Look]) -> Twins:
    same = part == other
    copies = _copies(looks, others, same)
    first, second = _decoded(looks), _decoded(others)
    index, distance = nearest(_bits(first), _bits(second), same)
    near = [
        (first[i], second[int(index[i])], int(distance[i]))
        for i in np.argsort(distance, kind="stable")
        if distance[i] <= DISTANCE_MAX and first[i].path not in copies
    ]
    pairs = [*((a.path.name, b.path.name, 0) for a, b in copies.values())]
    pairs += [(a.path.name, b.path.name, bits) for a, b, bits in near]
    return Twins(part, other, len(copies), len(near), tuple(pairs[:SHOWN]))


def _copies(
    looks: Sequence[Look], others: Sequence[Look], same: bool
) -> dict[Path, tuple[Look, Look]]:
    """The pictures whose file there is already, each with that one."""
    seen = {} if same else {look.sha256: look for look in reversed(others)}
    found = {}
    for look in looks:
        if look.sha256 and look.sha256 in seen:
            found[look.path] = (look, seen[look.sha256])
        elif same:
            seen[look.sha256] = look
    return found


def _decoded(looks: Sequence[Look]) -> list[Look]:
    return [look for look in looks if look.bits is not None]


def _bits(looks: Sequence[Look]) -> NDArray[np.bool_]:
    return np.array([look.bits for look in looks], np.bool_).reshape(len(looks), HASH_BITS)
