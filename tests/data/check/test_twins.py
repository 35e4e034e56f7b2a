from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from edgecv.data.check import twins
from edgecv.data.check.looks import HASH_BITS, Look
from edgecv.data.check.twins import DISTANCE_MAX, Twins, find_twins, nearest

DRAW = np.random.default_rng(0)
BASE = DRAW.random((40, HASH_BITS)) < 0.5


def flipped(index: int, count: int) -> np.ndarray:
    bits = BASE[index].copy()
    bits[:count] = ~bits[:count]
    return bits


def look(name: str, bits: np.ndarray | None, sha256: str = "") -> Look:
    return Look(Path(name), sha256 or name, "colour", bits)


@pytest.mark.parametrize("block", [1, 3, 7, 2048])
@pytest.mark.parametrize("earlier", [True, False])
def test_the_nearest_is_that_of_comparing_all_pairs(
    monkeypatch: pytest.MonkeyPatch, block: int, earlier: bool
) -> None:
    monkeypatch.setattr(twins, "BLOCK", block)
    second = BASE if earlier else np.random.default_rng(1).random((25, HASH_BITS)) < 0.5
    apart = (BASE[:, None] != second[None]).sum(-1)
    if earlier:
        apart[np.triu_indices(len(BASE))] = HASH_BITS + 1

    index, distance = nearest(BASE, second, earlier)

    assert distance.tolist() == apart.min(1).tolist()
    assert apart[np.arange(len(BASE)), index].tolist() == apart.min(1).tolist()


def test_nothing_to_compare_with_is_further_than_everything() -> None:
    none = np.zeros((0, HASH_BITS), bool)

    assert nearest(BASE[:2], none, False)[1].tolist() == [HASH_BITS + 1] * 2
    assert nearest(none, BASE, False)[1].tolist() == []
    assert nearest(BASE[:1], BASE[:1], True)[1].tolist() == [HASH_BITS + 1]


@pytest.mark.parametrize(("bits", "count"), [(0, 1), (DISTANCE_MAX, 1), (DISTANCE_MAX + 1, 0)])
def test_pictures_within_the_distance_look_alike(bits: int, count: int) -> None:
    parts = {"train": [look("a", BASE[0])], "val": [look("b", flipped(0, bits))]}

    found = find_twins(parts)

    assert [(one.part, one.other, one.exact, one.near) for one in found] == [
        ("val", "train", 0, 1)
    ] * count
    assert [one.examples for one in found] == [(("b", "a", bits),)] * count


def test_the_same_file_counts_as_exact_and_not_as_near() -> None:
    parts: dict[str, Sequence[Look]] = {
        "train": [look("a", BASE[0], "same"), look("b", BASE[0], "same"), look("c", BASE[1])],
        "val": [look("d", BASE[0], "same"), look("e", BASE[2])],
    }

    assert find_twins(parts) == [
        Twins("val", "train", 1, 0, (("d", "a", 0),)),
        Twins("train", "train", 1, 0, (("b", "a", 0),)),
    ]


def test_pictures_that_cannot_be_decoded_are_the_twins_of_none() -> None:
    missing = [Look(Path("a")), Look(Path("b"))]
    assert find_twins({"all": [*missing, look("c", BASE[0])], "none": []}) == []
    assert find_twins({}) == []


def test_the_closest_are_the_examples() -> None:
    others = [look(f"{i}", flipped(0, i % 7)) for i in range(1, 20)]

    (_, found) = find_twins({"a": [look("0", BASE[0])], "b": others})[::-1][:2]

    assert (found.part, found.other, found.near) == ("b", "a", 19)
    assert [bits for *_, bits in found.examples] == [0, 0, 1, 1, 1, 2]
