"""Results to all sinks: one that fails is closed and left, the others go on."""

from __future__ import annotations

from collections.abc import Sequence

from edgecv.errors import EdgecvError
from edgecv.progress import say
from edgecv.runtime.frames import StreamFrame
from edgecv.runtime.sinks import Sink
from edgecv.types import Detections


class Delivery:
    """The sinks of a run.

    Args:
        sinks: closed by `close`, or when they fail.
        problems: what fails is said, and added here once.
    """

    def __init__(self, sinks: Sequence[Sink], problems: list[str]) -> None:
        self._sinks, self._problems = list(sinks), problems
        self._had_sinks = bool(sinks)

    @property
    def failed(self) -> bool:
        """There were sinks, and none is left."""
        return self._had_sinks and not self._sinks

    def give(self, frame: StreamFrame, found: Detections) -> None:
        """Hand a result to every sink."""
        for sink in list(self._sinks):
            try:
                sink.write(frame, found)
            except (EdgecvError, OSError) as error:
                self._note(error)
                self._sinks.remove(sink)
                self._close(sink)

    def close(self) -> None:
        """Close those that are left."""
        for sink in self._sinks:
            self._close(sink)
        self._sinks.clear()

    def _close(self, sink: Sink) -> None:
        try:
            sink.close()
        except (EdgecvError, OSError) as error:
            self._note(error)

    def _note(self, error: Exception) -> None:
        message = str(error)
        if message not in self._problems:
            self._problems.append(message)
            say(message)
