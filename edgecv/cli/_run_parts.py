"""What `edgecv run` is made of: options to settings, signals."""

from __future__ import annotations

import difflib
import math
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import click
import numpy as np

from edgecv.bundle import Bundle
from edgecv.cli._run_engine import requests_here
from edgecv.errors import UsageError
from edgecv.runtime.intake import Policy
from edgecv.runtime.loop import LoopSettings
from edgecv.runtime.reader import Reading
from edgecv.runtime.stats import SHOWN_MIN

# smallest score that a tracker still makes use of (ByteTrack's)
TRACKED_MIN = 0.1


class Finite(click.FloatRange):
    """A number of a range; nan, which lies outside of none, and inf are refused."""

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> float:
        number = float(super().convert(value, param, context))
        if not math.isfinite(number):
            self.fail(f"'{value}': expected a finite number", param, context)
        return number


@dataclass(frozen=True)
class Asked:
    """Options as they were given."""

    engine: str | None
    tracker: str
    policy: str | None
    classes: str | None
    conf: float | None
    every: int
    max_frames: int | None
    fps: float | None = None
    p99: float | None = None


def settings_of(bundle: Bundle, asked: Asked) -> LoopSettings:
    """The loop's settings.

    Raises:
        UsageError: a policy or class that does not exist.
    """
    tracker = None if asked.tracker == "none" else asked.tracker
    conf = asked.conf
    if tracker is None:
        score_min = SHOWN_MIN if conf is None else conf
    else:
        score_min = TRACKED_MIN if conf is None else min(conf, TRACKED_MIN)
    class_ids = None
    if asked.classes is not None:
        names = [name.strip() for name in asked.classes.split(",")]
        class_ids = np.array([_class_id(name, bundle.spec.class_names) for name in names])
    return LoopSettings(
        policy=None if asked.policy is None else Policy.parse(asked.policy),
        tracker=tracker,
        score_min=score_min,
        start_min=conf,
        class_ids=class_ids,
        reading=Reading(asked.every, asked.max_frames),
        requests=requests_here(),
    )


def _class_id(name: str, known: Sequence[str]) -> int:
    if name in known:
        return known.index(name)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(known[:8])} ..."
    raise UsageError(f"--classes: no class '{name}' in this bundle; {hint}")


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set; the second Ctrl-C ends at once."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
