from __future__ import annotations

import pytest

from edgecv.report.training.schema import ClassResult, Mistakes
from edgecv.report.training.tables import lowest_first, matrix, most_confused, overall

NAMES = ("nut", "bolt")


def mistakes(*rows: tuple[int, int, int]) -> Mistakes:
    return Mistakes(
        score_min=0.4, iou_min=0.5, class_names=NAMES, confusion=rows, images=1, faultless=0
    )


MADE = mistakes((6, 3, 1), (0, 10, 0), (4, 2, 0))


def test_a_row_of_a_class_is_shaded_by_its_share_and_that_of_the_background_by_its_largest() -> (
    None
):
    made = matrix(MADE)
    assert (made.names, made.left_out) == (NAMES, 0)
    nut, _, background = made.rows
    assert [(cell.count, cell.shade, cell.kind) for cell in nut] == [
        (6, 0.6, "right"),
        (3, 0.3, "wrong"),
        (1, 0.1, "wrong"),
    ]
    assert [cell.shade for cell in background] == [1.0, 0.5, 0.0]


def test_a_cell_says_what_it_counts() -> None:
    nut, _, background = matrix(MADE).rows
    assert [cell.told for cell in nut] == [
        "6 nut found as nut",
        "3 nut found as bolt",
        "1 nut missed",
    ]
    assert background[0].told == "4 false, as nut"


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (((6, 0, 1), (0, 0, 0), (4, 0, 0)), ["nut"]),
        (((6, 0, 1), (0, 0, 0), (0, 1, 0)), ["nut", "bolt"]),
        (((0, 0, 0), (0, 0, 1), (0, 0, 0)), ["bolt"]),
    ],
    ids=["neither", "a false box", "a missed object"],
)
def test_a_class_with_neither_an_object_nor_a_box_is_left_out(
    rows: tuple[tuple[int, int, int], ...], names: list[str]
) -> None:
    made = matrix(mistakes(*rows))
    assert list(made.names) == names
    assert made.left_out == 2 - len(names)
    assert {len(row) for row in made.rows} == {len(made.rows)} == {len(names) + 1}


def test_recall_and_precision_over_all_classes() -> None:
    assert overall(MADE) == (16 / 20, 16 / 25)


def test_where_there_is_nothing_there_is_no_share() -> None:
    empty = mistakes((0, 0, 0), (0, 0, 0), (0, 0, 0))
    assert overall(empty) == (None, None)
    assert {cell.shade for row in matrix(empty).rows for cell in row} == {0.0}
    assert most_confused(empty, 5) == []


def test_the_commonest_confusion_comes_first() -> None:
    made = mistakes((6, 3, 1), (5, 10, 0), (4, 2, 0))
    assert most_confused(made, 5) == [("bolt", "nut", 5, 1 / 3), ("nut", "bolt", 3, 0.3)]
    assert len(most_confused(made, 1)) == 1


def test_the_lowest_ap_comes_first_and_what_was_not_scored_last() -> None:
    rows = [
        ClassResult(name=n, val_boxes=1, ap=ap) for n, ap in (("a", None), ("b", 0.9), ("c", 0))
    ]
    assert [one.name for one in lowest_first(rows)] == ["c", "b", "a"]
    assert lowest_first([]) == []
