"""What `edgecv sweep` prints when it is done: the front, and what became of the others."""

from __future__ import annotations

from collections import Counter

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from edgecv.sweep.grid import labels
from edgecv.sweep.schema import State, Sweep

WIDTH = 80
STATES: dict[State, str] = {
    "measured": "measured",
    "made": "not timed yet",
    "stopped": "stopped early",
    "failed": "failed",
    "waiting": "to do",
}


def print_front(sweep: Sweep) -> None:
    """The points that no other beats, the fastest first, and how many variants there are."""
    console = Console(width=WIDTH, highlight=False, markup=False)
    names = [variant.name for variant in sweep.variants]
    short = dict(zip(names, labels([v.settings for v in sweep.variants]), strict=True))
    best = [(variant, point) for variant, point in sweep.points if point.front]
    if best:
        table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        table.add_column("variant", overflow="fold")
        table.add_column("file", no_wrap=True)
        for head in ("mAP", "loss", "p90 ms", "MB"):
            table.add_column(head, justify="right", no_wrap=True)
        for variant, point in best:
            numbers = f"{point.mAP:.4f}", f"{point.drop:+.4f}", f"{point.p90_ms:.1f}"
            megabytes = f"{point.size_bytes / 1e6:.2f}"
            table.add_row(short[variant.name], point.file, *numbers, megabytes)
        console.print(table)
        rest = len(sweep.points) - len(best)
        console.print(
            f"None of these is beaten in mAP, p90 and size; {rest} other files are. Timed on "
            f"{sweep.cpu}."
        )
    counts = Counter(variant.state for variant in sweep.variants)
    told = [f"{counts[state]} {words}" for state, words in STATES.items() if counts[state]]
    plural = "s" if len(names) != 1 else ""
    console.print(f"{len(names)} variant{plural}: {', '.join(told)}")
