"""Text files of numbers, checked line by line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecv.errors import DataError

Floats = NDArray[np.float64]
Lines = list[tuple[int, str]]


def read_table(path: Path, delimiter: str | None, columns: tuple[int, ...]) -> tuple[Floats, Lines]:
    """Finite numbers (N, C), with the number and text of each line that is not blank.

    Args:
        path: the file.
        delimiter: between the numbers; None: blanks.
        columns: how many there may be.

    Raises:
        DataError: it is missing, empty, or not such a table.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error}). Expected MOT text") from error
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    wanted = " or ".join(map(str, columns))
    if not lines:
        raise DataError(f"{path}: the file is empty, expected lines of {wanted} numbers")
    try:
        table = np.loadtxt([line for _, line in lines], delimiter=delimiter, ndmin=2, comments=None)
    except ValueError as error:
        raise DataError(_first_bad(path, lines, delimiter, wanted)) from error
    if table.shape[1] not in columns:
        raise DataError(f"{path}: {table.shape[1]} columns, expected {wanted}")
    broken = ~np.isfinite(table).all(axis=1)
    refuse(path, lines, broken, "value", "finite numbers")
    return table, lines


def _first_bad(path: Path, lines: Lines, delimiter: str | None, wanted: str) -> str:
    width = len(lines[0][1].split(delimiter))
    bad = (
        found
        for found in lines
        if len(found[1].split(delimiter)) != width
        or not all(map(_is_number, found[1].split(delimiter)))
    )
    number, line = next(bad, lines[-1])
    return (
        f"{path}, line {number}: found '{line.strip()[:60]}', expected {wanted} numbers, as many "
        "on every line. Correct or remove the line"
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def refuse(path: Path, lines: Lines, wrong: Any, what: str, expected: str) -> None:
    """Raise DataError for the first row that the mask `wrong` (N,) marks, if any."""
    if wrong.any():
        number, line = lines[int(wrong.argmax())]
        raise DataError(
            f"{path}, line {number}: wrong {what} in '{line.strip()[:60]}', expected {expected}"
        )
