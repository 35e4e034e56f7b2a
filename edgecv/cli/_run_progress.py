"""How far `edgecv run` is with files, for a person at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from edgecv.progress import bar
from edgecv.runtime.sources import Capture, Source
from edgecv.runtime.stats import Stats

Opened = Sequence[tuple[Source, Capture | None]]


def frames_of(captures: Opened, max_frames: int | None) -> int | None:
    """Frames that all sources will give; None: one does not say."""
    # a count of frames is no part of a capture: only files have one, and not all of them
    said = [getattr(capture, "frames", None) or max_frames for _, capture in captures]
    counts = [count if max_frames is None else min(count, max_frames) for count in said if count]
    return sum(counts) if len(counts) == len(said) else None


@contextmanager
def told_how_far(
    captures: Opened, max_frames: int | None, stats: Stats, quiet: bool
) -> Iterator[Callable[[], None]]:
    """A bar of frames; call what it yields now and then. A camera, which has no end, has none.

    Args:
        captures: with their sources.
        max_frames: of each source.
        stats: of the run.
        quiet: something else is written to the terminal.
    """
    if quiet or any(source.live for source, _ in captures) or not sys.stderr.isatty():
        yield lambda: None
        return
    told = 0
    with bar("frames", frames_of(captures, max_frames)) as advance:

        def look() -> None:
            nonlocal told
            given = sum(one.frames_in for one in stats.streams.values())
            for _ in range(given - told):
                advance()
            told = given

        yield look
