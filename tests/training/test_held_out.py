from __future__ import annotations

import pytest

from edgecv.training.held_out import held_out


def test_files_stay_on_their_side_when_others_are_added() -> None:
    names = [f"{i}.jpg" for i in range(500)]
    before = dict(zip(names, held_out(names, 0.2, seed=1), strict=True))
    more = [f"new {i}.jpg" for i in range(500)] + names[::-1]
    after = dict(zip(more, held_out(more, 0.2, seed=1), strict=True))

    assert all(before[name] == after[name] for name in names)
    assert 70 <= sum(before.values()) <= 130
    assert (held_out(names, 0.2, seed=2) != list(before.values())).any()


@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_both_parts_get_a_picture_where_there_are_two(fraction: float) -> None:
    assert held_out(["a", "b", "c"], fraction, 0).sum() == (1 if fraction < 0.5 else 2)
    assert held_out(["a", "b"], fraction, 0).sum() == 1
    assert held_out([], fraction, 0).tolist() == []
