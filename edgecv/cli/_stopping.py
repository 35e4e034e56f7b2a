"""SIGTERM as Ctrl-C, for commands that must leave nothing behind when they are ended."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """A timeout or a CI runner ends the block as Ctrl-C does, with what it undoes."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
