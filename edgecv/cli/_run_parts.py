"""What `edgecv run` is made of: options to settings, sinks, an engine, signals."""

from __future__ import annotations

import difflib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

import numpy as np

from edgecv.bundle import Bundle, Variant
from edgecv.engines import Engine, open_engine
from edgecv.engines.tensorrt import why_not_here
from edgecv.errors import BundleError, UsageError
from edgecv.machine import available_cores
from edgecv.models.download import cache_folder
from edgecv.progress import say
from edgecv.runtime.intake import Policy
from edgecv.runtime.loop import LoopSettings
from edgecv.runtime.reader import Reading
from edgecv.runtime.sinks import Sink
from edgecv.runtime.sources import Source

# smallest score that a tracker still makes use of (ByteTrack's), and that a person wants to see
TRACKED_MIN, SHOWN_MIN = 0.1, 0.25
# best first, among those that run here
PREFERRED = ("tensorrt", "openvino", "onnxruntime", "torch", "null")


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


def requests_here() -> int:
    """Engine calls at once: two, so that one is fetched while the other is computed, or more."""
    return max(2, min(4, available_cores() // 2))


def _class_id(name: str, known: Sequence[str]) -> int:
    if name in known:
        return known.index(name)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(known[:8])} ..."
    raise UsageError(f"--classes: no class '{name}' in this bundle; {hint}")


def pick_variant(bundle: Bundle, engine: str | None) -> Variant:
    """The variant to run: by its name or its engine's, else the best that runs on this machine.

    Raises:
        BundleError: the bundle has none such.
    """
    variants = bundle.manifest.variants
    if engine is not None:
        by_name = [variant for variant in variants if variant.name == engine]
        return by_name[0] if by_name else bundle.variant(engine)
    for name in PREFERRED:
        if any(variant.engine == name and _runs_here(variant) for variant in variants):
            return bundle.variant(name)
    have = ", ".join(variant.name for variant in variants) or "none"
    raise BundleError(
        f"{bundle.folder}: none of its engines runs here; it has {have}. Install one: "
        "pip install 'edgecv[openvino]', or build one: edgecv build"
    )


def _runs_here(variant: Variant) -> bool:
    if variant.engine == "tensorrt":
        # one that was built; the others stand in for it until then
        return not variant.file.endswith(".onnx") and why_not_here() is None
    return variant.engine == "null" or find_spec(variant.engine) is not None


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


class EngineToBe:
    """An engine that opens while other things are made ready."""

    def __init__(self, future: Future[Engine]) -> None:
        self._future = future

    def get(self) -> Engine:
        """Wait for it.

        Raises:
            BundleError, EngineError, MissingExtraError: as `open_engine`.
        """
        return self._future.result()


def compiled_cache() -> Path | None:
    """Where compiled networks are kept; None where nothing can be: starting only takes longer."""
    folder = cache_folder() / "openvino"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        say(f"{folder}: cannot keep the compiled network ({error.strerror}); see EDGECV_CACHE")
        return None
    return folder if os.access(folder, os.W_OK) else None


@contextmanager
def opened_engine(bundle: Bundle, variant: Variant, settings: LoopSettings) -> Iterator[EngineToBe]:
    """Open an engine in a thread, and close it at the end."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(
            open_engine,
            bundle,
            variant,
            requests=settings.requests,
            cache=compiled_cache(),
        )
        try:
            yield EngineToBe(future)
        finally:
            if future.exception() is None:
                future.result().close()


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
