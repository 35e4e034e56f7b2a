"""What `edgecv run` is made of: options to settings, sinks, signals."""

from __future__ import annotations

import difflib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import numpy as np

from edgecv.bundle import Bundle
from edgecv.cli._run_engine import requests_here
from edgecv.errors import UsageError
from edgecv.runtime.intake import Policy
from edgecv.runtime.loop import LoopSettings
from edgecv.runtime.reader import Reading
from edgecv.runtime.sinks import Sink
from edgecv.runtime.sources import Source

# smallest score that a tracker still makes use of (ByteTrack's), and that a person wants to see
TRACKED_MIN, SHOWN_MIN = 0.1, 0.25


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


@dataclass(frozen=True)
class Outputs:
    """Where results go."""

    save: Path | None
    jsonl: Path | None
    mot: Path | None
    crops: Path | None
    show: bool

    @property
    def on_stdout(self) -> bool:
        return str(self.jsonl) == "-"


def settings_of(bundle: Bundle, asked: Asked) -> LoopSettings:
    """The loop's settings.

    Raises:
        UsageError: a policy or class that does not exist.
    """
    tracker = None if asked.tracker == "none" else asked.tracker
    score_min = asked.conf
    if score_min is None:
        score_min = SHOWN_MIN if tracker is None else TRACKED_MIN
    class_ids = None
    if asked.classes is not None:
        names = [name.strip() for name in asked.classes.split(",")]
        class_ids = np.array([_class_id(name, bundle.spec.class_names) for name in names])
    return LoopSettings(
        policy=None if asked.policy is None else Policy.parse(asked.policy),
        tracker=tracker,
        score_min=score_min,
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


def check_outputs(outputs: Outputs, sources: Sequence[Source]) -> None:
    """Refuse to write over what is read.

    Raises:
        UsageError: naming the file.
    """
    read = {path.resolve() for source in sources if (path := getattr(source, "path", None))}
    for path in (outputs.save, outputs.jsonl, outputs.mot):
        if path is not None and path.resolve() in read:
            raise UsageError(f"{path}: is a source; name another file to write to")


def sinks_of(
    outputs: Outputs, streams: list[str], class_names: Sequence[str], stop: Callable[[], None]
) -> list[Sink]:
    """The sinks that were asked for; each one's code is imported only then.

    Raises:
        UsageError, OSError: one cannot be made.
    """
    sinks: list[Sink] = []
    if outputs.show:
        from edgecv.runtime.sinks.window import Window

        sinks.append(Window(class_names, stop))
    if outputs.jsonl is not None:
        from edgecv.runtime.sinks.jsonl import JsonLines

        sinks.append(JsonLines(outputs.jsonl, class_names))
    if outputs.mot is not None:
        from edgecv.runtime.sinks.mot import MotText

        sinks.append(MotText(outputs.mot, streams))
    if outputs.crops is not None:
        from edgecv.runtime.sinks.crops import Crops

        sinks.append(Crops(outputs.crops, class_names))
    if outputs.save is not None:
        from edgecv.runtime.sinks.video import SavedVideo

        sinks.append(SavedVideo(outputs.save, streams, class_names))
    return sinks


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
