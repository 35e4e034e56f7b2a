"""The rows of the training report's tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecv.report.training.schema import ClassResult, Mistakes


@dataclass(frozen=True)
class Cell:
    """A count of the confusion matrix.

    Attributes:
        count: objects, or boxes in the row of the background.
        shade: its part of the row, in [0, 1]; of the largest in the row of the background.
        kind: right or wrong.
        told: the count as a sentence.
    """

    count: int
    shade: float
    kind: str
    told: str


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix without the classes that have neither an object nor a box.

    Attributes:
        names: of the classes that are left.
        rows: one of each of them, then that of the background; a cell a class, then the missed.
        left_out: how many classes have nothing to show.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    left_out: int


def matrix(mistakes: Mistakes) -> Matrix:
    """The confusion matrix as cells."""
    names, counts = mistakes.class_names, mistakes.confusion
    used = [i for i in range(len(names)) if any(counts[i]) or any(row[i] for row in counts)]
    rows = tuple(_row(mistakes, at, [*used, len(names)]) for at in [*used, len(names)])
    return Matrix(tuple(names[i] for i in used), rows, len(names) - len(used))


def _row(mistakes: Mistakes, at: int, columns: Sequence[int]) -> tuple[Cell, ...]:
    names, counts = mistakes.class_names, mistakes.confusion[at]
    whole = max(counts) if at == len(names) else sum(counts)
    return tuple(
        Cell(
            counts[column],
            counts[column] / whole if whole else 0.0,
            "right" if at == column else "wrong",
            _told(names, at, column, counts[column]),
        )
        for column in columns
    )


def _told(names: Sequence[str], row: int, column: int, count: int) -> str:
    if row == len(names):
        return f"{count} false, as {names[column]}" if column < len(names) else ""
    box = "missed" if column == len(names) else f"found as {names[column]}"
    return f"{count} {names[row]} {box}"


def overall(mistakes: Mistakes) -> tuple[float | None, float | None]:
    """Recall and precision over all classes, in [0, 1]; None where there is nothing to count."""
    matrix = mistakes.confusion
    right = sum(matrix[row][row] for row in range(len(mistakes.class_names)))
    objects = sum(map(sum, matrix[:-1]))
    boxes = sum(sum(line[:-1]) for line in matrix)
    return (right / objects if objects else None, right / boxes if boxes else None)


def most_confused(mistakes: Mistakes, count: int) -> Sequence[tuple[str, str, int, float]]:
    """The commonest mistakes between classes.

    Returns:
        (class of the object, class of the box, objects, share of the objects of that class).
    """
    names, matrix = mistakes.class_names, mistakes.confusion
    found = [
        (names[row], names[column], matrix[row][column], matrix[row][column] / sum(matrix[row]))
        for row in range(len(names))
        for column in range(len(names))
        if row != column and matrix[row][column]
    ]
    return sorted(found, key=lambda one: -one[2])[:count]


def lowest_first(classes: Sequence[ClassResult]) -> list[ClassResult]:
    """Classes by their AP; those without a box in val last."""
    return sorted(classes, key=lambda one: (one.ap is None, one.ap, one.name))
