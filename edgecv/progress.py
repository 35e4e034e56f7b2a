"""Progress on stderr: a bar for a person at a terminal, nothing for a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Advance = Callable[[], None]


def say(message: str) -> None:
    """One line of log on stderr."""
    Console(file=sys.stderr, highlight=False, markup=False, soft_wrap=True).print(message)


@contextmanager
def bar(title: str, total: int) -> Iterator[Advance]:
    """A bar of `total` steps; call what it yields after each."""
    console = Console(file=sys.stderr)
    columns = (
        TextColumn("  {task.description:<28}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as p:
        task = p.add_task(title, total=total)
        yield lambda: p.advance(task)
