"""Scores of tracks as a table of eighty columns."""

from __future__ import annotations

from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.table import Table


def score_table(title: str, rows: Mapping[str, Mapping[str, float]]) -> Table:
    """HOTA, DetA, AssA, MOTA, IDF1 in percent and switches; a line for each name."""
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("sequence", no_wrap=True)
    for head in next(iter(rows.values())):
        table.add_column(head, justify="right")
    for name, row in rows.items():
        cells = [f"{value:.2f}" for key, value in row.items() if key != "IDSW"]
        table.add_row(name, *cells, str(row["IDSW"]))
    return table
