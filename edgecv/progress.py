"""Progress on stderr: bars for a person at a terminal, a line of what lasts for a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from threading import Timer

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

Advance = Callable[[], None]

LONG_S = 10.0  # of silence in a pipe, until a line says what goes on

# bars that open while one is shown join it: two displays cannot share a terminal
_shown: ContextVar[Progress | None] = ContextVar("_shown", default=None)


def say(message: str) -> None:
    """One line of log on stderr, above a bar that is shown; a terminal gets it broken at words."""
    shown = _shown.get()
    console = Console(file=sys.stderr) if shown is None else shown.console
    whole = not console.is_terminal
    console.print(message, highlight=False, markup=False, soft_wrap=whole)


@contextmanager
def bar(title: str, total: int | None) -> Iterator[Advance]:
    """A bar of `total` steps; call what it yields after each. None: it only shows life.

    A pipe gets a line of the outermost bar, when that lasts; none without a title.
    """
    with _display(title) as progress:
        task = progress.add_task(title, total=total)
        try:
            yield lambda: progress.advance(task)
        finally:
            progress.remove_task(task)


@contextmanager
def noted_bar(total: int, start: int = 0) -> Iterator[Callable[[str, str], None]]:
    """A bar of `total` steps, `start` of which are done; each step has a title and a note."""
    with _display("") as progress:  # who has notes tells them to a pipe as well
        task = progress.add_task("", total=total, completed=start, note="")
        try:
            yield lambda title, note: progress.update(task, advance=1, description=title, note=note)
        finally:
            progress.remove_task(task)


@contextmanager
def byte_bar(title: str, total: int | None, start: int = 0) -> Iterator[Callable[[int], None]]:
    """A bar of bytes, `start` of which are there; call what it yields with each piece's length."""
    with _display(title) as progress:
        task = progress.add_task(title, total=total, completed=start, unit=1e6)
        try:
            yield lambda count: progress.advance(task, count)
        finally:
            progress.remove_task(task)


@contextmanager
def _display(title: str) -> Iterator[Progress]:
    shown = _shown.get()
    if shown is not None:
        yield shown
        return
    console = Console(file=sys.stderr)
    columns = (TextColumn("  {task.description:<28}"), BarColumn(bar_width=24), _Figures())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as p:
        token = _shown.set(p)
        try:
            with _told(title) if p.disable and title else nullcontext():
                yield p
        finally:
            _shown.reset(token)


@contextmanager
def _told(title: str) -> Iterator[None]:
    """One line, as of a stage, if the block lasts."""
    timer = Timer(LONG_S, say, (f"{title:<10} {'begun':>8}",))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class _Figures(ProgressColumn):
    """Steps done and seconds to come, or seconds gone by where the steps are not known."""

    def render(self, task: Task) -> Text:
        unit = task.fields.get("unit")
        done = f"{task.completed / unit:.1f}" if unit else f"{task.completed:.0f}"
        name = " MB" if unit else ""
        if task.total is None:
            return Text(f"{done}{name}" if unit else f"{task.elapsed or 0:.0f} s", "dim")
        total = f"{task.total / unit:.1f}" if unit else f"{task.total:.0f}"
        left = "" if task.time_remaining is None else f", {_duration(task.time_remaining)} left"
        return Text(f"{done}/{total}{name}{left}{task.fields.get('note', '')}", "dim")


def _duration(seconds: float) -> str:
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
